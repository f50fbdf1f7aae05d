/**
 * Lives through a whole life of a datapath on the interface `lv0` of its namespace and prints as JSON what it has seen.
 * Arguments: path of the table file, MAC of the interface, number of Workers.
 *
 * @module
 */

import { Datapath, type DatapathEvent } from "../../datapath/mod.ts";
import { destination, web } from "./cluster.ts";

const [tableFile, mac, workers] = Deno.args as [string, string, string];
const index = Number(await Deno.readTextFile("/sys/class/net/lv0/ifindex"));
const events: DatapathEvent[] = [];

/** Long enough for any machine: who waits for more would wait for ever. */
const PATIENCE_MS = 20_000;

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const deadlineMs = performance.now() + PATIENCE_MS; !isSo();) {
    if (performance.now() > deadlineMs) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const datapath = await Datapath.start({
  device: "lv0",
  interfaceIndex: index,
  mac,
  mtu: 1_500,
  addresses: [{ address: "192.0.2.2", prefixLength: 24 }],
  uplinks: [],
  tableFile,
  maxConnections: 1_000,
  bootId: "this",
  hashKey: Uint32Array.of(1, 2, 3, 4),
  workers: Number(workers),
  cpus: null,
  table: { generation: 1, services: [web()] },
}, (event) => events.push(event));

// Two tables at once: the second must not overtake the first.
datapath.replaceTable({ generation: 2, services: [web({ destinations: [destination(1)] })] });
datapath.replaceTable({
  generation: 3,
  services: [web({ destinations: [destination(1), destination(2), destination(3)] })],
});
await until("the third table", () => datapath.counters().generation === 3);
await until("the MAC of the real server", () => datapath.counters().destinations[0]!.mac !== null);
const heartbeats = datapath.heartbeats();
await until(
  "every worker's heartbeat",
  () => datapath.heartbeats().every((beat, worker) => beat > heartbeats[worker]!),
);
const { destinations } = datapath.counters();
await datapath.stop();
const stoppedAt = datapath.heartbeats();
await datapath.stop();

const report = {
  adoption: events.flatMap((event) => event.kind === "started" ? [event.adoption.kind] : [])[0],
  applied: events.flatMap((event) => event.kind === "applied" ? [event.generation] : []),
  learnt: events.flatMap((event) => event.kind === "neighborLearnt" ? [event.address] : [])[0],
  mac: destinations[0]!.mac,
  destinationsOfLastTable: destinations.length,
  workers: stoppedAt.length,
  isSilentAfterStop: `${datapath.heartbeats()}` === `${stoppedAt}`,
};
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report)));
