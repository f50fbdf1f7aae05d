import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { readPacket } from "../../sentinel/packet.ts";
import {
  arpFrame,
  Flag,
  icmpFrame,
  ipv4Packet,
  tcpFrame,
  udpFrame,
  withVlanTag,
} from "../datapath/frame_builder.ts";
import {
  advertisementFrame,
  icmp6Frame,
  ipv6Packet,
  optionsHeader,
  solicitationFrame,
  solicitedNode,
  tcp6Frame,
} from "../datapath/ipv6_frame_builder.ts";

const FROM = "02:00:00:00:00:15";
const TO = "02:00:00:00:00:02";
const IP = { from: FROM, to: TO, source: "192.0.2.10", destination: "203.0.113.200" };
const TCP = {
  ...IP,
  sourcePort: 80,
  destinationPort: 65_535,
  flags: Flag.SYN | Flag.ACK,
  sequence: 0xffffffff,
};
const IP6 = { from: FROM, to: TO, source: "2001:db8::10", destination: "2001:db8::c8" };
const TCP6 = { ...IP6, sourcePort: 80, destinationPort: 65_535, flags: Flag.RST, sequence: 0xffffffff };
const SOLICITATION = {
  ...{ from: FROM, source: "2001:db8::21", target: "2001:db8::c8", linkLayer: "fe:ff:ff:ff:ff:15" },
  ...solicitedNode("2001:db8::c8"),
};
const ADVERTISEMENT = {
  ...{ from: FROM, to: TO, source: "2001:db8::21", destination: "2001:db8::2", target: "2001:db8::10" },
  ...{ isSolicited: true, linkLayer: "fe:ff:ff:ff:ff:15" },
};
const ring = new FrameRing(1);

function read(frame: Uint8Array): ReturnType<typeof readPacket> {
  ring.arena.fill(0xa5);
  ring.frames[0]!.set(frame);
  ring.lengths[0] = frame.length;
  return readPacket(ring, 0);
}

Deno.test("readPacket() reads ARP with addresses above 127.255.255.255", () => {
  const frame = arpFrame({
    ...{
      from: FROM,
      to: TO,
      operation: "request",
      senderMac: "fe:ff:ff:ff:ff:15",
      senderAddress: "203.0.113.21",
    },
    ...{ targetMac: "00:00:00:00:00:00", targetAddress: "198.51.100.10", paddedTo: 60 },
  });
  assert.deepEqual(read(frame), {
    ...{ kind: "neighbor", operation: "request", senderMac: "fe:ff:ff:ff:ff:15" },
    senderAddress: "203.0.113.21",
    targetAddress: "198.51.100.10",
    isToGroup: false,
  });
});

Deno.test("readPacket() reads TCP behind IPv4 options and before padding", () => {
  const frame = tcpFrame({
    ...TCP,
    acknowledgment: 0x80000001,
    options: new Uint8Array(8).fill(1),
    paddedTo: 90,
  });
  assert.deepEqual(read(frame), {
    ...{ kind: "tcp", mac: FROM, source: IP.source, destination: IP.destination, sourcePort: 80 },
    ...{ destinationPort: 65_535, flags: 18, sequence: 0xffffffff, acknowledgment: 0x80000001 },
  });
});

Deno.test("readPacket() reads what an ICMP error is about, and the identifier of a ping", () => {
  const quoted = ipv4Packet(
    {
      from: TO,
      to: FROM,
      source: "203.0.113.200",
      destination: "192.0.2.10",
      options: new Uint8Array(4).fill(1),
    },
    6,
    new Uint8Array([0xea, 0xdb, 0, 80, 1, 2, 3, 4]),
  );
  assert.deepEqual(read(icmpFrame({ ...IP, type: 11, payload: quoted })), {
    ...{ kind: "icmp", source: IP.source, destination: IP.destination, meaning: "expired", code: 0 },
    identifier: 0,
    quoted: { source: "203.0.113.200", sourcePort: 0xeadb },
  });
  const echo = read(icmpFrame({ ...IP, type: 0, rest: 0xabcd0001, payload: quoted }));
  assert(echo?.kind === "icmp");
  assert.deepEqual([echo.identifier, echo.quoted], [0xabcd, null]);
});

Deno.test("readPacket() reads an ICMP error that quotes too little, but not the ports", () => {
  for (const bytes of [0, 3]) {
    const quoted = ipv4Packet({ ...IP, totalLength: 60 }, 6, new Uint8Array(bytes));
    const error = read(icmpFrame({ ...IP, type: 3, payload: quoted }));
    assert(error?.kind === "icmp");
    assert.equal(error.quoted, null, `${bytes} bytes`);
  }
});

Deno.test("readPacket() reads TCP behind extension headers of IPv6", () => {
  const frame = tcp6Frame({ ...TCP6, acknowledgment: 0x80000001, extensions: [optionsHeader(60)] });
  assert.deepEqual(read(frame), {
    ...{ kind: "tcp", mac: FROM, source: IP6.source, destination: IP6.destination, sourcePort: 80 },
    ...{ destinationPort: 65_535, flags: 4, sequence: 0xffffffff, acknowledgment: 0x80000001 },
  });
});

