/**
 * A lab whose terminal is closed, as a window or a connection is, cleans up like any other.
 *
 * @module
 */

import assert from "node:assert/strict";
import { shellCommand } from "../../host/command.ts";
import { LabDirectory } from "../../lab/lab_directory.ts";
import { exists } from "../../lab/owner.ts";
import { selfCommand } from "../../lab/self_command.ts";
import { until } from "./director_network.ts";
import { obstacle, tracesOf } from "./lab_run.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** What is begun then goes on for some seconds, whatever signal comes. */
const IN_THE_MIDST = /lvsdr verify on the director.* \d+ s/;

Deno.test(`lab leaves nothing behind when its terminal is closed while it shows progress${needing}`, {
  ignore,
}, async () => {
  const lab = shellCommand(selfCommand(["lab", "--servers", "1", "--flush", "1"]));
  // script(1) is the terminal: killed, it takes the terminal with it.
  await using terminal = new Deno.Command("script", {
    args: ["--quiet", "--flush", "--command", `exec ${lab}`, "/dev/null"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  for await (const part of terminal.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (IN_THE_MIDST.test(text)) {
      terminal.kill("SIGKILL");
      break;
    }
  }
  const id = /Lab (\d+):/.exec(text)?.[1] ?? "";
  assert.match(text, IN_THE_MIDST);
  try {
    await until("end of the lab", async () => !await exists(Number(id)));
    assert.deepEqual(await tracesOf(id), []);
  } finally {
    await LabDirectory.removeLeftovers();
  }
});
