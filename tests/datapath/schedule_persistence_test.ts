import assert from "node:assert/strict";
import type { ServiceData } from "../../datapath/messages.ts";
import { Cluster, destination, type Fate, web } from "./cluster.ts";
import { Flag } from "./frame_builder.ts";

const SYN = { flags: Flag.SYN };
const ACK = { flags: Flag.ACK };
const RST = { flags: Flag.RST };
const PERSISTENCE_MS = 300_000;

const persistent = (changes: Partial<ServiceData> = {}) => web({ persistenceMs: PERSISTENCE_MS, ...changes });
const quiesced = [destination(1, { weight: 0 }), destination(2)];

/** Opens connections from ports 1, 2, 3 … of a client. */
function open(cluster: Cluster, count: number, client = "198.51.100.1"): Fate[] {
  return Array.from({ length: count }, (_, index) => cluster.send({ ...SYN, client, clientPort: index + 1 }));
}

Deno.test("A client keeps its server, and another client gets the next one", () => {
  const cluster = new Cluster([persistent()]);
  assert.deepEqual(open(cluster, 3), [1, 1, 1]);
  assert.deepEqual(open(cluster, 3, "198.51.100.2"), [2, 2, 2]);
  assert.equal(cluster.templates().length, 2);
  cluster.assertBooks();
});

Deno.test("Clients of one network share a template, and only the prefix decides", () => {
  const cluster = new Cluster([persistent({ persistencePrefix: 25 })]);
  const fates = ["198.51.100.0", "198.51.100.127", "198.51.100.128", "198.51.100.255"]
    .map((client) => cluster.send({ ...SYN, client }));
  assert.deepEqual(fates, [1, 1, 2, 2]);
});

Deno.test("All ports of one service share its persistence, two services do not", () => {
  const ports = [{ first: 80, last: 80 }, { first: 8_000, last: 8_999 }];
  const other = persistent({ name: "other", ports: [{ first: 443, last: 443 }] });
  const cluster = new Cluster([persistent({ ports }), other]);
  const to = (port: number, client = "198.51.100.1") => cluster.send({ ...SYN, client, port });
  assert.deepEqual([to(80), to(8_000), to(8_999)], [1, 1, 1]);
  assert.equal(to(443, "198.51.100.9"), 1);
  assert.equal(to(443), 2, "the other service schedules for itself");
});

for (const [persistToQuiesced, expected] of [[false, 2], [true, 1]] as const) {
  Deno.test(`A quiesced server gets ${persistToQuiesced ? "" : "no "}new connections of its known clients${persistToQuiesced ? " if asked" : ""}`, () => {
    const cluster = new Cluster([persistent({ persistToQuiesced })]);
    assert.deepEqual(open(cluster, 1), [1]);
    cluster.adopt(persistent({ persistToQuiesced, destinations: quiesced }));
    assert.equal(cluster.send({ ...SYN, clientPort: 2 }), expected);
    assert.equal(cluster.send({ ...ACK, clientPort: 1 }), 1, "the old connection stays");
    assert.equal(cluster.send({ ...SYN, client: "203.0.113.1" }), 2, "an unknown client never goes there");
    cluster.assertBooks();
  });
}

Deno.test("A client whose server is down gets another, and keeps that when the first returns", () => {
  const cluster = new Cluster([persistent({ onServerLoss: "move" })]);
  open(cluster, 1);
  cluster.adopt(
    persistent({ onServerLoss: "move", destinations: [destination(1, { isDown: true }), destination(2)] }),
  );
  assert.equal(cluster.send({ ...SYN, clientPort: 2 }), 2);
  assert.deepEqual(cluster.counts(2), { active: 1, inactive: 0, templates: 1 });
  cluster.adopt(persistent({ onServerLoss: "move" }));
  assert.equal(cluster.send({ ...SYN, clientPort: 3 }), 2);
  cluster.assertBooks();
});

Deno.test("A template without connections lasts its timeout from the last new connection on", () => {
  const cluster = new Cluster([persistent()]);
  open(cluster, 1);
  cluster.send({ ...RST, clientPort: 1 });
  cluster.pass(200_000);
  assert.equal(cluster.send({ ...SYN, clientPort: 2 }), 1);
  cluster.send({ ...RST, clientPort: 2 });
  cluster.pass(PERSISTENCE_MS - 1);
  assert.equal(cluster.templates().length, 1);
  cluster.pass(1);
  assert.equal(cluster.connections.used, 0);
  assert.equal(cluster.send({ ...SYN, clientPort: 3 }), 2, "the client is a new one");
});

