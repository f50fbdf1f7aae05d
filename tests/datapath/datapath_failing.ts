/**
 * Tries to start a datapath on the interface `lv0` of its namespace with an uplink that does not exist, and prints as
 * JSON how many packet sockets are open in the namespace after each attempt. Arguments: path of the table file.
 *
 * @module
 */

import { Datapath } from "../../datapath/mod.ts";
import { web } from "./cluster.ts";

const ATTEMPTS = 3;

/** Lines of /proc/net/packet but for its heading; see packet(7). */
function packetSockets(): number {
  return Deno.readTextFileSync("/proc/net/packet").trim().split("\n").length - 1;
}

const index = Number(Deno.readTextFileSync("/sys/class/net/lv0/ifindex"));
const mac = Deno.readTextFileSync("/sys/class/net/lv0/address").trim();
const counts: number[] = [];
for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
  await Datapath.start({
    device: "lv0",
    interfaceIndex: index,
    mac,
    mtu: 1_500,
    addresses: [{ address: "192.0.2.2", prefixLength: 24 }],
    uplinks: [{ device: "lv-none", interfaceIndex: 4_242, mac, mtu: 1_500, addresses: [] }],
    tableFile: Deno.args[0]!,
    maxConnections: 1_000,
    bootId: "this",
    hashKey: Uint32Array.of(1, 2, 3, 4),
    workers: 1,
    cpus: null,
    table: { generation: 1, services: [web()] },
  }, () => {}).then(
    () => Promise.reject(new Error("It has started")),
    () => counts.push(packetSockets()),
  );
}
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(counts)));
