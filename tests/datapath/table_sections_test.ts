import assert from "node:assert/strict";
import { State } from "../../datapath/connection_state.ts";
import { HOLDS_TEMPLATE, keyWord, NONE, TEMPLATE_PROTOCOL } from "../../datapath/connection_table.ts";
import { Destinations } from "../../datapath/destinations.ts";
import type { Adoption } from "../../datapath/messages.ts";
import { type Steering, workerOf } from "../../datapath/steering.ts";
import type { TableFile } from "../../datapath/table_file.ts";
import { ALONE, namedEntries, type NamedEntry, NOW_MS, open, withTablePath } from "./adoption.ts";
import { ipv4Client, NO_LEDGER } from "./table_entries.ts";

const USE = { isReferred: () => true, forget: () => {} };
const CLIENTS = 300;
const MAXIMUM = 4_000;

/** Clients of one /24 belong together. */
function steering(workers: number, multiplier = 0x9e3779b9): Steering {
  return { workers, multiplier, ipv4Mask: -256, ipv6Masks: [-1, -1] };
}

/** Opens the sections of the first `count` workers, in their order, as a start does. */
function openSections(path: string, wanted: Steering, count = wanted.workers): TableFile[] {
  return Array.from(
    { length: count },
    (_, worker) => open(path, { maximum: MAXIMUM, worker, steering: wanted }),
  );
}

/** A connection of each client over TCP, every third one with the template of its /24. */
function leaveConnections(path: string): NamedEntry[] {
  using file = open(path, { maximum: MAXIMUM, steering: ALONE });
  const { connections, registry } = file;
  const [vip, service, server] = ["vip 192.0.2.10", "service web", "service web 192.0.2.21"]
    .map((text) => registry.numberOf(text, USE)) as [number, number, number];
  for (let client = 0; client < CLIENTS; client++) {
    const address = 0xc6336400 + client * 131;
    const state = State.Established | HOLDS_TEMPLATE;
    const expiresAtMs = NOW_MS + 60_000;
    const add = (words: Uint32Array, ports: number, key: number, state: number) =>
      connections.insert(words, ports, key, server, state, expiresAtMs, NO_LEDGER);
    add(ipv4Client(address), 0x9c400050, keyWord(vip, 6), state);
    const network = ipv4Client((address & 0xffffff00) >>> 0);
    if (connections.recallTemplate(network, service) === NONE) {
      add(network, 1, keyWord(service, TEMPLATE_PROTOCOL), State.Template);
    }
  }
  return namedEntries(connections, registry);
}

/** Everything of all sections; each is disposed of. */
function entriesOfAll(files: readonly TableFile[]): NamedEntry[] {
  const entries = files.flatMap(({ connections, registry }) => namedEntries(connections, registry));
  for (const file of files) file[Symbol.dispose]();
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

Deno.test("openTableFile() gives every entry to the worker of its client, whatever the number of workers was before", () =>
  withTablePath((path) => {
    const left = leaveConnections(path);
    const changes = [
      steering(2),
      steering(3),
      steering(3, 0x85ebca6b),
      steering(1),
      steering(7),
      steering(2),
    ];
    for (const wanted of changes) {
      const files = openSections(path, wanted);
      files.forEach(({ connections }, worker) => {
        assert.ok(
          connections.used > left.length / wanted.workers / 3,
          `${connections.used} of worker ${worker}`,
        );
        const client = new Uint32Array(4);
        for (let slot = connections.nextUsed(0); slot !== NONE; slot = connections.nextUsed(slot + 1)) {
          connections.readClient(slot, client);
          assert.equal(workerOf(client, wanted), worker);
        }
      });
      const counts = files.map(({ adoption }) =>
        (adoption as Adoption & { connections: number }).connections
      );
      assert.equal(counts.reduce((sum, count) => sum + count), left.length);
      assert.deepEqual(entriesOfAll(files), left);
      assert.deepEqual([...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].map(({ name }) => name), [
        "connections",
      ]);
    }
  }));

Deno.test("openTableFile() loses nothing when a start dies between two workers", () =>
  withTablePath((path) => {
    const left = leaveConnections(path);
    for (const [dying, opened] of [[steering(3), 1], [steering(3), 2], [steering(2), 1]] as const) {
      for (const file of openSections(path, dying, opened)) file[Symbol.dispose]();
      assert.deepEqual(entriesOfAll(openSections(path, steering(1))), left);
    }
  }));

Deno.test("openTableFile() gives each worker its part of the connections there may be, and books of its own", () =>
  withTablePath((path) => {
    leaveConnections(path);
    const destinations = [new Destinations(), new Destinations()];
    const files = destinations.map((own, worker) =>
      open(path, { maximum: 1_001, worker, steering: steering(2), destinations: own })
    );
    assert.deepEqual(files.map(({ connections }) => connections.maximum), [501, 501]);
    const active = files.map(({ registry }, worker) =>
      destinations[worker]!.active[registry.numberOf("service web 192.0.2.21", USE)]!
    );
    assert.equal(active[0]! + active[1]!, CLIENTS);
    for (const file of files) file[Symbol.dispose]();
  }));
