/** `lvsdr director --undo`, and what is said when a director cannot put the host back. */

import assert from "node:assert/strict";
import { shellCommand } from "../../host/command.ts";
import { selfCommand } from "../../lab/self_command.ts";
import type { ProgramResult } from "../../lab/namespace.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { configText, DirectorNetwork, obstacle } from "./director_network.ts";
import { makeProgramFolder, Patient } from "./doctor_patient.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const CONFIG = `director: { offloads: disable }\n${configText({ servers: [[21, 1]] })}`;

function undo(network: DirectorNetwork): Promise<ProgramResult> {
  const [program, ...args] = selfCommand(["director", "--undo", "--run-dir", network.runDir]);
  return network.director.run(program, args);
}

Deno.test(`director --undo puts the host back after kill -9, and leaves a running one alone${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const before = await network.hostState();
  const director = await network.startDirector(CONFIG);
  const refused = await undo(network);
  assert.equal(refused.code, ExitCode.UNAVAILABLE, refused.stderr);
  assert.match(refused.stderr, /director\.journal" is in use by process \d+\n {2}Stop that process first/);
  assert.notEqual(await director.status(), null, "it goes on");

  director.process.signal("SIGKILL");
  await director.process.ended;
  assert.notEqual(await network.hostState(), before, "there is something to put back");
  const undone = await undo(network);
  assert.equal(undone.code, ExitCode.OK, undone.stderr);
  assert.match(undone.stdout, /^undone: .*eth0.*\n[^]*^Everything undone\n$/m);
  assert.equal(await network.hostState(), before);
  assert.deepEqual(await undo(network), { code: 0, stdout: "Nothing to undo\n", stderr: "" });
});

Deno.test(
  `director names what kept it from starting, then what it could not take back, and --undo does${needing}`,
  {
    ignore,
  },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const before = await network.hostState();
    await Deno.mkdir(network.runDir);
    await Deno.writeTextFile(`${network.runDir}/hash_key`, "garbage");
    const folder = `${network.folder}/bin`;
    await Deno.mkdir(folder);
    const script =
      `#!/bin/sh\ncase "$*" in "delete table"*) echo no luck >&2; exit 1;; esac\nexec /usr/sbin/nft "$@"\n`;
    await Deno.writeTextFile(`${folder}/nft`, script, { mode: 0o755 });

    const { code, stderr } = await network.runDirector(CONFIG, {
      before: ["env", `PATH=${folder}:${Deno.env.get("PATH")}`],
    });
    assert.equal(code, ExitCode.FAILED, stderr);
    assert.match(
      stderr,
      /^lvsdr: .*hash_key" is damaged.*\n {2}Remove it.*\nlvsdr: Cannot undo .*no luck\n {2}Repair .*\n {2}This step by hand: nft /m,
    );
    assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");

    const command = /Repair the cause, then: (lvsdr .*)\n/.exec(stderr)![1]!;
    const self = `#!/bin/sh\nexec ${shellCommand(selfCommand([]))} "$@"\n`;
    await Deno.remove(`${folder}/nft`);
    await Deno.writeTextFile(`${folder}/lvsdr`, self, { mode: 0o755 });
    const path = `PATH=${folder}:${Deno.env.get("PATH")}`;
    await network.director.require("env", [path, "sh", "-ec", command]);
    assert.equal(await network.hostState(), before);
  },
);

Deno.test(
  `doctor tells of a director that was killed without an undo, and its command puts the host back${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const { configFile, runDir } = network;
    const programs = await makeProgramFolder(`${network.folder}/bin`);
    const patient = new Patient(network.director, { runDir, configFile, programs });
    const before = await network.hostState();
    const director = await network.startDirector(CONFIG);
    assert.deepEqual((await patient.diagnosis()).findings, [], "one that runs has put nothing back yet");
    director.process.signal("SIGKILL");
    await director.process.ended;

    const { role, findings } = await patient.diagnosis();
    assert.deepEqual([role, findings.map(({ id }) => id)], ["director", [
      "director-not-running",
      "director-not-undone",
    ]]);
    const [, { evidence, fix }] = findings as [unknown, typeof findings[number]];
    assert.deepEqual(evidence.slice(0, 2), [
      `${runDir}/director.journal: not undone`,
      "load nft table netdev lvsdr_director_eth0",
    ]);
    assert.match(evidence[2]!, /^switch off generic-segmentation-offload, .* of eth0$/);
    assert.equal(fix, `lvsdr director --undo --run-dir ${runDir}`);

    // As one leaves it that ends by itself, and cannot undo what it did.
    await Deno.remove(`${runDir}/director.sock`);
    const alone = await patient.diagnosis();
    assert.deepEqual([alone.role, alone.findings.map(({ id }) => id)], [role, findings.map(({ id }) => id)]);
    assert.equal(alone.reason, `${runDir} has the journal of lvsdr director`);

    const path = `PATH=${programs}:${Deno.env.get("PATH")}`;
    await network.director.require("env", [path, "sh", "-ec", fix!]);
    assert.equal(await network.hostState(), before);
    // An interface that is not there is no reason to say nothing.
    await Deno.writeTextFile(
      configFile,
      `director: { interface: eth9 }\n${
        configText({ servers: [[21, 1]], settings: ["vlan: 7", "port: 80"] })
      }`,
    );
    assert.deepEqual((await patient.findings()).map(({ id }) => id), ["director-not-running"]);
  },
);
