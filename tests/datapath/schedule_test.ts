import assert from "node:assert/strict";
import fc from "fast-check";
import { State } from "../../datapath/connection_state.ts";
import type { ServiceData } from "../../datapath/messages.ts";
import { Cluster, destination, type Fate, type Packet, UDP, web } from "./cluster.ts";
import { Flag } from "./frame_builder.ts";
import { service } from "./test_network.ts";

const SYN = { flags: Flag.SYN };
const ACK = { flags: Flag.ACK };
const FIN = { flags: Flag.FIN | Flag.ACK };
const RST = { flags: Flag.RST };

const TIMEOUTS_MS: readonly {
  readonly packets: readonly Packet[];
  readonly state: number;
  readonly ms: number;
}[] = [
  { packets: [SYN], state: State.SynReceived, ms: 60_000 },
  { packets: [SYN, ACK], state: State.Established, ms: 900_000 },
  { packets: [SYN, ACK, FIN], state: State.FinWait, ms: 120_000 },
  { packets: [SYN, FIN], state: State.TimeWait, ms: 120_000 },
  { packets: [SYN, ACK, RST], state: State.Close, ms: 10_000 },
  { packets: [SYN, RST], state: State.Close, ms: 10_000 },
];

for (const { packets, state, ms } of TIMEOUTS_MS) {
  Deno.test(`A connection in state ${state} is forgotten after ${ms} ms of silence, and not before`, () => {
    const cluster = new Cluster([web()]);
    for (const packet of packets) {
      cluster.pass(1_000);
      cluster.send(packet);
    }
    cluster.pass(ms - 1);
    assert.deepEqual(cluster.entries().map((entry) => entry.state), [state]);
    cluster.pass(1);
    assert.deepEqual(cluster.entries(), []);
    cluster.assertBooks();
  });
}

for (
  const [name, packets] of [["FIN_WAIT", [SYN, ACK, FIN]], ["TIME_WAIT", [SYN, FIN]], ["CLOSE", [
    SYN,
    RST,
  ]]] as const
) {
  for (const persistenceMs of [0, 300_000]) {
    Deno.test(`A SYN on a connection in ${name} is a new one at once, ${persistenceMs === 0 ? "without" : "with"} persistence`, () => {
      const cluster = new Cluster([web({ persistenceMs })]);
      for (const packet of packets) assert.equal(cluster.send(packet), 1);
      assert.equal(cluster.send(SYN), persistenceMs === 0 ? 2 : 1);
      const connections = cluster.entries().filter(({ state }) => state !== State.Template);
      assert.deepEqual(connections.map(({ state }) => state), [State.SynReceived]);
      cluster.assertBooks();
    });
  }
}

Deno.test("A SYN on a connection that is established or half open belongs to it", () => {
  const cluster = new Cluster([web()]);
  assert.deepEqual([SYN, SYN, ACK, SYN].map((packet) => cluster.send(packet)), [1, 1, 1, 1]);
  assert.deepEqual(cluster.entries().map(({ state }) => state), [State.Established]);
});

Deno.test("A server is active with SYN_RECV and ESTABLISHED, inactive after, and UDP is never active", () => {
  const cluster = new Cluster([web(), service(UDP, 53, { destinations: [destination(1)] })]);
  cluster.send(SYN);
  assert.deepEqual(cluster.counts(1), { active: 1, inactive: 0, templates: 0 });
  cluster.send(ACK);
  assert.deepEqual(cluster.counts(1), { active: 1, inactive: 0, templates: 0 });
  cluster.send(FIN);
  assert.deepEqual(cluster.counts(1), { active: 0, inactive: 1, templates: 0 });
  cluster.send({ flags: null, port: 53 });
  cluster.send({ flags: null, port: 53 });
  assert.deepEqual(cluster.counts(1, 1), { active: 0, inactive: 1, templates: 0 });
  cluster.assertBooks();
});

Deno.test("A one-packet service schedules every datagram and remembers none", () => {
  const dns = service(UDP, 53, { onePacket: true, destinations: [destination(1), destination(2)] });
  const cluster = new Cluster([dns]);
  const packet = { flags: null, port: 53 };
  assert.deepEqual([packet, packet, packet].map((each) => cluster.send(each)), [1, 2, 1]);
  assert.deepEqual(cluster.entries(), []);
  assert.equal(cluster.destinations.connections[cluster.identityOf(1)], 2);
});

const LOSSES: readonly {
  readonly onServerLoss: ServiceData["onServerLoss"];
  readonly tcp: readonly Fate[];
  readonly udp: Fate;
}[] = [
  { onServerLoss: "reset", tcp: ["AnsweredReset", "AnsweredReset"], udp: 2 },
  { onServerLoss: "move", tcp: [2, 2], udp: 2 },
  { onServerLoss: "drop", tcp: ["DroppedServerLost", "DroppedServerLost"], udp: "DroppedServerLost" },
];

for (const { onServerLoss, tcp, udp } of LOSSES) {
  for (const isRemoved of [false, true]) {
    const how = isRemoved ? "removed" : "down";
    Deno.test(`Connections of a server that is ${how} follow on_server_loss: ${onServerLoss}`, () => {
      const rest = isRemoved ? [destination(2)] : [destination(1, { isDown: true }), destination(2)];
      const dns = service(UDP, 53, { destinations: [destination(1), destination(2)], onServerLoss });
      const cluster = new Cluster([web({ onServerLoss }), dns]);
      assert.equal(cluster.send(SYN), 1);
      assert.equal(cluster.send(ACK), 1);
      assert.equal(cluster.send({ flags: null, port: 53 }), 1);
      cluster.adopt(web({ onServerLoss, destinations: rest }), { ...dns, destinations: rest });
      assert.deepEqual([cluster.send(ACK), cluster.send(ACK)], tcp);
      assert.equal(cluster.send({ flags: null, port: 53 }), udp);
      assert.equal(cluster.send(SYN), 2, "a SYN is a new connection in any case");
      cluster.assertBooks();
    });
  }
}

