/**
 * Sends a tagged frame of each length about the MTU from the socket of the interface `lvs0` of its namespace, receives
 * them on `lvr0`, and prints as JSON the lengths that came, in order; 0 is a frame that was cut.
 *
 * @module
 */

import { FrameRing } from "../../datapath/frame_ring.ts";
import { describeComplete } from "../../datapath/offload.ts";
import { PcapPort } from "../../datapath/pcap_port.ts";

/** Of the receiver. The sender takes what a merged frame may have. */
const MTU = 1_500;
const SENDER_MTU = 9_000;
const SHORTEST = MTU + 14;
const FRAMES = 40;
const GIVE_UP_MS = 20_000;

function open(device: string, mtu: number): { readonly port: PcapPort; readonly ring: FrameRing } {
  const ring = new FrameRing(FRAMES);
  const index = Number(Deno.readTextFileSync(`/sys/class/net/${device}/ifindex`));
  const port = new PcapPort(device, index, mtu, ring);
  port.setFilter("vlan 10");
  return { port, ring };
}

const sender = open("lvs0", SENDER_MTU);
const receiver = open("lvr0", MTU);
const slots = Int32Array.from({ length: FRAMES }, (_, slot) => slot);
for (const slot of slots) {
  const frame = sender.ring.frames[slot]!;
  frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 10, 0x88, 0xb5]);
  sender.ring.lengths[slot] = SHORTEST + slot;
  describeComplete(sender.ring, slot);
}
sender.port.transmit(sender.ring, slots, FRAMES);
const received: number[] = [];
const giveUpAt = performance.now() + GIVE_UP_MS;
while (received.length < FRAMES && performance.now() < giveUpAt) {
  const count = receiver.port.receive(receiver.ring, FRAMES);
  for (const slot of receiver.ring.order.subarray(0, count)) received.push(receiver.ring.lengths[slot]!);
}
receiver.port.close();
sender.port.close();
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(received)));
