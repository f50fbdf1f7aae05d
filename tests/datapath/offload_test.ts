import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { describeComplete, describeUnfinished } from "../../datapath/offload.ts";
import { QUERY, SYN, virtioHeader } from "./fixture.ts";
import { countingBytes, Flag, tcpFrame, udpFrame } from "./frame_builder.ts";
import { type SentFrame, sentFrame } from "./memory_port.ts";

const SLOT = 1;
const ring = new FrameRing(3);

function described(frame: Uint8Array, mtu = 1_500): SentFrame {
  ring.arena.fill(0xa5);
  ring.frames[SLOT]!.set(frame);
  ring.lengths[SLOT] = frame.length;
  describeUnfinished(ring, SLOT, FrameRing.frameAt(SLOT) + 14, mtu);
  return sentFrame(ring, SLOT);
}

const port = fc.integer({ min: 1, max: 65_535 });
const octet = fc.integer({ min: 0, max: 255 });
const addresses = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
const optionWords = fc.integer({ min: 0, max: 10 });

Deno.test("a partial checksum is recognised behind any header, and nothing of the frame changes", () => {
  fc.assert(fc.property(
    fc.constantFrom("tcp", "udp"),
    addresses,
    addresses,
    port,
    optionWords,
    optionWords,
    fc.uint8Array({ maxLength: 200 }),
    (protocol, source, destination, sourcePort, ipWords, tcpWords, payload) => {
      const options = countingBytes(ipWords * 4);
      const ip = { source, destination, sourcePort, options, payload, checksum: "partial" } as const;
      const isTcp = protocol === "tcp";
      const frame = isTcp
        ? tcpFrame({ ...SYN, ...ip, tcpOptions: countingBytes(tcpWords * 4) })
        : udpFrame({ ...QUERY, ...ip });
      const found = described(frame);
      assert.deepEqual(found.bytes, frame);
      assert.deepEqual(
        found.described,
        virtioHeader({ flags: 1, checksumStart: 34 + options.length, checksumOffset: isTcp ? 16 : 6 }),
      );
    },
  ));
});

Deno.test("a complete checksum is left alone unless it has the value of a partial one", () => {
  fc.assert(fc.property(port, fc.uint8Array({ minLength: 2, maxLength: 200 }), (sourcePort, payload) => {
    const fields = { ...SYN, sourcePort, payload };
    const frame = tcpFrame(fields);
    const partial = tcpFrame({ ...fields, checksum: "partial" });
    fc.pre(frame[50] !== partial[50] || frame[51] !== partial[51]);
    const found = described(frame);
    assert.deepEqual(found.bytes, frame);
    assert.deepEqual(found.described, virtioHeader({}));
  }));
});

Deno.test("a segment larger than the MTU is cut so that every piece fits with all its headers", () => {
  fc.assert(fc.property(
    fc.integer({ min: 576, max: 9_000 }),
    optionWords,
    optionWords,
    fc.integer({ min: 1, max: 50_000 }),
    fc.boolean(),
    (mtu, ipWords, tcpWords, excess, isCongestionReduced) => {
      const headers = 40 + ipWords * 4 + tcpWords * 4;
      const fields = {
        ...SYN,
        flags: Flag.ACK | (isCongestionReduced ? Flag.CWR : 0),
        options: countingBytes(ipWords * 4),
        tcpOptions: countingBytes(tcpWords * 4),
        payload: new Uint8Array(mtu - headers + excess),
      };
      const found = described(tcpFrame(fields), mtu);
      assert.deepEqual(found.bytes, tcpFrame({ ...fields, checksum: "partial" }));
      assert.deepEqual(
        found.described,
        virtioHeader({
          flags: 1,
          gsoType: isCongestionReduced ? 0x81 : 1,
          headerBytes: 14 + headers,
          gsoBytes: mtu - headers,
          checksumStart: 34 + ipWords * 4,
          checksumOffset: 16,
        }),
      );
    },
  ));
});

Deno.test("describeComplete() writes ten zero bytes before the frame and nothing else", () => {
  ring.arena.fill(0xa5);
  describeComplete(ring, SLOT);
  const at = FrameRing.frameAt(SLOT);
  const expected = new Uint8Array(ring.arena.length).fill(0xa5).fill(0, at - 10, at);
  assert.ok(ring.arena.every((byte, index) => byte === expected[index]));
});
