/**
 * What `lvsdr realserver --check` says in the end is typed as it stands, and makes its own audit pass.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeProgramFolder } from "./doctor_patient.ts";
import { obstacle, RealServerPair, VIP } from "./realserver_pair.ts";

Deno.test("realserver --check ends with a command that makes the host a correct real server", {
  ignore: obstacle !== null,
}, async () => {
  await using pair = await RealServerPair.create();
  const programs = await makeProgramFolder(`${pair.folder}/programs`);
  for (const args of [["--vip", VIP], ["--vip", VIP, "--port", "80:8080", "--method", "redirect"]]) {
    const broken = await pair.role("--check", ...args);
    assert.equal(broken.code, 1, broken.stdout);
    const [last] = broken.stdout.trimEnd().split("\n").slice(-1);
    const [, command] = /^This host is not a correct real server: .+; what makes it one: (.+)$/.exec(last!) ??
      [];
    assert.notEqual(command, undefined, last);

    await pair.server.require("env", [
      `PATH=${programs}:${Deno.env.get("PATH")}`,
      ...["sh", "-ec", `${command} --once`],
    ]);
    const mended = await pair.role("--check", ...args);
    assert.equal(mended.code, 0, mended.stdout);
    assert.match(mended.stdout, /\nThis host is a correct real server\n$/);
    assert.equal((await pair.role("--undo")).code, 0);
  }
});
