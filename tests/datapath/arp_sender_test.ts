import assert from "node:assert/strict";
import { ArpSender } from "../../datapath/arp_sender.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { ipv4FromText, macFromText } from "../../model/ip_address.ts";
import { virtioHeader } from "./fixture.ts";
import { arpFrame, BROADCAST_MAC } from "./frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { DIRECTOR, DIRECTOR_MAC, MTU, SERVER, SERVER_MAC, VIP } from "./test_network.ts";

const ZERO_MAC = "00:00:00:00:00:00";
const FIRST_SLOT = 4;
const FIRST_OWN_BYTE = FIRST_SLOT * FrameRing.SLOT_BYTES;

class Subject {
  readonly port = new MemoryPort();
  readonly ring = new FrameRing(FIRST_SLOT + 4);
  readonly sender: ArpSender;

  constructor() {
    this.ring.arena.fill(0xa5);
    const { high, low } = macFromText(DIRECTOR_MAC);
    const local = { macHigh: high, macLow: low, mtu: MTU };
    this.sender = new ArpSender(this.port, this.ring, FIRST_SLOT, local);
  }

  /** Frames of a tick. */
  tick(nowMs: number, requests: Parameters<ArpSender["tick"]>[1] = []): Uint8Array[] {
    this.port.sent.length = 0;
    this.sender.tick(nowMs, requests);
    return this.port.sent.map(({ bytes }) => bytes);
  }
}

/** Both forms of an announcement, as RFC 5227 §3 and as equipment that listens to replies only wants it. */
function announcementOf(vip: string): Uint8Array[] {
  const fields = {
    from: DIRECTOR_MAC,
    to: BROADCAST_MAC,
    senderMac: DIRECTOR_MAC,
    senderAddress: vip,
    targetAddress: vip,
    paddedTo: 60,
  };
  return [
    arpFrame({ ...fields, operation: "request", targetMac: ZERO_MAC }),
    arpFrame({ ...fields, operation: "reply", targetMac: BROADCAST_MAC }),
  ];
}

const request = { targetAddress: ipv4FromText(SERVER), senderAddress: ipv4FromText(DIRECTOR), mac: null };

Deno.test("a VIP is announced five times, one second apart, each time as request and as reply", () => {
  const subject = new Subject();
  subject.sender.announce(VIP, 50);
  const announcedAt: number[] = [];
  for (let nowMs = 0; nowMs < 20_000; nowMs += 50) {
    const frames = subject.tick(nowMs);
    if (frames.length === 0) continue;
    assert.deepEqual(frames, announcementOf(VIP));
    announcedAt.push(nowMs);
  }
  assert.deepEqual(announcedAt, [50, 1_050, 2_050, 3_050, 4_050]);
});

Deno.test("a VIP that leaves is not announced any more", () => {
  const subject = new Subject();
  subject.sender.announce(VIP, 0);
  subject.sender.announce("192.0.2.11", 0);
  assert.equal(subject.tick(0).length, 4);
  subject.sender.retain(new Set(["192.0.2.11"]));
  assert.deepEqual(subject.tick(1_000), announcementOf("192.0.2.11"));
});

Deno.test("a VIP that comes back is announced five times again", () => {
  const subject = new Subject();
  subject.sender.announce(VIP, 0);
  subject.tick(0);
  subject.sender.announce(VIP, 500);
  const times = Array.from({ length: 20 }, (_, index) => index * 500).filter((ms) =>
    subject.tick(ms).length > 0
  );
  assert.deepEqual(times, [500, 1_500, 2_500, 3_500, 4_500]);
});

Deno.test("a request asks everybody, or the one whose MAC is to be confirmed", () => {
  const fields = {
    from: DIRECTOR_MAC,
    operation: "request",
    senderMac: DIRECTOR_MAC,
    senderAddress: DIRECTOR,
    targetMac: ZERO_MAC,
    targetAddress: SERVER,
    paddedTo: 60,
  } as const;
  assert.deepEqual(new Subject().tick(0, [request, { ...request, mac: macFromText(SERVER_MAC) }]), [
    arpFrame({ ...fields, to: BROADCAST_MAC }),
    arpFrame({ ...fields, to: SERVER_MAC }),
  ]);
});

Deno.test("a request where we have no address is a probe (RFC 5227 §2.1.1)", () => {
  const [frame] = new Subject().tick(0, [{ ...request, senderAddress: 0 }]);
  assert.deepEqual([...frame!.subarray(28, 32)], [0, 0, 0, 0]);
});

Deno.test("more frames than slots are all sent, from own slots only, complete and in order", () => {
  const subject = new Subject();
  subject.sender.announce(VIP, 0);
  const requests = Array.from({ length: 9 }, (_, index) => ({ ...request, targetAddress: index + 1 }));
  const frames = subject.tick(0, requests);
  assert.equal(frames.length, 11);
  assert.deepEqual(
    frames.slice(2).map((frame) => frame[41]),
    requests.map(({ targetAddress }) => targetAddress),
  );
  for (const { slot, described } of subject.port.sent) {
    assert.ok(slot >= FIRST_SLOT && slot < FIRST_SLOT + 4);
    assert.deepEqual(described, virtioHeader({}));
  }
  const lent = subject.ring.arena.subarray(0, FIRST_OWN_BYTE);
  assert.ok(lent.every((byte) => byte === 0xa5));
});

Deno.test("a tick with nothing to do sends nothing", () => {
  assert.deepEqual(new Subject().tick(0), []);
});
