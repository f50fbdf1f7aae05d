import assert from "node:assert/strict";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { MembershipReports } from "../../datapath/membership_reports.ts";
import { OwnFrames } from "../../datapath/own_frames.ts";
import { macFromText } from "../../model/ip_address.ts";
import { MemoryPort } from "./memory_port.ts";
import { DIRECTOR_MAC } from "./test_network.ts";

const VIP = { address: "2001:db8::10", vlan: 7 };
const SAME_GROUP = { address: "2001:db8:1::10", vlan: 7 };
const OTHER_VLAN = { address: "2001:db8::10", vlan: 8 };
const OTHERS = [{ address: "2001:db8::11", vlan: 0 }, { address: "192.0.2.10", vlan: 7 }];

class Subject {
  readonly port = new MemoryPort();
  readonly reports: MembershipReports;

  constructor() {
    const ring = new FrameRing(2);
    ring.arena.fill(0xa5);
    const { high, low } = macFromText(DIRECTOR_MAC);
    const local = { macHigh: high, macLow: low, mtu: 1_500 };
    this.reports = new MembershipReports(new OwnFrames(this.port, ring, { first: 0, count: 2 }, local));
  }

  /** VLANs and last group bytes of the reports of a tick. */
  tick(nowMs: number): string[] {
    this.reports.tick(nowMs);
    return this.port.sent.splice(0).map(({ bytes }) => `${bytes[15]} ${bytes.at(-1)}`);
  }
}

Deno.test("a group in a VLAN is reported twice, and then every ten seconds, for all VIPs that share it", () => {
  const subject = new Subject();
  subject.reports.follow([VIP, SAME_GROUP, ...OTHERS], 0);
  const times: number[] = [];
  for (let nowMs = 0; nowMs <= 30_000; nowMs += 100) {
    const sent = subject.tick(nowMs);
    assert.ok(sent.every((report) => report === "7 16"), sent.join());
    times.push(...sent.map(() => nowMs));
  }
  assert.deepEqual(times, [0, 1_000, 11_000, 21_000]);
});

Deno.test("a table with the same VIP starts nothing anew, and a VIP that has left is not reported any more", () => {
  const subject = new Subject();
  subject.reports.follow([VIP], 0);
  assert.deepEqual(subject.tick(0), ["7 16"]);
  subject.reports.follow([VIP, OTHER_VLAN], 500);
  assert.deepEqual(subject.tick(500), ["8 16"]);
  subject.reports.follow([OTHER_VLAN], 900);
  assert.deepEqual(subject.tick(1_500), ["8 16"]);
});