Deno.test("readPacket() reads who solicits, and who advertises what to whom", () => {
  const asks = {
    ...{ kind: "neighbor", operation: "request", targetAddress: "2001:db8::c8" },
    isToGroup: true,
  };
  assert.deepEqual(read(solicitationFrame(SOLICITATION)), {
    ...{ ...asks, senderMac: "fe:ff:ff:ff:ff:15", senderAddress: "2001:db8::21" },
  });
  const { linkLayer: _, ...withoutOption } = SOLICITATION;
  assert.deepEqual(read(solicitationFrame({ ...withoutOption, source: "::" })), {
    ...{ ...asks, senderMac: FROM, senderAddress: "::" },
  });
  const answers = {
    ...{ kind: "neighbor", operation: "reply", senderAddress: "2001:db8::10", isToGroup: false },
  };
  assert.deepEqual(read(advertisementFrame(ADVERTISEMENT)), {
    ...{ ...answers, senderMac: "fe:ff:ff:ff:ff:15", targetAddress: "2001:db8::2" },
  });
  const { linkLayer: __, ...plain } = ADVERTISEMENT;
  assert.deepEqual(read(advertisementFrame(plain)), {
    ...{ ...answers, senderMac: FROM, targetAddress: "2001:db8::2" },
  });
});

Deno.test("readPacket() does not believe Neighbor Discovery that came over a router or is damaged", () => {
  assert.equal(read(solicitationFrame({ ...SOLICITATION, hopLimit: 254 })), null);
  assert.equal(read(advertisementFrame({ ...ADVERTISEMENT, hopLimit: 254 })), null);
  assert.equal(read(advertisementFrame({ ...ADVERTISEMENT, checksum: 0x1234 })), null);
});

Deno.test("readPacket() reads what an ICMPv6 error is about, and what it means", () => {
  const quoted = ipv6Packet(
    { from: TO, to: FROM, source: "2001:db8::c8", destination: "2001:db8::10" },
    6,
    new Uint8Array([0xea, 0xdb, 0, 80, 1, 2, 3, 4]),
  );
  const messages: [type: number, code: number, meaning: string | null][] = [
    ...[0, 2, 3].map((code): [number, number, string] => [1, code, "unroutable"]),
    ...[1, 4, 5, 6].map((code): [number, number, string] => [1, code, "rejected"]),
    [3, 0, "expired"],
    [2, 0, null],
  ];
  for (const [type, code, meaning] of messages) {
    assert.deepEqual(read(icmp6Frame({ ...IP6, type, code, payload: quoted })), {
      ...{ kind: "icmp", source: IP6.source, destination: IP6.destination, meaning, code, identifier: 0 },
      quoted: meaning === null ? null : { source: "2001:db8::c8", sourcePort: 0xeadb },
    });
  }
});

Deno.test("readPacket() leaves alone what it has no use for", () => {
  const segment = tcpFrame(TCP);
  assert.equal(read(udpFrame({ ...IP, sourcePort: 1, destinationPort: 2 })), null, "UDP");
  assert.equal(read(withVlanTag(segment, 5)), null, "a tagged frame");
  assert.equal(read(tcpFrame({ ...TCP, moreFragments: true })), null, "a fragment");
  assert.equal(read(tcpFrame({ ...TCP, version: 6 })), null, "another version");
  assert.equal(read(new Uint8Array(0)), null, "a frame that was cut");
});

Deno.test("readPacket() reads nothing behind the end of a frame, however it was cut", () => {
  const whole = [
    tcpFrame(TCP),
    icmpFrame({ ...IP, type: 3, payload: ipv4Packet(IP, 6, new Uint8Array(8)) }),
    tcp6Frame(TCP6),
    solicitationFrame(SOLICITATION),
    advertisementFrame(ADVERTISEMENT),
    icmp6Frame({ ...IP6, type: 3, payload: ipv6Packet(IP6, 6, new Uint8Array(8)) }),
    arpFrame({
      ...{ from: FROM, to: TO, operation: "reply", senderMac: FROM, senderAddress: "192.0.2.1" },
      ...{ targetMac: TO, targetAddress: "192.0.2.2" },
    }),
  ];
  for (const frame of whole) {
    // IPv6 packets are read whole or not at all.
    const least = frame[13] === 0xdd ? frame.length : frame[13] === 6 ? 42 : frame[23] === 6 ? 54 : 42;
    for (let bytes = 0; bytes < least; bytes++) {
      assert.equal(read(frame.subarray(0, bytes)), null, `${bytes} bytes`);
    }
    for (let bytes = least; bytes <= frame.length; bytes++) {
      assert.notEqual(read(frame.subarray(0, bytes)), null);
    }
  }
});

Deno.test("readPacket() survives any bytes", () => {
  const starts = fc.constantFrom([0x08, 0x00, 0x45], [0x08, 0x06, 0x45], [0x86, 0xdd, 0x60]);
  const protocols = fc.constantFrom(0, 6, 43, 44, 58, 60);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 160 }), starts, protocols, (bytes, start, protocol) => {
    if (bytes.length > 23) bytes.set(start, 12);
    if (bytes.length > 60 && start[1] === 0xdd) {
      bytes.set([0, bytes.length - 54, protocol], 18);
      if (protocol === 58) bytes[54] = [1, 3, 135, 136, 137][bytes[54]! % 5]!;
    }
    read(bytes);
  }));
});
