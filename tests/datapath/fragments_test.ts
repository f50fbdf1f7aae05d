import assert from "node:assert/strict";
import fc from "fast-check";
import { BATCH_FRAMES, TICK_MS } from "../../datapath/engine.ts";
import { Verdict } from "../../datapath/verdict.ts";
import { FORWARDED, QUERY } from "./fixture.ts";
import { concat, countingBytes, ipv4Frame, udpFrame, withVlanTag } from "./frame_builder.ts";
import { FORWARDED6, QUERY6 } from "./ipv6_fixture.ts";
import { fragmentHeader, ipv6Frame, Next, optionsHeader, udp6Frame } from "./ipv6_frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { OTHER_VLAN, Port, TestNetwork } from "./test_network.ts";

const UDP = 17;
const PIECE_BYTES = 1480;
const PIECE6_BYTES = 1440;

/** A datagram in pieces, as they come and as they leave. */
function pieces(bytes: number, identification: number, changes: Partial<typeof QUERY> = {}) {
  const fields = { ...QUERY, dontFragment: false, identification, ...changes };
  const datagram = udpFrame({ ...fields, payload: countingBytes(bytes - 8) }).slice(34);
  return Array.from({ length: Math.ceil(bytes / PIECE_BYTES) }, (_, index) => {
    const from = index * PIECE_BYTES;
    const place = { fragmentOffset: from / 8, moreFragments: from + PIECE_BYTES < bytes };
    const payload = datagram.slice(from, from + PIECE_BYTES);
    return {
      arriving: ipv4Frame({ ...fields, ...place }, UDP, payload),
      leaving: ipv4Frame({ ...fields, ...place, ...FORWARDED }, UDP, payload),
    };
  });
}

/** The same over IPv6, with a header before the fragment header and one behind it. */
function pieces6(bytes: number, identification: number, changes: Partial<typeof QUERY6> = {}) {
  const fields = { ...QUERY6, ...changes };
  const options = optionsHeader(Next.DESTINATION_OPTIONS).bytes.with(0, UDP);
  const datagram = udp6Frame({ ...fields, payload: countingBytes(bytes - 8) }).slice(54);
  const whole = concat(options, datagram);
  return Array.from({ length: Math.ceil(whole.length / PIECE6_BYTES) }, (_, index) => {
    const from = index * PIECE6_BYTES;
    const extensions = [
      optionsHeader(Next.HOP_BY_HOP),
      fragmentHeader(from, from + PIECE6_BYTES < whole.length, identification),
    ];
    const payload = whole.slice(from, from + PIECE6_BYTES);
    return {
      arriving: ipv6Frame({ ...fields, extensions }, Next.DESTINATION_OPTIONS, payload),
      leaving: ipv6Frame({ ...fields, ...FORWARDED6, extensions }, Next.DESTINATION_OPTIONS, payload),
    };
  });
}

class Wire {
  readonly port = new MemoryPort();
  readonly network = new TestNetwork({ port: this.port });
  nowMs = 0;

  deliver(...frames: Uint8Array[]): Uint8Array[] {
    this.port.incoming.push(...frames);
    while (this.port.incoming.length > 0) this.network.engine.breathe(this.nowMs);
    return this.port.sent.splice(0).map(({ bytes }) => bytes);
  }

  pass(milliseconds: number): void {
    for (const endMs = this.nowMs + milliseconds; this.nowMs < endMs;) {
      this.nowMs += TICK_MS;
      this.network.engine.breathe(this.nowMs);
    }
  }

  counted(): Record<string, number> {
    const { verdicts } = this.network.engine;
    return Object.fromEntries(
      Object.entries(Verdict).map(([name, number]) => [name, verdicts[number]!]).filter(([, count]) =>
        count !== 0
      ),
    );
  }
}