Deno.test("A template that connections hold is looked at every 60 s, and goes with the last of them", () => {
  const cluster = new Cluster([persistent()]);
  open(cluster, 2);
  for (const clientPort of [1, 2]) cluster.send({ ...ACK, clientPort });
  for (let minutes = 5; minutes < 20; minutes++) {
    cluster.pass(minutes === 5 ? PERSISTENCE_MS : 60_000);
    assert.deepEqual(cluster.templates().map(({ ports }) => ports), [2], `after ${minutes} minutes`);
    for (const clientPort of [1, 2]) cluster.send({ ...ACK, clientPort });
  }
  cluster.send({ ...RST, clientPort: 1 });
  cluster.pass(10_000);
  assert.deepEqual(cluster.templates().map(({ ports }) => ports), [1]);
  cluster.send({ ...RST, clientPort: 2 });
  cluster.pass(10_000);
  assert.deepEqual(cluster.templates().map(({ ports }) => ports), [0]);
  cluster.pass(60_000);
  assert.equal(cluster.connections.used, 0);
});

/** Reloads that change which template a connection belongs to. */
const RELOADS: readonly { readonly description: string; readonly changes: Partial<ServiceData> }[] = [
  { description: "another netmask", changes: { persistencePrefix: 16 } },
  { description: "other ports", changes: { ports: [{ first: 8_080, last: 8_080 }] } },
  { description: "a server that has left", changes: { destinations: [destination(2)] } },
  { description: "no persistence", changes: { persistenceMs: 0 } },
  { description: "another name", changes: { name: "renamed" } },
];

for (const { description, changes } of RELOADS) {
  Deno.test(`No template is held for ever after a reload with ${description}, nor after the way back`, () => {
    for (const services of [[changes], [changes, {}]]) {
      const cluster = new Cluster([persistent({ onServerLoss: "drop" })]);
      open(cluster, 3);
      for (const change of services) cluster.adopt(persistent({ onServerLoss: "drop", ...change }));
      // New connections keep the templates busy while the old ones end.
      open(cluster, 5);
      cluster.assertBooks();
      for (let minute = 0; minute < 20; minute++) cluster.pass(60_000);
      assert.deepEqual(cluster.entries(), []);
      cluster.assertBooks();
    }
  });
}

Deno.test("Holders are counted anew at a start, whatever an earlier process left", () => {
  const cluster = new Cluster([persistent()]);
  open(cluster, 2);
  const template = cluster.connections.recallTemplate(
    Uint32Array.of(0, 0, 0xffff, 0xc6336401),
    cluster.table.services[0]!.identity,
  );
  cluster.connections.setHolders(template, 1_000);
  cluster.restart();
  assert.deepEqual(cluster.templates().map(({ ports }) => ports), [2]);
});

Deno.test("A server over its threshold gets nothing until it is below the lower one, also across reloads", () => {
  const limited = (weight = 1) =>
    web({
      destinations: [destination(1, { weight, maxConnections: 4, minConnections: 3 }), destination(2)],
      scheduler: "wlc",
    });
  const cluster = new Cluster([limited(100)]);
  const isOverloaded = () => cluster.table.services[0]!.set.overloaded[0] === 1;
  assert.deepEqual(open(cluster, 6), [1, 2, 1, 1, 1, 2]);
  assert.ok(isOverloaded());
  const end = (clientPort: number) => {
    cluster.send({ ...RST, clientPort });
    cluster.pass(10_000);
  };
  end(1);
  assert.ok(isOverloaded(), "3 is not below 3");
  cluster.adopt(limited(50));
  assert.ok(isOverloaded(), "a reload does not forget");
  assert.equal(cluster.send({ ...SYN, clientPort: 50 }), 2);
  end(3);
  assert.ok(!isOverloaded(), "2 is below 3");
  cluster.adopt(limited(50));
  assert.equal(cluster.send({ ...SYN, clientPort: 51 }), 1);
  assert.ok(!isOverloaded(), "3 is below 4");
  cluster.assertBooks();
});

Deno.test("A threshold that is set later takes effect at once, and lifting it does too", () => {
  const cluster = new Cluster([web({ destinations: [destination(1)] })]);
  open(cluster, 5);
  cluster.adopt(web({ destinations: [destination(1, { maxConnections: 5, minConnections: 4 })] }));
  assert.equal(cluster.send({ ...SYN, clientPort: 9 }), "AnsweredUnreachable");
  cluster.adopt(web({ destinations: [destination(1)] }));
  assert.equal(cluster.send({ ...SYN, clientPort: 9 }), 1);
});

Deno.test("A known client goes to its server in spite of the threshold, as in IPVS", () => {
  const cluster = new Cluster([persistent({
    destinations: [destination(1, { maxConnections: 2, minConnections: 1 }), destination(2)],
  })]);
  assert.deepEqual(open(cluster, 4), [1, 1, 1, 1]);
  assert.deepEqual(open(cluster, 1, "203.0.113.1"), [2]);
});
