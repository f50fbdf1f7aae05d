import assert from "node:assert/strict";
import fc from "fast-check";
import { Explainer } from "../../datapath/explain.ts";
import type { ServiceData } from "../../datapath/messages.ts";
import { RandomNumbers } from "../../datapath/random_numbers.ts";
import { SCHEDULER_NAMES } from "../../model/config.ts";
import type { Decision, ExplainQuestion } from "../../model/explanation.ts";
import { addressWords, familyOf, macFromText } from "../../model/ip_address.ts";
import { Cluster, destination, type Fate, UDP, web } from "./cluster.ts";
import { Flag } from "./frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import {
  CLIENT6,
  DIRECTOR_MAC,
  MTU,
  Port,
  SERVER,
  SERVER6,
  SERVER_MAC,
  service,
  TAGGED_VIP,
  TAGGED_VIP6,
  TestNetwork,
  VIP,
  VIP6,
  VLAN,
} from "./test_network.ts";

const CLIENT = "198.51.100.1";

const explainers = new WeakMap<Cluster, Explainer>();

function ask(cluster: Cluster, question: Partial<ExplainQuestion> = {}): Decision {
  const { connections, destinations, neighbors, limits, random, table, nowMs } = cluster;
  const { high, low } = macFromText(DIRECTOR_MAC);
  const local = { macHigh: high, macLow: low, mtu: MTU };
  const parts = { local, uplinks: [], connections, destinations, neighbors, limits, random, worker: 0 };
  let explainer = explainers.get(cluster);
  if (explainer === undefined) explainers.set(cluster, explainer = new Explainer(parts));
  return explainer.explain(table, {
    client: CLIENT,
    clientPort: 40_000,
    vip: VIP,
    port: 80,
    protocol: "tcp",
    ...question,
  }, nowMs);
}

/** A decision in the words of {@linkcode Cluster.send}. */
function fateOf({ verdict, sent }: Decision): Fate {
  if (sent?.server != null) return Number(sent.server.split(".")[3]) - 20;
  return verdict.name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()) as Fate;
}

/** All that a frame can change, as text. */
function stateOf(cluster: Cluster): string {
  const { destinations, limits, connections, table, nowMs } = cluster;
  const { active, inactive, templates, overloaded, packets, bytes } = destinations;
  const counts = [active, inactive, templates, overloaded, packets, bytes, destinations.connections];
  const client = Uint32Array.from(addressWords(CLIENT));
  return JSON.stringify([
    cluster.entries(),
    connections.used,
    counts.map((each) => [...each.subarray(0, 64)]),
    table.services.map(({ set, identity }) => [
      ...[set.weights, set.active, set.inactive, set.overloaded].map((each) => [...each]),
      limits.left(client, identity, 3, nowMs),
    ]),
  ]);
}

const anyDestinations = fc.subarray([1, 2, 3, 4], { minLength: 1 }).chain((numbers) =>
  fc.tuple(...numbers.map((number) =>
    fc.record({
      weight: fc.constantFrom(0, 1, 2, 5),
      isDown: fc.constantFrom(false, false, false, true),
      maxConnections: fc.constantFrom(0, 0, 2),
      minConnections: fc.constantFrom(0, 1),
    }).map((changes) => destination(number, changes))
  ))
);

const anyService = fc.record({
  destinations: anyDestinations,
  scheduler: fc.constantFrom(...SCHEDULER_NAMES),
  schedulerOptions: fc.constantFrom(
    [],
    ["sh-port", "mh-port"] as const,
    ["sh-fallback", "mh-fallback"] as const,
  ),
  persistenceMs: fc.constantFrom(0, 0, 0, 5_000),
  persistencePrefix: fc.constantFrom(32, 24),
  newConnectionsPerSource: fc.constantFrom(0, 0, 3),
  deny: fc.constantFrom([], [], [{ address: "198.51.1.0", length: 24 }]),
  onServerLoss: fc.constantFrom("reset" as const, "move" as const, "drop" as const),
});

const anyServices: fc.Arbitrary<ServiceData[]> = fc.tuple(anyService, anyService, fc.boolean()).map((
  [first, second, onePacket],
) => [web(first), service(UDP, 53, { ...second, onePacket })]);

const anyPacket = fc.record({
  client: fc.integer({ min: 1, max: 6 }).map((last) => `198.51.${last & 1}.${last}`),
  clientPort: fc.integer({ min: 40_000, max: 40_002 }),
  port: fc.constantFrom(80, 80, 53, 99),
});

