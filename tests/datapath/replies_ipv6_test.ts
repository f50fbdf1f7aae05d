/**
 * What the director answers over IPv6, byte for byte, and judged by a program that is not lvsdr.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameRing } from "../../datapath/frame_ring.ts";
import {
  replyToIpv6Echo,
  replyToSolicitation,
  replyWithIcmpv6Error,
  replyWithIpv6Reset,
} from "../../datapath/replies_ipv6.ts";
import { macFromText } from "../../model/ip_address.ts";
import { virtioHeader } from "./fixture.ts";
import { countingBytes, Flag, withVlanTag } from "./frame_builder.ts";
import {
  advertisementFrame,
  authenticationHeader,
  type Extension,
  icmp6Frame,
  Next,
  optionsHeader,
  solicitationFrame,
  solicitedNode,
  tcp6Frame,
  udp6Frame,
} from "./ipv6_frame_builder.ts";
import { sentFrame } from "./memory_port.ts";
import { CLIENT_MAC, DIRECTOR_MAC } from "./test_network.ts";
import { hasTshark, judgements } from "./tshark.ts";

const VIP = "2001:db8::dead:beef";
const CLIENT = "2001:db8:c11e::7";
const SLOT = 1;
const { high, low } = macFromText(DIRECTOR_MAC);

const toVip = { from: CLIENT_MAC, to: DIRECTOR_MAC, source: CLIENT, destination: VIP };
const toClient = { from: DIRECTOR_MAC, to: CLIENT_MAC, source: VIP, destination: CLIENT };
const EXTENSIONS: readonly Extension[] = [
  optionsHeader(Next.HOP_BY_HOP, 16),
  optionsHeader(Next.DESTINATION_OPTIONS, 8),
];

type Reply = (ring: FrameRing, slot: number, ip: number, transport: number) => void;

const advertise: Reply = (...at) => replyToSolicitation(...at, high, low);
const echo: Reply = (...at) => replyToIpv6Echo(...at, high, low);
const reset: Reply = (...at) => replyWithIpv6Reset(...at, high, low);
const error = (type: number, code: number, mtu = 0): Reply => (ring, slot, ip) =>
  replyWithIcmpv6Error(ring, slot, ip, high, low, type, code, mtu);

interface Exchange {
  readonly description: string;
  readonly frame: Uint8Array;
  /** Bytes of its extension headers. @default 0 */
  readonly extensionBytes?: number;
  readonly reply: Reply;
  readonly out: Uint8Array;
}

const asked = { ...toVip, ...solicitedNode(VIP), source: "fe80::7", target: VIP, linkLayer: CLIENT_MAC };
const told = {
  ...toClient,
  destination: "fe80::7",
  target: VIP,
  linkLayer: DIRECTOR_MAC,
  isSolicited: true,
  isOverriding: true,
};
const { linkLayer: _, ...probed } = { ...asked, source: "::" };
const ping = { ...toVip, type: 128, rest: 0x1234_0001, payload: countingBytes(57) };
const pong = { ...ping, ...toClient, type: 129 };
const segment = {
  ...toVip,
  sourcePort: 40_000,
  destinationPort: 80,
  flags: Flag.ACK,
  sequence: 0xffff_fff0,
  acknowledgment: 0xfedc_ba98,
  payload: countingBytes(33),
};
const rst = {
  ...toClient,
  sourcePort: 80,
  destinationPort: 40_000,
  flags: Flag.RST,
  window: 0,
  sequence: segment.acknowledgment,
};
const datagram = { ...toVip, sourcePort: 40_000, destinationPort: 9, payload: countingBytes(30) };
const large = udp6Frame({ ...datagram, payload: countingBytes(9_001) });

/** The error about a frame: it quotes what fits in 1,280 bytes (RFC 4443 §2.4). */
function errorAbout(about: Uint8Array, type: number, code: number, rest = 0): Uint8Array {
  return icmp6Frame({ ...toClient, type, code, rest, payload: about.slice(14, 14 + 1_232) });
}

