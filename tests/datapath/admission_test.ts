import assert from "node:assert/strict";
import fc from "fast-check";
import { ClientNetworks, ClientRules, SourceLimits } from "../../datapath/admission.ts";
import { State } from "../../datapath/connection_state.ts";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import { addressText, addressWords, isInPrefix, networkAddress } from "../../model/ip_address.ts";
import type { Prefix } from "../../model/config.ts";
import { Cluster, destination, UDP, web } from "./cluster.ts";
import { Flag } from "./frame_builder.ts";
import { service } from "./test_network.ts";

const SYN = { flags: Flag.SYN };
const ACK = { flags: Flag.ACK };
const LIMIT = 5;

function client(address: string): Uint32Array {
  return Uint32Array.from(addressWords(address));
}

function limits(): SourceLimits {
  return new SourceLimits(new KeyedHash(Uint32Array.of(7, 8)));
}

/** Few different bits, so that networks hold, touch and miss each other and addresses. */
const anyWord = fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xc0000200, 0xc00002ff, 0xffffffff);
const anyIpv6 = fc.tuple(anyWord, anyWord, anyWord, anyWord).map((words) => addressText(words))
  .filter((address) => address.includes(":"));
const anyIpv4 = anyWord.map((word) => addressText([0, 0, 0xffff, word]));

function anyPrefix(address: fc.Arbitrary<string>, bits: number): fc.Arbitrary<Prefix> {
  return fc.tuple(address, fc.integer({ min: 0, max: bits })).map(([text, length]) => ({
    address: networkAddress(text, length),
    length,
  }));
}

