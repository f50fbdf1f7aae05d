import assert from "node:assert/strict";
import fc from "fast-check";
import { cutPacket } from "../../datapath/fragmentation.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { Packet } from "../../datapath/packet.ts";
import { SendQueue, SPARE_SLOTS } from "../../datapath/send_queue.ts";
import { internetChecksum, ipv4Frame } from "./frame_builder.ts";
import { MemoryPort, sentFrame } from "./memory_port.ts";
import { QUERY } from "./fixture.ts";

const UDP = 17;
const SLOT = 0;

Deno.test("cutPacket() makes fragments that are small enough, right, and whole together", () => {
  const ring = new FrameRing(1 + SPARE_SLOTS);
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(fc.property(
    fc.integer({ min: 68, max: 9_000 }),
    fc.array(fc.tuple(byte, byte, byte, byte), { maxLength: 10 }),
    fc.integer({ min: 1, max: 40_000 }),
    fc.nat(1_000),
    fc.boolean(),
    byte,
    (mtu, options, excess, fragmentOffset, moreFragments, seed) => {
      const header = 20 + options.length * 4;
      const payloadBytes = Math.min(mtu - header + excess, 65_535 - header - fragmentOffset * 8);
      fc.pre(payloadBytes > mtu - header);
      const payload = Uint8Array.from({ length: payloadBytes }, (_, at) => at * 31 + seed);
      const fields = {
        ...QUERY,
        dontFragment: false,
        identification: 7,
        options: Uint8Array.from(options.flat()),
      };
      const frame = ipv4Frame({ ...fields, fragmentOffset, moreFragments }, UDP, payload);
      ring.arena.fill(0xa5);
      ring.frames[SLOT]!.set(frame);
      ring.lengths[SLOT] = frame.length;
      const port = new MemoryPort();
      const queue = new SendQueue(port, ring, 1);
      const packet = new Packet();
      packet.slot = SLOT;
      packet.at = ring.startOf(SLOT);
      packet.ip = packet.at + 14;
      cutPacket(ring, packet, mtu, queue);
      queue.add(SLOT);
      queue.flush();

      const together = new Uint8Array(payloadBytes);
      let expectedOffset = fragmentOffset * 8;
      port.sent.forEach(({ bytes }, index) => {
        const view = new DataView(bytes.buffer);
        const isLast = index === port.sent.length - 1;
        assert.ok(bytes.length <= 14 + mtu);
        assert.equal(view.getUint16(16), bytes.length - 14);
        assert.equal(internetChecksum(bytes.slice(14, 14 + header)), 0);
        const word = view.getUint16(20);
        assert.equal((word & 0x1fff) * 8, expectedOffset);
        assert.equal((word & 0x2000) !== 0, !isLast || moreFragments);
        assert.equal(word & 0xc000, 0);
        const part = bytes.slice(14 + header);
        together.set(part, expectedOffset - fragmentOffset * 8);
        expectedOffset += part.length;
        assert.ok(isLast || part.length % 8 === 0);
      });
      assert.equal(expectedOffset - fragmentOffset * 8, payloadBytes);
      assert.deepEqual(together, payload);
      assert.ok(port.sent.length > 1);
      assert.deepEqual(sentFrame(ring, SLOT).bytes, port.sent.at(-1)!.bytes);
    },
  ));
});
