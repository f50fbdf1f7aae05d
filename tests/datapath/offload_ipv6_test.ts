import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { describeUnfinishedIpv6 } from "../../datapath/offload.ts";
import { virtioHeader } from "./fixture.ts";
import { countingBytes, Flag, withVlanTag } from "./frame_builder.ts";
import { Next, optionsHeader, tcp6Frame, udp6Frame } from "./ipv6_frame_builder.ts";
import { type SentFrame, sentFrame } from "./memory_port.ts";
import { CLIENT_MAC, DIRECTOR_MAC } from "./test_network.ts";

const SLOT = 1;
const ring = new FrameRing(3);

const TO_VIP = {
  from: CLIENT_MAC,
  to: DIRECTOR_MAC,
  source: "2001:db8:c11e::7",
  destination: "2001:db8::dead:beef",
  sourcePort: 40_000,
  destinationPort: 80,
};

interface Offsets {
  readonly extensionBytes?: number;
  readonly tagBytes?: number;
  readonly mtu?: number;
}

function described(
  frame: Uint8Array,
  protocol: number,
  { extensionBytes = 0, tagBytes = 0, mtu = 1_500 }: Offsets = {},
): SentFrame {
  ring.arena.fill(0xa5);
  ring.frames[SLOT]!.set(frame);
  ring.lengths[SLOT] = frame.length;
  const ip = FrameRing.frameAt(SLOT) + 14 + tagBytes;
  describeUnfinishedIpv6(ring, SLOT, ip, ip + 40 + extensionBytes, protocol, mtu);
  return sentFrame(ring, SLOT);
}

const extensionBytes = fc.integer({ min: 0, max: 5 }).map((words) => words * 8);
const extensionsOf = (bytes: number) => bytes === 0 ? [] : [optionsHeader(Next.DESTINATION_OPTIONS, bytes)];

Deno.test("a partial checksum over IPv6 is recognised behind any header, and nothing of the frame changes", () => {
  fc.assert(fc.property(
    fc.constantFrom(Next.TCP, Next.UDP),
    fc.integer({ min: 1, max: 65_535 }),
    extensionBytes,
    fc.boolean(),
    fc.uint8Array({ maxLength: 200 }),
    (protocol, sourcePort, extensionBytes, isTagged, payload) => {
      const extensions = extensionsOf(extensionBytes);
      const fields = { ...TO_VIP, sourcePort, extensions, payload, checksum: "partial" } as const;
      const isTcp = protocol === Next.TCP;
      const plain = isTcp ? tcp6Frame({ ...fields, flags: Flag.ACK }) : udp6Frame(fields);
      const frame = isTagged ? withVlanTag(plain, 7) : plain;
      const tagBytes = isTagged ? 4 : 0;
      const found = described(frame, protocol, { extensionBytes, tagBytes });
      assert.deepEqual(found.bytes, frame);
      const checksumStart = 54 + tagBytes + extensionBytes;
      const checksumOffset = isTcp ? 16 : 6;
      assert.deepEqual(found.described, virtioHeader({ flags: 1, checksumStart, checksumOffset }));
    },
  ));
});

Deno.test("a complete checksum over IPv6 is left alone unless it has the value of a partial one", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 2, maxLength: 200 }), (payload) => {
    const frame = udp6Frame({ ...TO_VIP, payload });
    const partial = udp6Frame({ ...TO_VIP, payload, checksum: "partial" });
    fc.pre(frame[60] !== partial[60] || frame[61] !== partial[61]);
    const found = described(frame, Next.UDP);
    assert.deepEqual(found.bytes, frame);
    assert.deepEqual(found.described, virtioHeader({}));
  }));
});

Deno.test("a segment over IPv6 larger than the MTU is cut so that every piece fits with all its headers", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1_280, max: 9_000 }),
    extensionBytes,
    fc.integer({ min: 0, max: 10 }),
    fc.integer({ min: 1, max: 50_000 }),
    fc.boolean(),
    (mtu, extensionBytes, tcpWords, excess, isCongestionReduced) => {
      const headers = 60 + extensionBytes + tcpWords * 4;
      const fields = {
        ...TO_VIP,
        flags: Flag.ACK | (isCongestionReduced ? Flag.CWR : 0),
        extensions: extensionsOf(extensionBytes),
        tcpOptions: countingBytes(tcpWords * 4),
        payload: new Uint8Array(mtu - headers + excess),
      };
      const found = described(tcp6Frame(fields), Next.TCP, { extensionBytes, mtu });
      assert.deepEqual(found.bytes, tcp6Frame({ ...fields, checksum: "partial" }));
      assert.deepEqual(
        found.described,
        virtioHeader({
          flags: 1,
          gsoType: isCongestionReduced ? 0x84 : 4,
          headerBytes: 14 + headers,
          gsoBytes: mtu - headers,
          checksumStart: 54 + extensionBytes,
          checksumOffset: 16,
        }),
      );
    },
  ));
});

Deno.test("what follows a packet over IPv6 larger than the MTU is not sent as part of it", () => {
  const fields = { ...TO_VIP, flags: Flag.ACK, payload: countingBytes(2_001) };
  const found = described(tcp6Frame({ ...fields, paddedTo: 2_100 }), Next.TCP);
  assert.equal(found.bytes.length, 14 + 60 + 2_001);
});
