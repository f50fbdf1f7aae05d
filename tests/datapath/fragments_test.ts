import assert from "node:assert/strict";
import fc from "fast-check";
import { BATCH_FRAMES, TICK_MS } from "../../datapath/engine.ts";
import { Verdict } from "../../datapath/verdict.ts";
import { FORWARDED, QUERY } from "./fixture.ts";
import { countingBytes, ipv4Frame, udpFrame } from "./frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { Port, TestNetwork } from "./test_network.ts";

const UDP = 17;
const PIECE_BYTES = 1480;

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
        const frames = sizes.flatMap((bytes, identification) => pieces(bytes, identification));
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
  assert.deepEqual(wire.counted(), { AnsweredUnreachable: 1, DroppedFragment: 1 });
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
