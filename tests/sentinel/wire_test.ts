import assert from "node:assert/strict";
import { Operation } from "../../datapath/wire/arp.ts";
import { arpFrame, Flag, icmpFrame, tcpFrame } from "../datapath/frame_builder.ts";
import { BROADCAST, MemoryLink, NO_MAC, OWN_ADDRESS, OWN_MAC, PROBE_ADDRESS, VIP } from "./memory_link.ts";

const SERVER_MAC = "02:00:00:00:00:15";

Deno.test("Wire sends ARP as an independent builder would", () => {
  const link = new MemoryLink();
  link.wire.sendArp({
    to: BROADCAST,
    operation: Operation.REQUEST,
    senderAddress: OWN_ADDRESS,
    targetAddress: VIP,
  });
  link.wire.sendArp({
    ...{ to: SERVER_MAC, operation: Operation.REPLY, senderAddress: PROBE_ADDRESS },
    ...{ targetAddress: "192.0.2.21", targetMac: SERVER_MAC },
  });
  const ours = { from: OWN_MAC, senderMac: OWN_MAC, paddedTo: 60 };
  assert.deepEqual(link.sent(), [
    arpFrame({
      ...ours,
      to: BROADCAST,
      operation: "request",
      senderAddress: OWN_ADDRESS,
      targetMac: NO_MAC,
      targetAddress: VIP,
    }),
    arpFrame({
      ...ours,
      to: SERVER_MAC,
      operation: "reply",
      senderAddress: PROBE_ADDRESS,
      targetMac: SERVER_MAC,
      targetAddress: "192.0.2.21",
    }),
  ]);
});

Deno.test("Wire sends segments and pings with right checksums", () => {
  const link = new MemoryLink();
  const head = { to: SERVER_MAC, source: PROBE_ADDRESS, destination: VIP, ttl: 1 };
  const wanted = { from: OWN_MAC, paddedTo: 60, identification: 0, ...head };
  link.wire.sendSegment(head, {
    sourcePort: 60_123,
    destinationPort: 443,
    sequence: 0xfedcba98,
    flags: Flag.SYN,
  });
  link.wire.sendEcho(head, 0xabcd);
  assert.deepEqual(link.sent(), [
    tcpFrame({
      ...wanted,
      sourcePort: 60_123,
      destinationPort: 443,
      sequence: 0xfedcba98,
      flags: Flag.SYN,
      window: 0,
    }),
    icmpFrame({ ...wanted, type: 8, rest: 0xabcd0000 }),
  ]);
});

Deno.test("Wire hands every packet to every conversation, and only lets time pass when nothing arrives", () => {
  const link = new MemoryLink();
  const heard: string[] = [];
  const listener = (name: string) => ({
    hear: (packet: { kind: string }) => void heard.push(`${name} ${packet.kind}`),
    tick: (nowMs: number) => void heard.push(`${name} at ${nowMs}`),
    isOver: false,
  });
  link.begin(listener("one"), listener("other"));
  link.arp("reply", SERVER_MAC, VIP, OWN_ADDRESS);
  assert.deepEqual(heard, ["one at 0", "other at 0", "one arp", "other arp", "one at 0", "other at 0"]);
});
