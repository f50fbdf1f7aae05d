import assert from "node:assert/strict";
import fc from "fast-check";
import { LAST_SENT, Verdict, VERDICTS } from "../../datapath/verdict.ts";
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { ANSWERED_FIXTURES } from "./answered_fixtures.ts";
import { ACK, ARP_REQUEST, connected, FORWARDED, SYN, virtioHeader } from "./fixture.ts";
import { arpFrame, internetChecksum, tcpFrame } from "./frame_builder.ts";
import { FORWARDED_FIXTURES } from "./forwarded_fixtures.ts";
import { FRAGMENT_FIXTURES } from "./fragment_fixtures.ts";
import { ICMP_FIXTURES } from "./icmp_fixtures.ts";
import { IPV6_FIXTURES } from "./ipv6_fixtures.ts";
import { IPV6_ERROR_FIXTURES, IPV6_UNSENT_FIXTURES } from "./ipv6_unsent_fixtures.ts";
import { MemoryPort } from "./memory_port.ts";
import { DIRECTOR_MAC, SERVER, TestNetwork } from "./test_network.ts";
import { UNSENT_FIXTURES } from "./unsent_fixtures.ts";
import { VLAN_FIXTURES } from "./vlan_fixtures.ts";

const FIXTURES = [
  ...FORWARDED_FIXTURES,
  ...ANSWERED_FIXTURES,
  ...ICMP_FIXTURES,
  ...FRAGMENT_FIXTURES,
  ...UNSENT_FIXTURES,
  ...IPV6_FIXTURES,
  ...IPV6_ERROR_FIXTURES,
  ...IPV6_UNSENT_FIXTURES,
  ...VLAN_FIXTURES,
];
const NAMES = Object.keys(Verdict) as (keyof typeof Verdict)[];

for (const { description, frame, before, verdict, out, ahead = [], described } of FIXTURES) {
  Deno.test(`forwardFrame(): ${description}: ${verdict}`, () => {
    const port = new MemoryPort();
    const network = new TestNetwork({ port });
    before?.(network);
    network.ring.arena.fill(0xa5);
    const found = network.forward(frame);
    assert.equal(NAMES.find((name) => Verdict[name] === found.verdict), verdict);
    assert.equal(found.verdict <= LAST_SENT, out !== undefined);
    assert.deepEqual(found.out.bytes, out ?? frame);
    if (out !== undefined) assert.deepEqual(found.out.described, described ?? virtioHeader({}));
    network.queue.flush();
    assert.deepEqual(port.sent.map(({ bytes }) => bytes), ahead);
    for (const sent of port.sent) assert.deepEqual(sent.described, virtioHeader({}));
  });
}

Deno.test("every verdict has a fixture, a name and a meaning", () => {
  assert.deepEqual(NAMES.filter((name) => !FIXTURES.some(({ verdict }) => verdict === name)), []);
  assert.deepEqual(NAMES.map((name) => Verdict[name] as number), VERDICTS.map((_, index) => index));
  const snakeCase = (name: string) => name.replaceAll(/\B[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  assert.deepEqual(VERDICTS.map(({ name }) => name), NAMES.map(snakeCase));
});

Deno.test("forwardFrame() leaves the IP checksum right whatever the header holds", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const source = fc.tuple(fc.constantFrom(1, 10, 100, 126, 128, 223), byte, byte, byte);
  const word = fc.integer({ min: 0, max: 0xffff });
  const network = new TestNetwork({ port: new MemoryPort() });
  fc.assert(fc.property(
    source,
    fc.integer({ min: 2, max: 255 }),
    byte,
    word,
    fc.uint8Array({ minLength: 0, maxLength: 10 }),
    (octets, ttl, typeOfService, identification, quarter) => {
      const options = Uint8Array.from([...quarter, ...quarter, ...quarter, ...quarter]);
      const fields = { ...SYN, source: octets.join("."), typeOfService, identification, options };
      const { verdict, out } = network.forward(tcpFrame({ ...fields, ttl }));
      assert.equal(verdict, Verdict.Forwarded);
      assert.deepEqual(out.bytes, tcpFrame({ ...fields, ...FORWARDED, ttl: ttl - 1 }));
    },
  ));
});

Deno.test("forwardFrame() leaves the IP checksum right where its sum carries", () => {
  // Over all values of one word, every checksum occurs.
  const network = new TestNetwork({ port: new MemoryPort() });
  connected()(network);
  for (let identification = 0; identification <= 0xffff; identification++) {
    const frame = tcpFrame({ ...ACK, identification });
    const { out } = network.forward(frame);
    const header = out.bytes.slice(14, 34);
    header.fill(0, 10, 12);
    assert.equal(new DataView(out.bytes.buffer).getUint16(24), internetChecksum(header), `${identification}`);
  }
});

Deno.test("forwardFrame() counts packets and bytes of the real server it forwards to", () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  connected()(network);
  const bytes = tcpFrame(SYN).length + tcpFrame(ACK).length;
  assert.ok(network.destinations.packets.includes(2));
  assert.ok(network.destinations.bytes.includes(bytes));
  assert.ok(network.destinations.connections.includes(1));
});

Deno.test("forwardFrame() follows a real server to a new MAC", () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  connected()(network);
  const senderMac = "00:00:5e:00:53:99";
  const moved = { ...ARP_REQUEST, senderAddress: SERVER, senderMac, targetAddress: SERVER };
  network.forward(arpFrame(moved), 5_000);
  assert.equal(network.forward(tcpFrame(ACK), 5_000).out.bytes[5], tcpFrame({ ...ACK, ...FORWARDED })[5]);
  network.neighbors.due(5_000, 10);
  network.forward(arpFrame({ ...moved, operation: "reply", to: DIRECTOR_MAC }), 5_000);
  assert.deepEqual(
    network.changes.filter(({ address, vlan }) => address === SERVER && vlan === UNTAGGED).map(({ kind }) =>
      kind
    ),
    ["learnt", "learnt"],
  );
  assert.deepEqual(
    network.forward(tcpFrame(ACK), 5_000).out.bytes,
    tcpFrame({ ...ACK, ...FORWARDED, to: senderMac }),
  );
});

Deno.test("forwardFrame() gives the same frame the same bytes in every slot", () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  connected()(network);
  for (let slot = 0; slot < network.ring.slotCount; slot++) {
    assert.deepEqual(network.forward(tcpFrame(ACK), 0, slot).out.bytes, tcpFrame({ ...ACK, ...FORWARDED }));
  }
});

Deno.test("forwardFrame() neither renews nor changes a connection for an ICMP error about it", () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  connected()(network);
  const entry = () => ({
    state: network.connections.state(network.connections.nextUsed(0)),
    remainingMs: network.connections.remainingMs(network.connections.nextUsed(0), 0),
  });
  const before = entry();
  const connections = network.destinations.connections.slice();
  const error = ICMP_FIXTURES[0]!;
  assert.equal(network.forward(error.frame, 5_000).verdict, Verdict.ForwardedIcmp);
  assert.deepEqual(entry(), before);
  assert.deepEqual(network.destinations.connections, connections);
  assert.ok(network.destinations.packets.includes(3));
});