const anyEvent = fc.oneof(
  { weight: 6, arbitrary: anyPacket.map((packet) => ({ kind: "ask" as const, packet })) },
  { weight: 6, arbitrary: anyPacket.map((packet) => ({ kind: "acknowledge" as const, packet })) },
  {
    weight: 3,
    arbitrary: fc.tuple(anyPacket, fc.constantFrom(Flag.FIN, Flag.RST)).map(([packet, flags]) => ({
      ...{ kind: "end" as const, packet, flags },
    })),
  },
  { weight: 2, arbitrary: fc.constantFrom(100, 6_000, 61_000).map((ms) => ({ kind: "pass" as const, ms })) },
  { weight: 1, arbitrary: anyServices.map((services) => ({ kind: "adopt" as const, services })) },
);

/** Connections that a table can have: with few of them it is soon full. */
const anyRoom = fc.constantFrom(1, 2, 3, 5, 100);

Deno.test("The next packet goes where explain() says, which changes nothing, with every scheduler and in any state", () => {
  fc.assert(
    fc.property(anyServices, fc.array(anyEvent, { maxLength: 60 }), anyRoom, (services, events, room) => {
      const adopted = events.flatMap((event) => event.kind === "adopt" ? event.services : []);
      const isExact = [...services, ...adopted].every(({ persistenceMs }) => persistenceMs === 0);
      const cluster = new Cluster(services, isExact ? room : 100);
      for (const event of events) {
        if (event.kind === "pass") cluster.pass(event.ms);
        else if (event.kind === "adopt") cluster.adopt(...event.services);
        else if (event.kind === "acknowledge" || event.kind === "end") {
          const flags = event.kind === "end" ? event.flags : Flag.ACK;
          cluster.send({ ...event.packet, flags: event.packet.port === 53 ? null : flags });
        } else {
          const { client, clientPort, port } = event.packet;
          const isUdp = port === 53;
          const question = { client, clientPort, port, protocol: isUdp ? "udp" : "tcp" } as const;
          const before = stateOf(cluster);
          const decision = ask(cluster, question);
          assert.deepEqual(ask(cluster, question), decision);
          assert.equal(stateOf(cluster), before);
          assert.equal(cluster.send({ ...event.packet, flags: isUdp ? null : Flag.SYN }), fateOf(decision));
        }
      }
    }),
    { numRuns: 200 },
  );
});

for (const scheduler of SCHEDULER_NAMES.filter((name) => name !== "twos")) {
  Deno.test(`A hundred explanations between connections leave the order of ${scheduler} as it is without`, () => {
    const destinations = [1, 2, 3].map((number) => destination(number, { weight: number }));
    const orderOf = (explanations: number) => {
      const cluster = new Cluster([web({ scheduler, destinations })]);
      return Array.from({ length: 12 }, (_, connection) => {
        const clientPort = connection + 1;
        for (let count = 0; count < explanations; count++) ask(cluster, { clientPort });
        return cluster.send({ flags: Flag.SYN, clientPort });
      });
    };
    assert.deepEqual(orderOf(100), orderOf(0));
  });
}

Deno.test("What one explanation supposes does not enter the next", () => {
  for (const persistenceMs of [0, 300_000]) {
    const cluster = new Cluster([web({ persistenceMs })]);
    const other = { client: "198.51.100.2" };
    assert.equal(fateOf(ask(cluster, other)), 1);
    assert.equal(cluster.send({ flags: Flag.SYN }), 1);
    assert.equal(fateOf(ask(cluster, other)), 2);
  }
});

/** The client's earlier connection, which is over, was with real server 2, and that of somebody else with 1. */
function afterTwoConnections(second: Partial<ServiceData["destinations"][number]>): Cluster {
  const destinations = [destination(1), destination(2, second)];
  const cluster = new Cluster([web({ scheduler: "wlc", destinations })]);
  for (const client of ["198.51.100.9", CLIENT]) {
    for (const flags of [Flag.SYN, Flag.ACK, Flag.FIN]) cluster.send({ client, flags });
    cluster.pass(100);
  }
  return cluster;
}

Deno.test("explain() does not count the connection that a new one of its port replaces", () => {
  for (const second of [{}, { weight: 9, maxConnections: 1, minConnections: 1 }]) {
    const cluster = afterTwoConnections(second);
    const before = stateOf(cluster);
    assert.equal(fateOf(ask(cluster)), 2);
    assert.equal(stateOf(cluster), before);
    assert.equal(cluster.send({ flags: Flag.SYN }), 2);
  }
});

