/**
 * Sends unfinished frames, each described by lvsdr, out of the interface `lvs0` of its namespace, whose card does
 * nothing by itself, and prints as JSON the bytes of every frame that arrives on `lvr0`, by description.
 *
 * @module
 */

import { FrameRing } from "../../datapath/frame_ring.ts";
import { describeComplete, describeUnfinished, describeUnfinishedIpv6 } from "../../datapath/offload.ts";
import { PcapPort } from "../../datapath/pcap_port.ts";
import { ACK, QUERY } from "./fixture.ts";
import { countingBytes, ethernetFrame, tcpFrame, udpFrame, withVlanTag } from "./frame_builder.ts";
import { Next, optionsHeader, tcp6Frame, udp6Frame } from "./ipv6_frame_builder.ts";

const MTU = 1_500;
const SLOTS = 64;
const VLAN = 7;
/** Frame of an experimental type (IEEE 802 §9.2.3) that is sent after each other one: nothing more is to come. */
const END = ethernetFrame(ACK, 0x88b5, new Uint8Array(46));

interface Unfinished {
  readonly description: string;
  readonly frame: Uint8Array;
  /** Protocol and bytes of extension headers of a packet over IPv6. */
  readonly ipv6?: { readonly protocol: number; readonly extensionBytes: number };
}

const DISCARD = { destinationPort: 9 };
const payload = { payload: countingBytes(4_001), checksum: "partial" } as const;
const small = { payload: countingBytes(101), checksum: "partial" } as const;
const addresses6 = { source: "2001:db8:c11e::7", destination: "2001:db8::dead:beef" };
const extensions = [optionsHeader(Next.DESTINATION_OPTIONS, 16)];
const tcp6 = { protocol: Next.TCP, extensionBytes: 0 };
const udp6 = { protocol: Next.UDP, extensionBytes: 0 };

const UNFINISHED: readonly Unfinished[] = [
  { description: "segments over IPv4", frame: tcpFrame({ ...ACK, ...payload }) },
  { description: "datagram over IPv4", frame: udpFrame({ ...QUERY, ...DISCARD, ...small }) },
  { description: "segments over IPv6", frame: tcp6Frame({ ...ACK, ...addresses6, ...payload }), ipv6: tcp6 },
  {
    description: "segment over IPv6",
    frame: tcp6Frame({ ...ACK, ...addresses6, ...small, sourcePort: 40_001 }),
    ipv6: tcp6,
  },
  {
    description: "segments behind an extension header",
    frame: tcp6Frame({ ...ACK, ...addresses6, ...payload, extensions, sourcePort: 40_002 }),
    ipv6: { protocol: Next.TCP, extensionBytes: 16 },
  },
  {
    description: "datagram over IPv6",
    frame: udp6Frame({ ...QUERY, ...DISCARD, ...addresses6, ...small }),
    ipv6: udp6,
  },
];

function open(device: string): { readonly port: PcapPort; readonly ring: FrameRing } {
  const ring = new FrameRing(SLOTS);
  const index = Number(Deno.readTextFileSync(`/sys/class/net/${device}/ifindex`));
  const port = new PcapPort(device, index, MTU, ring);
  port.setFilter("ether proto 0x88b5 or tcp or udp or ip6 or vlan");
  return { port, ring };
}

const sender = open("lvs0");
const receiver = open("lvr0");

/** Frames that arrive when the one in slot 0 of the sender, its IP header at `ip`, is sent. */
function sent({ frame, ipv6 }: Unfinished, tagBytes: number): string[] {
  const { ring, port } = sender;
  ring.frames[0]!.set(frame);
  ring.lengths[0] = frame.length;
  const ip = FrameRing.frameAt(0) + 14 + tagBytes;
  if (ipv6 === undefined) describeUnfinished(ring, 0, ip, MTU);
  else describeUnfinishedIpv6(ring, 0, ip, ip + 40 + ipv6.extensionBytes, ipv6.protocol, MTU);
  ring.frames[1]!.set(END);
  ring.lengths[1] = END.length;
  describeComplete(ring, 1);
  port.transmit(ring, Int32Array.of(0, 1), 2);
  const frames: string[] = [];
  while (true) {
    const count = receiver.port.receive(receiver.ring, SLOTS);
    for (const slot of receiver.ring.order.subarray(0, count)) {
      const bytes = receiver.ring.frames[slot]!.subarray(0, receiver.ring.lengths[slot]!);
      if (bytes.toHex() === END.toHex()) return frames;
      frames.push(bytes.toHex());
    }
    if (count === 0) receiver.port.wait(10);
  }
}

const results = UNFINISHED.flatMap((unfinished) => [
  { description: unfinished.description, frames: sent(unfinished, 0) },
  {
    description: `${unfinished.description}, tagged`,
    frames: sent({ ...unfinished, frame: withVlanTag(unfinished.frame, VLAN) }, 4),
  },
]);
sender.port.close();
receiver.port.close();
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(results)));
