import assert from "node:assert/strict";
import { EMPTY_COUNTERS, VERDICTS } from "../../datapath/mod.ts";
import { forwardingTable, type Standing } from "../../director/forwarding.ts";
import { type SnapshotSources, statusSnapshot } from "../../director/snapshot.ts";
import { EMPTY } from "../status/snapshots.ts";
import { CLUSTER, config, MAC } from "./configs.ts";

const UP: Standing = { state: "up", returnedAtMs: null };

function counted(connections: number, mac: string | null = MAC) {
  return {
    connections,
    packets: connections * 10,
    bytes: connections * 100,
    active: 2,
    inactive: 1,
    isOverloaded: false,
    mac,
  };
}

function sources(changes: Partial<SnapshotSources> = {}): SnapshotSources {
  return {
    version: "1.2.3",
    startedAtMs: performance.now() - 61_500,
    config: config(),
    table: forwardingTable(config(), 5, () => UP, 0),
    counters: {
      generation: 5,
      captureDrops: 1,
      transmitErrors: 2,
      connectionsUsed: 3,
      verdicts: VERDICTS.map((_, number) => number * 7),
      destinations: [counted(5), counted(6), counted(7), counted(8)],
      workers: [
        { frames: 60, captureDrops: 1, connectionsUsed: 2 },
        { frames: 40, captureDrops: 0, connectionsUsed: 1 },
      ],
    },
    isForwarding: true,
    interfaces: [{ name: "eth0", mac: MAC, mtu: 1500 }],
    tableCapacity: 1000,
    bytesPerConnection: 64,
    events: [],
    probeAddresses: [],
    alarms: [],
    wire: EMPTY.wire,
    weightOf: (_, { weight }) => weight,
    standingOf: () => UP,
    lastCheckOf: () => null,
    auditOf: () => ({ verdict: "hardened", at: "2026-03-01T11:57:00.000Z" }),
    hostOf: () => null,
    connectionsPerSecondOf: () => 1.5,
    ...changes,
  };
}

Deno.test("statusSnapshot() shows counters with the server they belong to", () => {
  const { services, uptimeSeconds, datapath, connectionTable } = statusSnapshot(sources());
  assert.deepEqual(services.map(({ servers }) => servers.map(({ connections }) => connections)), [[5, 6, 7], [
    8,
  ]]);
  const [web, dns] = services;
  assert.deepEqual([web!.connections, web!.packets, web!.bytes], [18, 180, 1800]);
  assert.deepEqual([web!.ports, dns!.protocol], ["80,443", "udp"]);
  assert.equal(uptimeSeconds, 61);
  assert.deepEqual([datapath.generation, datapath.captureDrops, datapath.transmitErrors], [5, 1, 2]);
  assert.deepEqual(connectionTable, { used: 3, capacity: 1000, bytesPerConnection: 64 });
  assert.deepEqual(datapath.workers, [
    { cpu: null, frames: 60, captureDrops: 1, connections: 2 },
    { cpu: null, frames: 40, captureDrops: 0, connections: 1 },
  ]);
});

Deno.test("statusSnapshot() names every verdict with its count", () => {
  const { verdicts } = statusSnapshot(sources());
  assert.deepEqual(verdicts.map(({ name }) => name), VERDICTS.map(({ name }) => name));
  assert.deepEqual(verdicts.map(({ frames }) => frames), VERDICTS.map((_, number) => number * 7));
});

Deno.test("statusSnapshot() tells the states of real servers apart", () => {
  const statesWith = (standing: Standing, mac: string | null) => {
    const counters = {
      ...sources().counters,
      destinations: Array.from({ length: 4 }, () => counted(1, mac)),
    };
    return statusSnapshot(sources({ counters, standingOf: () => standing })).services[0]!.servers
      .map(({ state }) => state);
  };
  assert.deepEqual(statesWith(UP, MAC), ["up", "up", "quiesced"]);
  assert.deepEqual(statesWith(UP, null), ["unresolved", "unresolved", "unresolved"]);
  assert.deepEqual(statesWith({ state: "down" }, MAC), ["down", "down", "down"]);
  assert.deepEqual(
    statesWith({ state: "quarantined" }, MAC),
    ["quarantined", "quarantined", "quarantined"],
  );
  assert.deepEqual(
    statesWith({ state: "quarantined" }, null),
    ["unresolved", "unresolved", "unresolved"],
  );
  assert.deepEqual(statesWith({ state: "unknown" }, MAC), ["down", "down", "down"]);
});

Deno.test("statusSnapshot() shows the configured weight beside the one in use", () => {
  const [server] = statusSnapshot(sources({ weightOf: () => 3 })).services[0]!.servers;
  assert.deepEqual([server!.weight, server!.effectiveWeight], [30, 3]);
});

Deno.test("statusSnapshot() keeps counters with their servers while a new configuration is on its way", () => {
  const [web, dns] = CLUSTER.split(/(?= {2}- name: dns)/);
  const swapped = config(
    `\nservices:\n${dns}${web!.replace("\nservices:\n", "").replace("192.0.2.21", "192.0.2.29")}`,
  );
  const { services } = statusSnapshot(sources({ config: swapped }));
  assert.deepEqual(
    services.map((
      { name, servers },
    ) => [name, ...servers.map(({ address, connections }) => [address, connections])]),
    [
      ["dns", ["192.0.2.21", 8]],
      ["web", ["192.0.2.29", 0], ["192.0.2.22", 6], ["192.0.2.23", 7]],
    ],
  );
});

Deno.test("statusSnapshot() counts the uptime by a clock that nobody sets", () => {
  const wallClock = Date.now;
  Date.now = () => wallClock() + 3_600_000;
  try {
    assert.equal(statusSnapshot(sources()).uptimeSeconds, 61);
  } finally {
    Date.now = wallClock;
  }
});

Deno.test("statusSnapshot() shows zeros before the datapath has counted anything", () => {
  const table = { generation: 0, services: [] };
  const snapshot = statusSnapshot(sources({ counters: EMPTY_COUNTERS, table }));
  const [server] = snapshot.services[0]!.servers;
  assert.deepEqual([server!.connections, server!.mac], [0, null]);
  assert(snapshot.verdicts.every(({ frames }) => frames === 0));
});
