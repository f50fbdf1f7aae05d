import assert from "node:assert/strict";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { OwnFrames } from "../../datapath/own_frames.ts";
import { ResolutionSender } from "../../datapath/resolution_sender.ts";
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { macFromText } from "../../model/ip_address.ts";
import { virtioHeader } from "./fixture.ts";
import { arpFrame, BROADCAST_MAC, withVlanTag } from "./frame_builder.ts";
import { advertisementFrame, solicitationFrame, solicitedNode } from "./ipv6_frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { DIRECTOR, DIRECTOR_MAC, MTU, SERVER, SERVER_MAC, VIP } from "./test_network.ts";

const ZERO_MAC = "00:00:00:00:00:00";
const VIP6 = "2001:db8::dead:beef";
const SERVER6 = "2001:db8::cafe:15";
const DIRECTOR6 = "fe80::2";
/** The link-local address of {@linkcode DIRECTOR_MAC} (RFC 4291 §2.5.1). */
const OWN_LINK_LOCAL = "fe80::caff:fefe:5302";
const VLAN = 2_047;
const FIRST_SLOT = 4;
const FIRST_OWN_BYTE = FIRST_SLOT * FrameRing.SLOT_BYTES;

class Subject {
  readonly port = new MemoryPort();
  readonly ring = new FrameRing(FIRST_SLOT + 4);
  readonly sender: ResolutionSender;

  constructor() {
    this.ring.arena.fill(0xa5);
    const { high, low } = macFromText(DIRECTOR_MAC);
    const local = { macHigh: high, macLow: low, mtu: MTU };
    this.sender = new ResolutionSender(
      new OwnFrames(this.port, this.ring, { first: FIRST_SLOT, count: 4 }, local),
      local,
    );
  }

