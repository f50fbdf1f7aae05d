/** A datapath that hangs, and one that only has to wait. */

import assert from "node:assert/strict";
import { requireCommand } from "../../host/command.ts";
import { configText, DirectorNetwork, type DirectorProcess, obstacle } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const CONFIG = configText({ servers: [[21, 1]] });

/** Thread that forwards frames: the first of the director's Workers. */
async function datapathThread({ process: { pid } }: DirectorProcess): Promise<string> {
  const names = await requireCommand("grep", ["-rs", "^worker-", `/proc/${pid}/task`, "--include=comm"]);
  const [, thread] = /task\/(\d+)\/comm:/.exec(names) ?? [];
  assert(thread !== undefined, "there is a Worker");
  return thread;
}

/** Stops one thread until it is killed; the returned child ends then. */
async function stopThread(network: DirectorNetwork, thread: string): Promise<Deno.ChildProcess> {
  const program = `${network.folder}/stop_thread`;
  const source = new URL("stop_thread.c", import.meta.url).pathname;
  await requireCommand("gcc", ["-O2", "-Wall", "-Werror", "-o", program, source]);
  const child = new Deno.Command(program, { args: [thread], stdout: "piped" }).spawn();
  const output = child.stdout.getReader();
  assert.equal(new TextDecoder().decode((await output.read()).value), "stopped\n");
  await output.cancel();
  return child;
}

Deno.test(
  `a datapath that hangs ends the director with the host as before, whatever it is told; a stopped process goes on${needing}`,
  { ignore },
  async () => {
    await using hanging = await DirectorNetwork.create(1);
    await using ending = await DirectorNetwork.create(1);
    await using following = await DirectorNetwork.create(1);
    await using waiting = await DirectorNetwork.create(1);
    const hangs = [hanging, ending, following];
    const before = await Promise.all(hangs.map((network) => network.hostState()));
    const [stopped, ...hung] = await Promise.all(
      [waiting, ...hangs].map((network) => network.startDirector(CONFIG)),
    );

    stopped!.process.signal("SIGSTOP");
    const stoppers = await Promise.all(
      hangs.map(async (network, index) => await stopThread(network, await datapathThread(hung[index]!))),
    );
    // Neither its end nor the start of another datapath waits for the one that hangs.
    hung[1]!.process.signal("SIGTERM");
    await following.director.ip(["link set eth0 mtu 1400"]);
    for (const director of hung) {
      assert.match(await director.logged("datapath.hung"), /no progress.*can be started again/);
    }
    // The second one did as it was told.
    assert.deepEqual(await Promise.all(hung.map(async ({ process }) => (await process.ended).code)), [
      1,
      0,
      1,
    ]);
    stopped!.process.signal("SIGCONT");
    await Promise.all(stoppers.map((stopper) => stopper.status));

    await following.director.ip(["link set eth0 mtu 1500"]);
    assert.deepEqual(await Promise.all(hangs.map((network) => network.hostState())), before);
    const again = await hanging.startDirector(CONFIG);
    assert.equal(await hanging.request(), "rs1 192.0.2.100");
    assert.equal((await again.process.stop()).code, 0);

    assert.equal(await waiting.request(), "rs1 192.0.2.100");
    assert.deepEqual(await stopped!.messages("datapath.hung"), []);
    assert.equal((await stopped!.process.stop()).code, 0);
  },
);