const EXCHANGES: readonly Exchange[] = [
  {
    description: "solicitation",
    frame: solicitationFrame(asked),
    reply: advertise,
    out: advertisementFrame(told),
  },
  {
    description: "solicitation by unicast, without MAC",
    frame: solicitationFrame({ ...probed, source: "fe80::7", to: DIRECTOR_MAC, destination: VIP }),
    reply: advertise,
    out: advertisementFrame(told),
  },
  {
    description: "solicitation with extension headers",
    frame: solicitationFrame({ ...asked, trafficClass: 0xc0, flowLabel: 7, extensions: EXTENSIONS }),
    extensionBytes: 24,
    reply: advertise,
    out: advertisementFrame(told),
  },
  {
    description: "solicitation of somebody who wants the VIP",
    frame: solicitationFrame(probed),
    reply: advertise,
    out: advertisementFrame({ ...told, to: "33:33:00:00:00:01", destination: "ff02::1", isSolicited: false }),
  },
  {
    description: "ping",
    frame: icmp6Frame({ ...ping, hopLimit: 1, trafficClass: 0xb8, flowLabel: 0xabcde }),
    reply: echo,
    out: icmp6Frame({ ...pong, trafficClass: 0xb8 }),
  },
  {
    description: "ping with extension headers",
    frame: icmp6Frame({ ...ping, extensions: EXTENSIONS, paddedTo: 200 }),
    extensionBytes: 24,
    reply: echo,
    out: icmp6Frame(pong),
  },
  { description: "segment of no connection", frame: tcp6Frame(segment), reply: reset, out: tcp6Frame(rst) },
  {
    description: "SYN with options and payload",
    frame: tcp6Frame({ ...segment, flags: Flag.SYN, tcpOptions: Uint8Array.of(2, 4, 5, 180) }),
    reply: reset,
    out: tcp6Frame({
      ...rst,
      flags: Flag.RST | Flag.ACK,
      sequence: 0,
      acknowledgment: (0xffff_fff0 + 34) % 2 ** 32,
    }),
  },
  {
    description: "FIN behind extension headers",
    frame: tcp6Frame({ ...segment, flags: Flag.FIN, extensions: [...EXTENSIONS, authenticationHeader()] }),
    extensionBytes: 48,
    reply: reset,
    out: tcp6Frame({
      ...rst,
      flags: Flag.RST | Flag.ACK,
      sequence: 0,
      acknowledgment: (0xffff_fff0 + 34) % 2 ** 32,
    }),
  },
  {
    description: "datagram to a closed port",
    frame: udp6Frame(datagram),
    reply: error(1, 4),
    out: errorAbout(udp6Frame(datagram), 1, 4),
  },
  {
    description: "datagram with a spent hop limit, padded",
    frame: udp6Frame({ ...datagram, hopLimit: 1, payload: new Uint8Array(), paddedTo: 70 }),
    reply: error(3, 0),
    out: errorAbout(udp6Frame({ ...datagram, hopLimit: 1, payload: new Uint8Array() }), 3, 0),
  },
  {
    description: "packet larger than the MTU",
    frame: large,
    reply: error(2, 0, 1_400),
    out: errorAbout(large, 2, 0, 1_400),
  },
];

/** The reply to a frame, with the `virtio_net_hdr` that goes with it. */
function replied(
  frame: Uint8Array,
  reply: Reply,
  { extensionBytes = 0, tagBytes = 0 },
): ReturnType<typeof sentFrame> {
  const ring = new FrameRing(3);
  ring.arena.fill(0xa5);
  ring.frames[SLOT]!.set(frame);
  ring.lengths[SLOT] = frame.length;
  const ip = FrameRing.frameAt(SLOT) + 14 + tagBytes;
  reply(ring, SLOT, ip, ip + 40 + extensionBytes);
  return sentFrame(ring, SLOT);
}

for (const { description, frame, extensionBytes = 0, reply, out } of EXCHANGES) {
  Deno.test(`${description} is answered right, with and without tag`, () => {
    const plain = replied(frame, reply, { extensionBytes });
    assert.deepEqual(plain.bytes, out);
    assert.deepEqual(plain.described, virtioHeader({}));
    const tagged = replied(withVlanTag(frame, 0xa00 | 7), reply, { extensionBytes, tagBytes: 4 });
    assert.deepEqual(tagged.bytes, withVlanTag(out, 0xa00 | 7));
  });
}

Deno.test("a ping of any length and content gets it back, with the right checksum", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1_400 }), fc.nat(0xffff_ffff), (payload, rest) => {
    const { bytes } = replied(icmp6Frame({ ...ping, payload, rest }), echo, {});
    const expected = icmp6Frame({ ...pong, payload, rest });
    // Both forms of zero are right.
    if (expected[56] === 0 && expected[57] === 0) expected.fill(0xff, 56, 58);
    if (bytes[56] === 0 && bytes[57] === 0) bytes.fill(0xff, 56, 58);
    assert.deepEqual(bytes, expected);
  }));
});

const needing = hasTshark ? "" : " (skipped: tshark is not installed)";

Deno.test(
  `tshark finds nothing wrong with any answer over IPv6${needing}`,
  { ignore: !hasTshark },
  async () => {
    const answers = EXCHANGES.map(({ frame, reply, extensionBytes = 0 }) =>
      replied(frame, reply, { extensionBytes }).bytes
    );
    const judged = (await judgements(answers)).map((judgement, index) => ({
      description: EXCHANGES[index]!.description,
      judgement,
    }));
    assert.deepEqual(judged.filter(({ judgement }) => judgement !== ""), []);
  },
);

Deno.test(`tshark would find a wrong checksum in every answer over IPv6${needing}`, {
  ignore: !hasTshark,
}, async () => {
  const damaged = EXCHANGES.map(({ frame, reply, extensionBytes = 0 }) => {
    const { bytes } = replied(frame, reply, { extensionBytes });
    return bytes.with(30, bytes[30]! ^ 0x55);
  });
  for (const judgement of await judgements(damaged)) assert.match(judgement, /checksum/i);
});