  /** Frames of a tick. */
  tick(nowMs: number, requests: Parameters<ResolutionSender["tick"]>[1] = []): Uint8Array[] {
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

/** The same over IPv6 (RFC 4861 §7.2.6). */
function announcement6Of(vip: string): Uint8Array {
  return advertisementFrame({
    from: DIRECTOR_MAC,
    to: "33:33:00:00:00:01",
    source: vip,
    destination: "ff02::1",
    target: vip,
    linkLayer: DIRECTOR_MAC,
    isOverriding: true,
  });
}

const request = { address: SERVER, vlan: UNTAGGED, sender: DIRECTOR, mac: null };
const request6 = { address: SERVER6, vlan: UNTAGGED, sender: DIRECTOR6, mac: null };
const solicitation = {
  from: DIRECTOR_MAC,
  ...solicitedNode(SERVER6),
  source: DIRECTOR6,
  target: SERVER6,
  linkLayer: DIRECTOR_MAC,
};

function untagged(address: string): { readonly address: string; readonly vlan: number } {
  return { address, vlan: UNTAGGED };
}

Deno.test("a VIP is announced five times, one second apart, each time as request and as reply", () => {
  const subject = new Subject();
  subject.sender.announce(untagged(VIP), 50);
  const announcedAt: number[] = [];
  for (let nowMs = 0; nowMs < 20_000; nowMs += 50) {
    const frames = subject.tick(nowMs);
    if (frames.length === 0) continue;
    assert.deepEqual(frames, announcementOf(VIP));
    announcedAt.push(nowMs);
  }
  assert.deepEqual(announcedAt, [50, 1_050, 2_050, 3_050, 4_050]);
});

Deno.test("a VIP is announced once if that is wanted, and not at all beside the announcements at its start", () => {
  const subject = new Subject();
  subject.sender.announceOnce(untagged(VIP), 50);
  assert.deepEqual(subject.tick(50), announcementOf(VIP));
  assert.deepEqual(subject.tick(10_000), []);
  subject.sender.announce(untagged(VIP), 20_000);
  assert.equal(subject.tick(20_000).length, 2);
  subject.sender.announceOnce(untagged(VIP), 20_100);
  assert.deepEqual(subject.tick(20_100), []);
  assert.equal(subject.tick(21_000).length, 2, "those go on");
});

Deno.test("a VIP that leaves is not announced any more", () => {
  const subject = new Subject();
  subject.sender.announce(untagged(VIP), 0);
  subject.sender.announce(untagged("192.0.2.11"), 0);
  assert.equal(subject.tick(0).length, 4);
  subject.sender.retain([untagged("192.0.2.11")]);
  assert.deepEqual(subject.tick(1_000), announcementOf("192.0.2.11"));
});

Deno.test("a VIP that comes back is announced five times again", () => {
  const subject = new Subject();
  subject.sender.announce(untagged(VIP), 0);
  subject.tick(0);
  subject.sender.announce(untagged(VIP), 500);
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
  const [frame] = new Subject().tick(0, [{ ...request, sender: null }]);
  assert.deepEqual([...frame!.subarray(28, 32)], [0, 0, 0, 0]);
});

Deno.test("more frames than slots are all sent, from own slots only, complete and in order", () => {
  const subject = new Subject();
  subject.sender.announce(untagged(VIP), 0);
  const requests = Array.from({ length: 9 }, (_, index) => ({
    ...request,
    address: `0.0.0.${index + 1}`,
  }));
  const frames = subject.tick(0, requests);
  assert.equal(frames.length, 11);
  assert.deepEqual(
    frames.slice(2).map((frame) => `0.0.0.${frame[41]}`),
    requests.map(({ address }) => address),
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

Deno.test("an IPv6 VIP is announced five times, one second apart, by an advertisement nobody asked for", () => {
  const subject = new Subject();
  subject.sender.announce(untagged(VIP6), 50);
  const announcedAt: number[] = [];
  for (let nowMs = 0; nowMs < 20_000; nowMs += 50) {
    const frames = subject.tick(nowMs);
    if (frames.length === 0) continue;
    assert.deepEqual(frames, [announcement6Of(VIP6)]);
    announcedAt.push(nowMs);
  }
  assert.deepEqual(announcedAt, [50, 1_050, 2_050, 3_050, 4_050]);
});

Deno.test("a solicitation goes to the solicited-node group, or to the one whose MAC is to be confirmed", () => {
  const requests = [request6, { ...request6, mac: macFromText(SERVER_MAC) }];
  assert.deepEqual(new Subject().tick(0, requests), [
    solicitationFrame(solicitation),
    solicitationFrame({ ...solicitation, to: SERVER_MAC, destination: SERVER6 }),
  ]);
});

Deno.test("a solicitation where we have no address comes from our MAC's own, not from `::` as if we wanted it", () => {
  const [frame] = new Subject().tick(0, [{ ...request6, sender: null }]);
  assert.deepEqual(frame, solicitationFrame({ ...solicitation, source: OWN_LINK_LOCAL }));
});

Deno.test("requests and announcements in a VLAN are tagged", () => {
  const subject = new Subject();
  subject.sender.announce({ address: VIP, vlan: VLAN }, 0);
  subject.sender.announce({ address: VIP6, vlan: VLAN }, 0);
  const [asked, told, told6, solicited] = subject.tick(0, [{ ...request6, vlan: VLAN }]);
  const [askedUntagged, toldUntagged] = announcementOf(VIP);
  assert.deepEqual(asked, withVlanTag(askedUntagged!, VLAN).slice(0, 60));
  assert.deepEqual(told, withVlanTag(toldUntagged!, VLAN).slice(0, 60));
  assert.deepEqual(told6, withVlanTag(announcement6Of(VIP6), VLAN));
  assert.deepEqual(solicited, withVlanTag(solicitationFrame(solicitation), VLAN));
});

Deno.test("a VIP in a VLAN is not the one that has no tag", () => {
  const subject = new Subject();
  subject.sender.announce({ address: VIP6, vlan: VLAN }, 0);
  subject.sender.announce(untagged(VIP6), 0);
  subject.sender.retain([untagged(VIP6)]);
  assert.deepEqual(subject.tick(0), [announcement6Of(VIP6)]);
});

Deno.test("a VIP can be announced a single time, which does not cut a longer announcement short", () => {
  const times = (subject: Subject) =>
    Array.from({ length: 20 }, (_, index) => index * 500).filter((ms) => subject.tick(ms).length > 0);
  const once = new Subject();
  once.sender.announceOnce(untagged(VIP6), 0);
  assert.deepEqual(times(once), [0]);
  const both = new Subject();
  both.sender.announce(untagged(VIP6), 0);
  both.sender.announceOnce(untagged(VIP6), 0);
  assert.deepEqual(times(both), [0, 1_000, 2_000, 3_000, 4_000]);
});

Deno.test("frames are right in slots that others have left shifted by a tag", () => {
  const subject = new Subject();
  subject.ring.shifts.fill(4);
  assert.deepEqual(subject.tick(0, [request6]), [solicitationFrame(solicitation)]);
});
