/**
 * Opens several ports that share the interface `lvr0` of its namespace, sends frames of many clients out of `lvs0`, and
 * prints as JSON how many of them each port received, and which came to another one than they belong to.
 * Argument: number of ports.
 *
 * @module
 */

import { FrameRing } from "../../datapath/frame_ring.ts";
import { describeComplete } from "../../datapath/offload.ts";
import { type FanOutGroups, PcapPort } from "../../datapath/pcap_port.ts";
import { steeringFor, steeringProgram, workerOf } from "../../datapath/steering.ts";
import { addressWords } from "../../model/ip_address.ts";
import { persistentServices, type SteeredFrame, steeredFrames } from "./steering_fixtures.ts";

/** Of what counts as a frame of a wire; the link takes larger ones. */
const MTU = 1_500;
const GIVE_UP_MS = 20_000;
const HASH_KEY = Uint32Array.of(0x9e3779b9, 2, 3, 4);

function open(device: string, fanOut: ConstructorParameters<typeof PcapPort>[5] = null) {
  const ring = new FrameRing(64);
  const index = Number(Deno.readTextFileSync(`/sys/class/net/${device}/ifindex`));
  return { port: new PcapPort(device, index, MTU, ring, -1, fanOut), ring };
}

/** The last four bytes of a frame: its number. */
function numberOf(ring: FrameRing, slot: number): number {
  return ring.view.getUint32(FrameRing.frameAt(slot) + ring.lengths[slot]! - 4);
}

const workers = Number(Deno.args[0]);
const steering = steeringFor(workers, persistentServices, HASH_KEY);
const program = steeringProgram(steering);
const sender = open("lvs0");
const receivers: ReturnType<typeof open>[] = [];
let groups: FanOutGroups | null = null;
for (let worker = 0; worker < workers; worker++) {
  receivers.push(open("lvr0", { program, groups }));
  groups = receivers[0]!.port.groups;
}
const frames = steeredFrames();

function send({ bytes }: SteeredFrame, number: number): void {
  sender.ring.frames[0]!.set(bytes);
  sender.ring.lengths[0] = bytes.length;
  sender.ring.view.setUint32(FrameRing.frameAt(0) + bytes.length - 4, number);
  describeComplete(sender.ring, 0);
  sender.port.transmit(sender.ring, Int32Array.of(0), 1);
}

// Nobody may receive what is sent before all filters are set.
frames.slice(0, 20).forEach(send);
for (const { port } of receivers) port.setFilter("ether src 00:00:5e:00:53:01");
frames.forEach(send);

const received = new Array<number>(workers).fill(0);
const astray: string[] = [];
const giveUpAtMs = performance.now() + GIVE_UP_MS;
while (received.reduce((sum, count) => sum + count) < frames.length && performance.now() < giveUpAtMs) {
  receivers.forEach(({ port, ring }, worker) => {
    const count = port.receive(ring, 64);
    for (const slot of ring.order.subarray(0, count)) {
      const { what, client } = frames[numberOf(ring, slot)]!;
      const wanted = client === null ? 0 : workerOf(Uint32Array.from(addressWords(client)), steering);
      if (wanted !== worker) astray.push(`${what} of ${client} came to ${worker} instead of ${wanted}`);
      received[worker]! += 1;
    }
  });
}
for (const { port } of [sender, ...receivers]) port.close();
const report = { sent: frames.length, received, astray: astray.slice(0, 10) };
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report)));
