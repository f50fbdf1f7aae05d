/**
 * Sends small and merged frames in turn out of the interface `lvs0` of its namespace, receives them on `lvr0`, and
 * prints as JSON how many came, and how many of them before one that was sent earlier.
 *
 * @module
 */

import { FrameRing } from "../../datapath/frame_ring.ts";
import { describeUnfinished } from "../../datapath/offload.ts";
import { PcapPort } from "../../datapath/pcap_port.ts";
import { ACK } from "./fixture.ts";
import { countingBytes, tcpFrame } from "./frame_builder.ts";

const MTU = 1_500;
const BATCHES = 300;
const BATCH = 60;
const RECEIVE_LIMIT = 64;
const SEQUENCE_OFFSET = 38;
/** Payloads of a batch in turn: bursts of either kind, of one and of many. */
const PAYLOADS = [0, 9_000, 9_000, 100, 0, 20_000, 1_000, 9_000];
const GIVE_UP_MS = 20_000;

function open(device: string): { readonly port: PcapPort; readonly ring: FrameRing } {
  const ring = new FrameRing(RECEIVE_LIMIT);
  const index = Number(Deno.readTextFileSync(`/sys/class/net/${device}/ifindex`));
  const port = new PcapPort(device, index, MTU, ring);
  port.setFilter("tcp");
  return { port, ring };
}

const sender = open("lvs0");
const receiver = open("lvr0");
const slots = Int32Array.from({ length: BATCH }, (_, slot) => slot);
const frames = PAYLOADS.map((bytes) => tcpFrame({ ...ACK, payload: countingBytes(bytes) }));
const giveUpAt = performance.now() + GIVE_UP_MS;
let sequence = 0;
let received = 0;
let last = -1;
let overtaken = 0;

function receive(): void {
  const count = receiver.port.receive(receiver.ring, RECEIVE_LIMIT);
  for (const slot of receiver.ring.order.subarray(0, count)) {
    const number = receiver.ring.view.getUint32(FrameRing.frameAt(slot) + SEQUENCE_OFFSET);
    if (number < last) overtaken += 1;
    last = number;
  }
  received += count;
}

for (let batch = 0; batch < BATCHES; batch++) {
  for (const slot of slots) {
    const frame = frames[sequence % frames.length]!;
    sender.ring.frames[slot]!.set(frame);
    sender.ring.lengths[slot] = frame.length;
    sender.ring.view.setUint32(FrameRing.frameAt(slot) + SEQUENCE_OFFSET, sequence++);
    describeUnfinished(sender.ring, slot, FrameRing.frameAt(slot) + 14, MTU);
  }
  sender.port.transmit(sender.ring, slots, BATCH);
  // Sometimes two batches meet in the rings.
  if (batch % 2 === 1) { while (received < sequence && performance.now() < giveUpAt) receive(); }
}
receiver.port.close();
sender.port.close();
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ sent: sequence, received, overtaken })));
