/**
 * Receives on the interface `lvr0` of its namespace what a thread of its own sends out of `lvs0`, and sets the filter
 * again and again meanwhile. Prints as JSON how many frames were sent, and how many came or are known to be lost.
 *
 * @module
 */

import { FrameRing } from "../../datapath/frame_ring.ts";
import { describeUnfinished } from "../../datapath/offload.ts";
import { PcapPort } from "../../datapath/pcap_port.ts";
import { ACK } from "./fixture.ts";
import { tcpFrame } from "./frame_builder.ts";

const MTU = 1_500;
const BATCH = 48;
const BATCHES = 1_000;
const GIVE_UP_MS = 20_000;

function open(device: string): { readonly port: PcapPort; readonly ring: FrameRing } {
  const ring = new FrameRing(BATCH);
  const index = Number(Deno.readTextFileSync(`/sys/class/net/${device}/ifindex`));
  return { port: new PcapPort(device, index, MTU, ring), ring };
}

function send(): void {
  const { port, ring } = open("lvs0");
  const slots = Int32Array.from({ length: BATCH }, (_, slot) => slot);
  const frame = tcpFrame(ACK);
  for (const slot of slots) {
    ring.frames[slot]!.set(frame);
    ring.lengths[slot] = frame.length;
    describeUnfinished(ring, slot, FrameRing.frameAt(slot) + 14, MTU);
  }
  for (let batch = 0; batch < BATCHES; batch++) port.transmit(ring, slots, BATCH);
  port.close();
}

function receive(): void {
  const { port, ring } = open("lvr0");
  port.setFilter("tcp");
  const sender = new Worker(import.meta.url, { type: "module", name: "sender" });
  const giveUpAt = performance.now() + GIVE_UP_MS;
  let received = 0;
  while (received + port.statistics().captureDrops < BATCH * BATCHES && performance.now() < giveUpAt) {
    received += port.receive(ring, BATCH);
    port.setFilter("tcp");
  }
  const accounted = received + port.statistics().captureDrops;
  port.close();
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ sent: BATCH * BATCHES, accounted })));
  sender.terminate();
}

if (self.name === "sender") send();
else receive();