for (const [family, address, bits] of [["IPv4", anyIpv4, 32], ["IPv6", anyIpv6, 128]] as const) {
  Deno.test(`${family} networks have an address exactly if one of them has it`, () => {
    fc.assert(
      fc.property(
        fc.array(anyPrefix(address, bits), { maxLength: 12 }),
        fc.array(address, { minLength: 8 }),
        (prefixes, addresses) => {
          const networks = new ClientNetworks(prefixes);
          assert.equal(networks.isEmpty, prefixes.length === 0);
          // The edges of networks are where a search goes wrong.
          for (const each of [...addresses, ...prefixes.map((prefix) => prefix.address)]) {
            const expected = prefixes.some((prefix) => isInPrefix(each, prefix.address, prefix.length));
            assert.equal(networks.has(client(each)), expected, each);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
}

Deno.test("A client is kept out by deny, and by an allow list it is not in", () => {
  const office = { address: "198.51.100.0", length: 24 };
  const printer = { address: "198.51.100.9", length: 32 };
  const denied = (allow: Prefix[], deny: Prefix[]) =>
    ["198.51.100.1", "198.51.100.9", "203.0.113.1"].map((address) =>
      new ClientRules({ allow, deny }).denies(client(address))
    );
  assert.deepEqual(denied([], []), [false, false, false]);
  assert.deepEqual(denied([office], []), [false, false, true]);
  assert.deepEqual(denied([], [printer]), [false, true, false]);
  assert.deepEqual(denied([office], [printer]), [false, true, true]);
  assert.deepEqual(denied([printer], [office]), [true, true, true]);
});

/** What a source may have by the definition of a token bucket, in exact numbers. */
class Bucket {
  #tokens: number;
  #atMs = 0;

  constructor(readonly perSecond: number) {
    this.#tokens = perSecond * 1_000;
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(
      this.perSecond * 1_000,
      this.#tokens + (nowMs - this.#atMs) * this.perSecond,
    );
    this.#atMs = nowMs;
    if (this.#tokens < 1_000) return false;
    this.#tokens -= 1_000;
    return true;
  }
}

Deno.test("A source gets what its token bucket holds, whatever others do", () => {
  const anyVisit = fc.record({
    source: fc.integer({ min: 0, max: 3 }),
    pauseMs: fc.constantFrom(0, 0, 0, 1, 7, 200, 333, 5_000),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(1, 3, 5, 1_000_000),
      // A clock that passes 2^31 and 2^32 on the way.
      fc.constantFrom(0, 2 ** 31 - 1_000, 2 ** 32 - 1_000),
      fc.array(anyVisit, { maxLength: 80 }),
      (perSecond, startMs, visits) => {
        const table = limits();
        const buckets = Array.from({ length: 4 }, () => new Bucket(perSecond));
        let nowMs = startMs;
        for (const { source, pauseMs } of visits) {
          nowMs += pauseMs;
          const from = client(`198.51.100.${source}`);
          const left = table.left(from, 1, perSecond, nowMs);
          const isAdmitted = buckets[source]!.take(nowMs);
          assert.equal(table.admits(from, 1, perSecond, nowMs), isAdmitted);
          assert.equal(left > 0, isAdmitted);
        }
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("A limit counts each service apart, and an IPv6 /64 as one source", () => {
  const table = limits();
  assert.equal(table.admits(client("2001:db8::1"), 1, 1, 0), true);
  assert.equal(table.admits(client("2001:db8::2"), 1, 1, 0), false);
  assert.equal(table.admits(client("2001:db8:0:1::1"), 1, 1, 0), true);
  assert.equal(table.admits(client("2001:db8::1"), 2, 1, 0), true);
});

Deno.test("A source that is over its limit stays so in a flood from a million others", () => {
  const table = limits();
  const flooder = client("192.0.2.1");
  for (let visit = 0; visit < LIMIT; visit++) assert.ok(table.admits(flooder, 1, LIMIT, 0));
  const other = client("10.0.0.0");
  for (let source = 0; source < 1_000_000; source++) {
    other[3] = 0x0a000000 + source;
    assert.ok(table.admits(other, 1, LIMIT, 0), "who comes for the first time is never refused");
  }
  assert.equal(table.admits(flooder, 1, LIMIT, 0), false);
});

Deno.test("A copy has the content and is independent", () => {
  const table = limits();
  const from = client("192.0.2.1");
  table.admits(from, 1, 2, 0);
  const copy = table.copy();
  assert.equal(copy.left(from, 1, 2, 0), 1);
  copy.admits(from, 1, 2, 0);
  assert.equal(table.left(from, 1, 2, 0), 1);
});

Deno.test("A client that is denied opens nothing, and keeps what it had when it was denied", () => {
  const deny = [{ address: "198.51.100.1", length: 32 }];
  const cluster = new Cluster([web()]);
  assert.equal(cluster.send(SYN), 1);
  cluster.adopt(web({ deny }), service(UDP, 53, { deny, onePacket: true, destinations: [destination(1)] }));
  assert.equal(cluster.send(ACK), 1);
  assert.equal(cluster.send({ ...SYN, clientPort: 2 }), "DroppedDenied");
  assert.equal(cluster.send({ flags: null, port: 53 }), "DroppedDenied");
  assert.equal(cluster.send({ ...SYN, client: "198.51.100.2" }), 2);
  assert.equal(cluster.entries().length, 2);
  cluster.assertBooks();
});

Deno.test("A source over its limit opens no more connections until time has passed, and keeps those it has", () => {
  const cluster = new Cluster([web({ newConnectionsPerSource: LIMIT })]);
  const open = (clientPort: number) => cluster.send({ ...SYN, clientPort });
  for (let clientPort = 1; clientPort <= LIMIT; clientPort++) assert.equal(typeof open(clientPort), "number");
  assert.equal(open(6), "DroppedSourceLimit");
  assert.equal(open(1), 1, "the same SYN again belongs to its connection");
  assert.equal(cluster.send({ ...ACK, clientPort: 1 }), 1);
  assert.equal(typeof cluster.send({ ...SYN, client: "198.51.100.2" }), "number");
  cluster.pass(1_000 / LIMIT);
  assert.equal(typeof open(6), "number");
  assert.equal(open(7), "DroppedSourceLimit");
  cluster.assertBooks();
});

Deno.test("A limit counts the packets of a one-packet service, and segments that unknown: schedule lets in", () => {
  const dns = service(UDP, 53, {
    onePacket: true,
    newConnectionsPerSource: 2,
    destinations: [destination(1)],
  });
  const cluster = new Cluster([dns, web({ newConnectionsPerSource: 1, unknown: "schedule" })]);
  const query = { flags: null, port: 53 };
  assert.deepEqual([query, query, query].map((packet) => cluster.send(packet)), [1, 1, "DroppedSourceLimit"]);
  assert.equal(cluster.send({ ...ACK, clientPort: 1 }), 1);
  assert.equal(cluster.send({ ...ACK, clientPort: 2 }), "DroppedSourceLimit");
});

Deno.test("A connection that moves from a lost server is not counted again; one that opens is", () => {
  const settings = { newConnectionsPerSource: 1, onServerLoss: "move" } as const;
  const cluster = new Cluster([web(settings)]);
  assert.equal(cluster.send(SYN), 1);
  assert.equal(cluster.send(ACK), 1);
  cluster.adopt(web({ ...settings, destinations: [destination(2)] }));
  assert.equal(cluster.send(ACK), 2);
  assert.deepEqual(cluster.entries().map(({ state }) => state), [State.Established]);
  cluster.adopt(web({ ...settings, destinations: [destination(1)] }));
  assert.equal(cluster.send(SYN), "DroppedSourceLimit");
  cluster.assertBooks();
});
