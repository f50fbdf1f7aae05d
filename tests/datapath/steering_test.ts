import assert from "node:assert/strict";
import fc from "fast-check";
import { connect, Namespace } from "../../lab/namespace.ts";
import { type SharingClients, steeringFor, workerOf } from "../../datapath/steering.ts";
import { addressWords } from "../../model/ip_address.ts";

const ignore = Deno.uid() !== 0;
const needing = ignore ? " (skipped: needs root)" : "";

for (const ports of [2, 3]) {
  Deno.test(
    `the kernel gives each of ${ports} ports what workerOf() says, and all of a client to one${needing}`,
    {
      ignore,
    },
    async () => {
      await using sender = await Namespace.create(`lvst${Deno.pid}n${ports}`);
      await sender.setSysctls({ "net.ipv6.conf.all.disable_ipv6": 1 });
      await connect({ namespace: sender, interface: "lvs0", mac: "00:00:5e:00:53:01" }, {
        namespace: sender,
        interface: "lvr0",
        mac: "00:00:5e:00:53:02",
      });
      await sender.ip(["link set lvs0 mtu 9000", "link set lvr0 mtu 9000"]);
      const script = new URL("./steered_frames.ts", import.meta.url).pathname;
      const report = JSON.parse(
        await sender.require(Deno.execPath(), ["run", "-q", "-A", script, String(ports)]),
      );
      const received: number[] = report.received;
      assert.deepEqual(report.astray, []);
      assert.equal(received.reduce((sum, count) => sum + count), report.sent);
      for (const count of received) assert.ok(count > report.sent / ports / 3, `${received}`);
    },
  );
}

const HASH_KEY = Uint32Array.of(0x12345678, 2, 3, 4);
const vips = { 4: "192.0.2.10", 6: "2001:db8::10" };

/** Workers that the given clients come to, of eight. */
function workersOf(services: readonly SharingClients[], clients: readonly string[]): Set<number> {
  const steering = steeringFor(8, services, HASH_KEY);
  return new Set(clients.map((client) => workerOf(Uint32Array.from(addressWords(client)), steering)));
}

const persistent = (family: 4 | 6, persistencePrefix: number, persistenceMs = 1_000): SharingClients => ({
  vip: vips[family],
  persistenceMs,
  persistencePrefix,
});
const neighbours = Array.from({ length: 200 }, (_, host) => `198.51.100.${host}`);
const networks = Array.from({ length: 200 }, (_, network) => `2001:db8:0:${network.toString(16)}::1`);

Deno.test("steering spreads neighbours over all workers, unless they share a template", () => {
  assert.equal(workersOf([], neighbours).size, 8);
  assert.equal(workersOf([persistent(4, 32), persistent(6, 16), persistent(4, 8, 0)], neighbours).size, 8);
  assert.equal(workersOf([persistent(4, 32), persistent(4, 24)], neighbours).size, 1);
});

Deno.test("steering spreads networks over all workers, however wide they are", () => {
  const numbers = Array.from({ length: 200 }, (_, number) => number + 1);
  assert.equal(workersOf([persistent(4, 24)], numbers.map((n) => `198.51.${n}.1`)).size, 8);
  assert.equal(workersOf([persistent(4, 16)], numbers.map((n) => `198.${n}.1.1`)).size, 8);
  assert.equal(workersOf([persistent(4, 8)], numbers.map((n) => `${n}.1.1.1`)).size, 8);
  assert.equal(workersOf([persistent(6, 32)], numbers.map((n) => `2001:${n}:1:1::1`)).size, 8);
  assert.equal(
    workersOf([persistent(6, 56)], numbers.map((n) => `2001:db8:1:${n.toString(16)}00::1`)).size,
    8,
  );
});

Deno.test("steering gives every worker about as many clients, whatever the hash key", () => {
  const clients = Array.from({ length: 300 }, (_, host) => `10.7.${host % 20}.${Math.floor(host / 20)}`);
  fc.assert(fc.property(fc.integer(), fc.integer({ min: 2, max: 4 }), (key, workers) => {
    const steering = steeringFor(workers, [], Uint32Array.of(key));
    const counts = new Array<number>(workers).fill(0);
    for (const client of clients) counts[workerOf(Uint32Array.from(addressWords(client)), steering)]! += 1;
    const fair = clients.length / workers;
    assert.ok(counts.every((count) => count > fair / 3 && count < fair * 3), `${counts}`);
  }));
});

Deno.test("steering keeps the addresses of one IPv6 host together, which are those of a /64", () => {
  const addresses = Array.from({ length: 50 }, (_, host) => `2001:db8:7:8:${host + 1}::${host + 1}`);
  assert.equal(workersOf([], addresses).size, 1);
  assert.equal(workersOf([], networks).size, 8);
  assert.equal(workersOf([persistent(6, 128)], networks).size, 8);
  assert.equal(workersOf([persistent(6, 48)], networks).size, 1);
});

Deno.test("steering is the same after a restart with the same hash key, and another one with another", () => {
  const numbers = (key: Uint32Array) => {
    const steering = steeringFor(8, [], key);
    return neighbours.map((client) => workerOf(Uint32Array.from(addressWords(client)), steering));
  };
  assert.deepEqual(numbers(HASH_KEY), numbers(HASH_KEY.slice()));
  assert.notDeepEqual(numbers(HASH_KEY), numbers(Uint32Array.of(0x87654321, 2, 3, 4)));
});