for (
  const [unknown, fate] of [["reset", "AnsweredReset"], ["drop", "DroppedNoConnection"], [
    "schedule",
    1,
  ]] as const
) {
  Deno.test(`A segment of no connection follows unknown: ${unknown}`, () => {
    const cluster = new Cluster([web({ unknown })]);
    assert.equal(cluster.send(ACK), fate);
    assert.equal(cluster.entries().length, unknown === "schedule" ? 1 : 0);
  });
}

Deno.test("A new connection that finds no server is told so, unless health is not known yet", () => {
  const destinations = [destination(1, { isDown: true })];
  assert.equal(new Cluster([web({ destinations })]).send(SYN), "AnsweredUnreachable");
  assert.equal(new Cluster([web({ destinations, isSettling: true })]).send(SYN), "DroppedNoServer");
});

Deno.test("A full table of established connections refuses new ones and keeps its books, with persistence or not", () => {
  for (const persistenceMs of [0, 300_000]) {
    const cluster = new Cluster([web({ persistenceMs })], 10);
    for (let clientPort = 1; clientPort <= 12; clientPort++) {
      cluster.send({ ...SYN, clientPort });
      cluster.send({ ...ACK, clientPort });
    }
    assert.equal(cluster.connections.used, 10);
    assert.equal(cluster.send({ ...SYN, clientPort: 99 }), "DroppedTableFull");
    assert.equal(cluster.send({ ...ACK, clientPort: 1 }), 1);
    cluster.assertBooks();
  }
});

Deno.test("A flood of a persistent service neither hurts established connections nor keeps new clients out", () => {
  const cluster = new Cluster([web({ persistenceMs: 300_000 })], 60);
  for (let client = 1; client <= 10; client++) {
    cluster.send({ ...SYN, client: `203.0.113.${client}` });
    cluster.send({ ...ACK, client: `203.0.113.${client}` });
  }
  for (let source = 0; source < 2_000; source++) {
    const fate = cluster.send({ ...SYN, client: `10.0.${source >>> 8}.${source & 255}` });
    assert.equal(typeof fate, "number", `source ${source}: ${fate}`);
    assert.ok(cluster.connections.used <= 60);
  }
  for (let client = 1; client <= 10; client++) {
    assert.equal(typeof cluster.send({ ...ACK, client: `203.0.113.${client}` }), "number");
  }
  assert.equal(cluster.entries().filter(({ state }) => state === State.Established).length, 10);
  cluster.assertBooks();
});

const anyPacket: fc.Arbitrary<Packet> = fc.record({
  client: fc.integer({ min: 1, max: 6 }).map((last) => `198.51.${last & 1}.${last}`),
  clientPort: fc.integer({ min: 40_000, max: 40_002 }),
  port: fc.constantFrom(80, 443, 53),
  flags: fc.constantFrom(Flag.SYN, Flag.SYN, Flag.ACK, Flag.ACK, Flag.FIN, Flag.RST, 0),
}).map((packet) => packet.port === 53 ? { ...packet, flags: null } : packet);

const anyDestinations = fc.subarray([1, 2, 3], { minLength: 1 }).chain((numbers) =>
  fc.tuple(...numbers.map((number) =>
    fc.record({
      weight: fc.constantFrom(0, 1, 2),
      isDown: fc.boolean(),
      maxConnections: fc.constantFrom(0, 3),
      minConnections: fc.constantFrom(0, 2),
    }).map((changes) => destination(number, changes))
  ))
);

const anyServices: fc.Arbitrary<ServiceData[]> = fc.record({
  destinations: anyDestinations,
  persistenceMs: fc.constantFrom(0, 5_000),
  persistencePrefix: fc.constantFrom(32, 24),
  persistToQuiesced: fc.boolean(),
  onServerLoss: fc.constantFrom("reset", "move", "drop"),
  scheduler: fc.constantFrom("rr", "wlc", "sh"),
}).map((changes) => [
  web({ ...changes, ports: [{ first: 80, last: 80 }, { first: 443, last: 443 }] }),
  service(UDP, 53, changes),
]);

type Event =
  | { readonly kind: "packet"; readonly packet: Packet }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "adopt"; readonly services: ServiceData[] };

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 20, arbitrary: anyPacket.map((packet) => ({ kind: "packet" as const, packet })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(1_000, 10_000, 61_000, 400_000).map((ms) => ({ kind: "pass" as const, ms })),
  },
  { weight: 1, arbitrary: anyServices.map((services) => ({ kind: "adopt" as const, services })) },
);

Deno.test("Counts and holders equal a recount after any frames, pauses and reloads, and everything goes in the end", () => {
  fc.assert(
    fc.property(
      anyServices,
      fc.constantFrom(4, 100),
      fc.array(anyEvent, { maxLength: 120 }),
      (services, maximum, events) => {
        const cluster = new Cluster(services, maximum);
        for (const event of events) {
          if (event.kind === "packet") cluster.send(event.packet);
          else if (event.kind === "pass") cluster.pass(event.ms);
          else cluster.adopt(...event.services);
          cluster.assertBooks();
        }
        // Connections first, then the templates they held.
        cluster.pass(1_000_000);
        cluster.pass(60_000);
        cluster.pass(60_000);
        assert.deepEqual(cluster.entries(), []);
        cluster.assertBooks();
      },
    ),
    { numRuns: 150 },
  );
});