Deno.test("explain() says that a table is full of connections that stay, and not if one would make room", () => {
  for (const persistenceMs of [0, 300_000]) {
    const cluster = new Cluster([web({ persistenceMs })], 4);
    const other = { client: "198.51.100.2" };
    for (let clientPort = 1; cluster.connections.used < 4; clientPort++) {
      for (const flags of [Flag.SYN, Flag.ACK]) cluster.send({ clientPort, flags });
    }
    assert.equal(ask(cluster, other).verdict.name, "dropped_table_full");
    assert.equal(cluster.send({ ...other, flags: Flag.SYN }), "DroppedTableFull");
    assert.equal(ask(cluster, { clientPort: 1 }).verdict.name, "forwarded", "its connection is there");
  }
  const cluster = new Cluster([web()], 4);
  for (let clientPort = 1; clientPort <= 4; clientPort++) cluster.send({ clientPort, flags: Flag.SYN });
  assert.equal(fateOf(ask(cluster, { client: "198.51.100.2" })), 1, "half-open ones make room");
});

Deno.test("explain() shows connection, template, servers and the frame that would leave", () => {
  const cluster = new Cluster([web({ persistenceMs: 300_000, newConnectionsPerSource: 5 })]);
  cluster.unresolved.add("192.0.2.22");
  cluster.adopt(cluster.table.services[0]!.data);
  cluster.send({ flags: Flag.SYN });
  cluster.send({ flags: Flag.ACK });
  cluster.nowMs += 1_000;
  const { service, connection, template, newConnectionsLeft, servers, verdict, sent } = ask(cluster);
  assert.equal(service, "service-80");
  assert.deepEqual(connection, {
    state: "ESTABLISHED",
    expiresInMs: 899_000,
    server: "192.0.2.21",
    holders: null,
  });
  assert.deepEqual(template, { state: "TEMPLATE", expiresInMs: 299_000, server: "192.0.2.21", holders: 1 });
  assert.equal(newConnectionsLeft, 5);
  assert.deepEqual(
    servers.map(({ address, condition, weight, activeConnections }) => [
      ...[address, condition, weight, activeConnections],
    ]),
    [["192.0.2.21", "usable", 1, 1], ["192.0.2.22", "unresolved", 1, 0]],
  );
  assert.equal(verdict.name, "forwarded");
  assert.deepEqual(sent, {
    server: "192.0.2.21",
    destinationMac: "02:00:c0:00:02:15",
    sourceMac: DIRECTOR_MAC,
    egress: 0,
    vlan: null,
    hopLimit: 63,
  });
});

Deno.test("explain() says that nobody serves a port, a VIP, or a client that is denied", () => {
  const deny = [{ address: CLIENT, length: 32 }];
  const cluster = new Cluster([web({ deny })]);
  const { destinationMac } = ask(cluster, { port: 81 }).sent!;
  assert.equal(destinationMac, null, "nobody knows where an answer would go");
  const verdictOf = (question: Partial<ExplainQuestion>) => ask(cluster, question).verdict.name;
  assert.equal(verdictOf({ port: 81 }), "answered_no_service");
  assert.equal(verdictOf({ protocol: "udp" }), "answered_no_service");
  assert.equal(verdictOf({ vip: "192.0.2.99" }), "ignored_not_vip");
  assert.equal(verdictOf({}), "dropped_denied");
  assert.deepEqual([ask(cluster).isDenied, ask(cluster).sent], [true, null]);
});

for (const vip of [TAGGED_VIP, VIP6, TAGGED_VIP6]) {
  Deno.test(`explain() sends the packet of a client of ${vip} to its real server`, () => {
    const network = new TestNetwork({ port: new MemoryPort() });
    const { connections, destinations, neighbors, limits } = network;
    const random = new RandomNumbers();
    const { high, low } = macFromText(DIRECTOR_MAC);
    const local = { macHigh: high, macLow: low, mtu: MTU };
    const parts = { local, uplinks: [], connections, destinations, neighbors, limits, random, worker: 3 };
    const client = familyOf(vip) === 4 ? CLIENT : CLIENT6;
    const decision = new Explainer(parts).explain(
      network.table,
      { client, clientPort: null, vip, port: Port.WEB, protocol: "tcp" },
      1_000,
    );
    assert.equal(decision.worker, 3);
    assert.deepEqual(decision.sent, {
      server: familyOf(vip) === 4 ? SERVER : SERVER6,
      destinationMac: SERVER_MAC,
      sourceMac: DIRECTOR_MAC,
      egress: 0,
      vlan: vip === VIP6 ? null : VLAN,
      hopLimit: 63,
    });
    assert.deepEqual(decision.servers.map(({ mac, macAgeMs }) => [mac, macAgeMs]), [[SERVER_MAC, 1_000]]);
  });
}