Deno.test("fragments that come first wait for the first one, and leave right after it", () => {
  const wire = new Wire();
  const [first, second, third] = pieces(4_000, 7);
  assert.deepEqual(wire.deliver(third!.arriving, second!.arriving), []);
  assert.deepEqual(wire.counted(), {});
  assert.deepEqual(wire.deliver(first!.arriving), [first!.leaving, third!.leaving, second!.leaving]);
  assert.deepEqual(wire.counted(), { Forwarded: 3 });
  assert.ok(wire.network.destinations.connections.includes(1), "one connection");
  assert.ok(wire.network.destinations.packets.includes(3));
});

Deno.test("fragments of any packets in any order end in one verdict each, and all arrive", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1_481, max: 9_000 }), { minLength: 1, maxLength: 10 }).chain((sizes) => {
        const frames = sizes.flatMap((bytes, identification) =>
          (identification % 2 === 0 ? pieces : pieces6)(bytes, identification >> 1)
        );
        return fc.shuffledSubarray(frames, { minLength: frames.length });
      }),
      (frames) => {
        const wire = new Wire();
        const sent = wire.deliver(...frames.map(({ arriving }) => arriving));
        const text = (bytes: Uint8Array) => bytes.toHex();
        assert.deepEqual(sent.map(text).toSorted(), frames.map(({ leaving }) => text(leaving)).toSorted());
        assert.deepEqual(wire.counted(), { Forwarded: frames.length });
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("a datagram of 65,507 bytes passes with its fragments in reverse order", () => {
  const wire = new Wire();
  const all = pieces(65_507 + 8, 9);
  const reversed = all.toReversed();
  const sent = wire.deliver(...reversed.map(({ arriving }) => arriving));
  assert.deepEqual(sent, [all[0]!, ...reversed.slice(0, -1)].map(({ leaving }) => leaving));
  assert.ok(all.length < BATCH_FRAMES);
});

Deno.test("fragments over IPv6 follow the first one of their own packet, not of another", () => {
  const wire = new Wire();
  const [first, second] = pieces6(2_000, 0x89abcdef);
  wire.deliver(pieces6(2_000, 0x89abcdee)[0]!.arriving);
  wire.deliver(pieces6(2_000, 0x89abcdef, { source: "2001:db8:1::8" })[0]!.arriving);
  assert.deepEqual(wire.deliver(second!.arriving), []);
  for (const source of ["2001:db8:2::7", "2001:db9:1::7", "2001:db8:1::1:0:7"]) {
    const [other] = pieces6(2_000, 0x89abcdef, { source });
    assert.deepEqual(wire.deliver(other!.arriving).length, 1, "the second one waits for another");
  }
  assert.deepEqual(wire.deliver(first!.arriving), [first!.leaving, second!.leaving]);
});

Deno.test("an overlap with the first fragment over IPv6 is found, whatever headers that one has", () => {
  const wire = new Wire();
  const [first] = pieces6(2_000, 7);
  wire.deliver(first!.arriving);
  const overlap = (from: number) =>
    ipv6Frame({ ...QUERY6, extensions: [fragmentHeader(from, true, 7)] }, UDP, countingBytes(8));
  wire.deliver(overlap(PIECE6_BYTES - 8), overlap(PIECE6_BYTES));
  assert.deepEqual(wire.counted(), { Forwarded: 2, DroppedMalformed: 1 });
});

Deno.test("fragments that wait are dropped after a second, and counted then", () => {
  const wire = new Wire();
  wire.pass(TICK_MS);
  const [first, second, third] = pieces(4_000, 7);
  wire.deliver(second!.arriving, third!.arriving);
  wire.pass(900);
  assert.deepEqual(wire.counted(), {});
  wire.pass(TICK_MS);
  assert.deepEqual(wire.counted(), { DroppedFragment: 2 });
  assert.deepEqual(wire.deliver(first!.arriving), [first!.leaving]);
});

Deno.test("the memory of a first fragment lasts for 30 seconds", () => {
  const wire = new Wire();
  const [first, second] = pieces(2_000, 7);
  wire.deliver(first!.arriving);
  wire.nowMs = 29_999;
  assert.deepEqual(wire.deliver(second!.arriving), [second!.leaving]);
  wire.nowMs = 30_000;
  assert.deepEqual(wire.deliver(second!.arriving), []);
});

Deno.test("fragments follow the first one of their own packet, not of another", () => {
  const wire = new Wire();
  const [, second] = pieces(2_000, 7);
  wire.deliver(pieces(2_000, 8)[0]!.arriving);
  wire.deliver(pieces(2_000, 7, { source: "198.51.100.8" })[0]!.arriving);
  assert.deepEqual(wire.deliver(second!.arriving), []);
});

Deno.test("what waits for a first fragment that is refused is dropped, never forwarded", () => {
  const wire = new Wire();
  const [first, second] = pieces(2_000, 7, { destinationPort: 9 });
  assert.equal(wire.deliver(second!.arriving, first!.arriving).length, 1, "the ICMP error");
  wire.pass(1_200);
  assert.deepEqual(wire.counted(), { AnsweredNoService: 1, DroppedFragment: 1 });
});

Deno.test("an overlap with the first fragment is found also where it came before that", () => {
  const wire = new Wire();
  const [first] = pieces(2_000, 7);
  const teardrop = ipv4Frame(
    { ...QUERY, identification: 7, dontFragment: false, fragmentOffset: 3 },
    UDP,
    countingBytes(4),
  );
  assert.deepEqual(wire.deliver(teardrop, first!.arriving), [first!.leaving]);
  assert.deepEqual(wire.counted(), { Forwarded: 1, DroppedMalformed: 1 });
});

Deno.test("a packet of a one-packet service stays together", () => {
  const wire = new Wire();
  const [first, second] = pieces(2_000, 7, { destinationPort: Port.ONE_PACKET });
  assert.deepEqual(wire.deliver(second!.arriving, first!.arriving), [first!.leaving, second!.leaving]);
  assert.ok(wire.network.destinations.connections.includes(1));
});

Deno.test("however many packets over IPv6 are known, a fragment of another one follows none of them", () => {
  const wire = new Wire();
  const first = pieces6(2_000, 7)[0]!.arriving;
  for (let count = 0; count < 20_000; count++) {
    // The network of the client's address.
    first[14 + 8 + 6] = count >>> 8;
    first[14 + 8 + 7] = count & 255;
    wire.network.forward(first);
  }
  for (const source of ["2a00::7", "2001:db8:abcd:ef01::7", "2001:db8:2::7"]) {
    assert.deepEqual(wire.deliver(pieces6(2_000, 7, { source })[1]!.arriving), []);
  }
});

Deno.test("room that a fragment has used on its way into a VLAN serves for what stays out of it", () => {
  const wire = new Wire();
  const [first, second] = pieces(2_000, 7, { destinationPort: Port.DNS_ELSEWHERE });
  assert.deepEqual(
    wire.deliver(second!.arriving, first!.arriving),
    [first!, second!].map(({ leaving }) => withVlanTag(leaving, OTHER_VLAN)),
  );
  const whole = udpFrame({ ...QUERY, dontFragment: false, identification: 8, payload: countingBytes(1_992) });
  assert.deepEqual(wire.deliver(whole), pieces(2_000, 8).map(({ leaving }) => leaving));
});

Deno.test("a flood of first fragments does not grow the memory, nor does it stop others", () => {
  const wire = new Wire();
  const noise = pieces(2_000, 0)[0]!.arriving;
  for (let count = 0; count < 20_000; count++) {
    noise[18] = count >>> 8;
    noise[19] = count & 255;
    noise[28] = count >>> 16;
    wire.network.forward(noise);
  }
  const [first, second] = pieces(2_000, 7, { source: "198.51.100.9" });
  assert.deepEqual(wire.deliver(second!.arriving, first!.arriving), [first!.leaving, second!.leaving]);
});
