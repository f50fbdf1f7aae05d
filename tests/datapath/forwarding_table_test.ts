import assert from "node:assert/strict";
import { NONE } from "../../datapath/connection_table.ts";
import { Condition } from "../../datapath/destinations.ts";
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { ABSENT } from "../../scheduler/scheduler.ts";
import { Cluster, destination, serverAddress, TCP, UDP, web } from "./cluster.ts";
import { Flag } from "./frame_builder.ts";
import { service, VIP } from "./test_network.ts";

const SYN = { flags: Flag.SYN };
const OTHER_VIP = "192.0.2.11";

Deno.test("ForwardingTable finds a service by VIP, protocol and port, and nothing beside it", () => {
  const { table } = new Cluster([
    service(TCP, 80, { ports: [{ first: 80, last: 80 }, { first: 1_000, last: 2_000 }] }),
    service(UDP, 80),
    service(TCP, 80, { name: "other", vip: OTHER_VIP, ports: [{ first: 1, last: 65_535 }] }),
  ]);
  const vip = table.vipIndex(0, 0, 0xffff, 0xc000020a | 0);
  const other = table.vipIndex(0, 0, 0xffff, 0xc000020b | 0);
  const indexAt = (vipIndex: number, protocol: number, port: number) => {
    const found = table.serviceAt(vipIndex, protocol, port);
    return found === null ? null : table.services.indexOf(found);
  };
  assert.deepEqual(table.vips, [VIP, OTHER_VIP]);
  assert.deepEqual([79, 80, 81, 999, 1_000, 2_000, 2_001, 0, 65_535].map((port) => indexAt(vip, TCP, port)), [
    ...[null, 0, null, null, 0, 0, null, null, null],
  ]);
  assert.deepEqual([indexAt(vip, UDP, 80), indexAt(vip, UDP, 1_000), indexAt(other, UDP, 80)], [
    1,
    null,
    null,
  ]);
  assert.deepEqual([0, 1, 65_535].map((port) => indexAt(other, TCP, port)), [null, 2, 2]);
});

Deno.test("ForwardingTable takes little memory for a VIP with few ports", () => {
  const services = Array.from(
    { length: 500 },
    (_, number) => web({ name: `service-${number}`, vip: `10.0.${number >>> 8}.${number & 255}` }),
  );
  const before = Deno.memoryUsage().external;
  const cluster = new Cluster(services);
  const grown = Deno.memoryUsage().external - before;
  // The cluster's own frames and registry are some 10 MB of it.
  assert.ok(grown < 32 * 2 ** 20, `${grown} bytes for ${cluster.table.services.length} services`);
});

Deno.test("ForwardingTable.vipIndex() compares all four words", () => {
  const { table } = new Cluster([web()]);
  assert.equal(table.vipIndex(0, 0, 0xffff, 0xc000020a | 0), 0);
  assert.equal(table.vipIndex(1, 0, 0xffff, 0xc000020a | 0), NONE);
  assert.equal(table.vipIndex(0, 1, 0xffff, 0xc000020a | 0), NONE);
  assert.equal(table.vipIndex(0, 0, 0, 0xc000020a | 0), NONE);
  assert.equal(table.vipIndex(0, 0, 0xffff, 0xc000020b | 0), NONE);
});

Deno.test("A server that is down or unresolved is absent for the scheduler, a quiesced one has weight 0", () => {
  const cluster = new Cluster([web()]);
  cluster.unresolved.add(serverAddress(3));
  cluster.adopt(web({
    destinations: [
      destination(1, { isDown: true }),
      destination(2, { weight: 0 }),
      destination(3),
      destination(4, { weight: 7 }),
    ],
  }));
  const { set, identities } = cluster.table.services[0]!;
  assert.deepEqual([...set.weights], [ABSENT, 0, ABSENT, 7]);
  assert.deepEqual([...identities].map((identity) => cluster.destinations.condition[identity]), [
    ...[Condition.Down, Condition.Quiesced, Condition.Unresolved, Condition.Usable],
  ]);
  cluster.unresolved.clear();
  cluster.table.neighborChanged({ address: serverAddress(3), vlan: UNTAGGED });
  cluster.table.reviseSchedulers(0);
  assert.deepEqual([...set.weights], [ABSENT, 0, 1, 7]);
});

Deno.test("a service refuses nobody while a real server of its may be about to answer for its address", () => {
  const cluster = new Cluster([web()]);
  const fateOf = (client: number) => cluster.send({ ...SYN, client: `198.51.100.${client}` });
  const server = serverAddress(1);
  cluster.unresolved.add(server);
  cluster.sought.add(server);
  cluster.adopt(web({ destinations: [destination(1)] }));
  assert.equal(fateOf(1), "DroppedNoServer");
  cluster.table.reviseSchedulers(100);
  assert.equal(fateOf(2), "DroppedNoServer");
  cluster.sought.clear();
  cluster.table.reviseSchedulers(200);
  assert.equal(fateOf(3), "AnsweredUnreachable");
  // Its MAC becomes known, which the scheduler is told later.
  cluster.sought.add(server);
  cluster.adopt(web({ destinations: [destination(1)] }));
  cluster.unresolved.clear();
  cluster.sought.clear();
  cluster.table.neighborChanged({ address: server, vlan: UNTAGGED });
  assert.equal(fateOf(4), "DroppedNoServer");
  cluster.table.reviseSchedulers(300);
  assert.equal(fateOf(5), 1);
  assert.equal(cluster.table.services[0]!.isSettling, false);
});

