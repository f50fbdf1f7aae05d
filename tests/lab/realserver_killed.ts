/**
 * Runs the real server role and kills the process with signal 9 at its N-th line of progress.
 *
 * A line is written after a step is in the journal and before it is made, so that successive N leave the host in every
 * state it passes through. Arguments: N, method, VIP, run directory.
 *
 * @module
 */

import type { Method } from "../../model/config.ts";
import { runRealServer } from "../../realserver/run.ts";

const [count, method, vip, runDir] = Deno.args as [string, Method, string, string];
let linesLeft = Number(count);

await runRealServer({
  config: null,
  vips: [vip],
  ports: [{ port: 80, localPort: null }],
  protocol: "tcp",
  method,
  interface: null,
  once: false,
  check: false,
  print: false,
  undo: false,
  noRepair: false,
  json: false,
  runDir,
}, {
  write(text) {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    linesLeft -= 1;
    if (linesLeft === 0) Deno.kill(Deno.pid, "SIGKILL");
  },
});