Deno.test("ForwardingTable tells a scheduler once of all neighbours that have changed, and forwards to each at once", () => {
  const cluster = new Cluster([web()]);
  const addresses = Array.from({ length: 64 }, (_, number) => serverAddress(number));
  for (const address of addresses) cluster.unresolved.add(address);
  const destinations = addresses.map((_, number) => destination(number));
  cluster.adopt(
    web({ scheduler: "mh", destinations }),
    web({ name: "other", scheduler: "mh", vip: OTHER_VIP }),
  );
  cluster.unresolved.clear();
  const { table } = cluster;
  const updated: string[] = [];
  for (const { data, scheduler } of table.services) {
    const update = scheduler.update.bind(scheduler);
    scheduler.update = (set) => {
      updated.push(data.name);
      update(set);
    };
  }
  for (const address of addresses.slice(3)) {
    table.neighborChanged({ address, vlan: UNTAGGED });
    const identity = table.services[0]!.identities[addresses.indexOf(address)]!;
    assert.equal(cluster.destinations.condition[identity], Condition.Usable);
    assert.notEqual(cluster.destinations.macLow[identity], 0);
  }
  table.neighborChanged({ address: addresses[0]!, vlan: 5 });
  table.reviseSchedulers(0);
  table.reviseSchedulers(0);
  assert.deepEqual(updated, ["service-80"]);
  assert.deepEqual([...table.services[0]!.set.weights], addresses.map((_, index) => index < 3 ? ABSENT : 1));
});

Deno.test("A reload keeps the scheduler's place, another algorithm or other options begin anew", () => {
  const cluster = new Cluster([web()]);
  let clientPort = 1;
  const next = () => cluster.send({ ...SYN, clientPort: clientPort++ });
  assert.equal(next(), 1);
  const { scheduler } = cluster.table.services[0]!;
  cluster.adopt(service(UDP, 53), web());
  assert.equal(cluster.table.services[1]!.scheduler, scheduler);
  assert.equal(next(), 2, "the turn goes on");
  cluster.adopt(web({ schedulerOptions: ["sh-port"] }));
  assert.notEqual(cluster.table.services[0]!.scheduler, scheduler);
  cluster.adopt(web({ scheduler: "wrr" }));
  assert.equal(cluster.table.services[0]!.scheduler.name, "wrr");
});

Deno.test("A server that leaves and returns finds its connections and counters again", () => {
  const cluster = new Cluster([web({ onServerLoss: "drop" })]);
  cluster.send(SYN);
  cluster.send({ flags: Flag.ACK });
  const identity = cluster.identityOf(1);
  const totals = () => [cluster.destinations.connections[identity], cluster.destinations.packets[identity]];
  assert.deepEqual(totals(), [1, 2]);
  cluster.adopt(web({ onServerLoss: "drop", destinations: [destination(2)] }));
  assert.equal(cluster.destinations.condition[identity], Condition.Gone);
  assert.equal(cluster.send({ flags: Flag.ACK }), "DroppedServerLost");
  cluster.adopt(web({ onServerLoss: "drop", destinations: [destination(2), destination(1)] }));
  assert.equal(cluster.identityOf(1), identity);
  assert.deepEqual(cluster.counts(1), { active: 1, inactive: 0, templates: 0 });
  assert.equal(cluster.table.services[0]!.set.active[1], 1);
  assert.equal(cluster.send({ flags: Flag.ACK }), 1);
  assert.deepEqual(totals(), [1, 3]);
  cluster.assertBooks();
});

Deno.test("The same address in two services is two destinations", () => {
  const cluster = new Cluster([web(), web({ name: "other", ports: [{ first: 81, last: 81 }] })]);
  cluster.send(SYN);
  assert.deepEqual(cluster.counts(1, 0), { active: 1, inactive: 0, templates: 0 });
  assert.deepEqual(cluster.counts(1, 1), { active: 0, inactive: 0, templates: 0 });
});

Deno.test("A number is given anew only when neither the configuration nor a connection speaks of it", () => {
  const cluster = new Cluster([web({ onServerLoss: "drop" })], 10);
  cluster.send(SYN);
  const texts = (numbers: readonly number[]) => numbers.map((number) => cluster.registry.textOf(number));
  const { vipIdentity, identities } = cluster.table.services[0]!;
  const busy = texts([vipIdentity, identities[0]!]);
  const idle = identities[1]!;
  cluster.destinations.bytes[idle] = 12_345;
  // Nearly as many names as there are numbers, three times over: each time those in use must be passed by.
  const kept = web({ name: "kept", vip: OTHER_VIP });
  for (let round = 0; round < 3; round++) {
    const destinations = Array.from({ length: 16_000 }, (_, index) => ({
      ...destination(1),
      address: `10.${round}.${index >>> 8}.${index & 255}`,
    }));
    cluster.adopt(
      kept,
      web({ name: "many", ports: [{ first: 81, last: 81 }], vip: OTHER_VIP, destinations }),
    );
    for (const { data, identities } of cluster.table.services) {
      assert.deepEqual(
        texts([...identities]),
        data.destinations.map(({ address }) => `service ${data.name} ${OTHER_VIP} 6 ${address}`),
      );
    }
  }
  assert.deepEqual(texts([vipIdentity, identities[0]!]), busy);
  assert.notEqual(cluster.registry.textOf(idle), "service service-80 192.0.2.10 6 192.0.2.22");
  assert.equal(cluster.destinations.bytes[idle], 0, "the counters were another server's");
  cluster.adopt(web({ onServerLoss: "drop" }));
  assert.equal(cluster.send({ flags: Flag.ACK }), 1);
});
