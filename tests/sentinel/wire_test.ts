import assert from "node:assert/strict";
import { filterFor } from "../../sentinel/wire.ts";
import { Flag, icmpFrame, tcpFrame } from "../datapath/frame_builder.ts";
import { advertisementFrame, icmp6Frame, tcp6Frame } from "../datapath/ipv6_frame_builder.ts";
import { BROADCAST, IPV4, IPV6, MemoryLink, OWN_MAC } from "./memory_link.ts";

const SERVER_MAC = "02:00:00:00:00:15";
const SEGMENT = { sourcePort: 60_123, destinationPort: 443, sequence: 0xfedcba98, flags: Flag.SYN };

for (const places of [IPV4, IPV6]) {
  const { own, vip, probe, server, nobody, family } = places;

  Deno.test(`Wire asks and answers over IPv${family} as an independent builder would`, () => {
    const link = new MemoryLink(places);
    link.wire.ask({ to: BROADCAST, senderAddress: own, targetAddress: vip });
    link.wire.ask({ to: SERVER_MAC, senderAddress: own, targetAddress: vip });
    link.wire.ask({ to: BROADCAST, senderAddress: nobody, targetAddress: vip });
    link.wire.answer({ to: SERVER_MAC, senderAddress: probe, targetAddress: server });
    assert.deepEqual(link.sent(), [
      link.request(BROADCAST, vip, own),
      link.request(SERVER_MAC, vip, own),
      link.request(BROADCAST, vip, nobody),
      link.reply(SERVER_MAC, server, probe),
    ]);
  });

  Deno.test(`Wire sends segments and pings over IPv${family} with right checksums`, () => {
    const link = new MemoryLink(places);
    link.wire.sendSegment({ to: SERVER_MAC, source: probe, destination: vip, ttl: 1 }, SEGMENT);
    link.wire.sendEcho({ to: SERVER_MAC, source: probe, destination: vip, ttl: 1 }, 0xabcd);
    const ends = { from: OWN_MAC, to: SERVER_MAC, source: probe, destination: vip };
    const rest = 0xabcd0000;
    const ipv4 = { ...ends, paddedTo: 60, identification: 0, ttl: 1 };
    const ipv6 = { ...ends, hopLimit: 1 };
    assert.deepEqual(
      link.sent(),
      family === 4
        ? [tcpFrame({ ...ipv4, ...SEGMENT, window: 0 }), icmpFrame({ ...ipv4, type: 8, rest })]
        : [tcp6Frame({ ...ipv6, ...SEGMENT, window: 0 }), icmp6Frame({ ...ipv6, type: 128, rest })],
    );
  });
}

Deno.test("Wire tells everybody who asks as nobody over IPv6 (RFC 4861 §7.2.4)", () => {
  const link = new MemoryLink(IPV6);
  link.wire.answer({ to: SERVER_MAC, senderAddress: IPV6.probe, targetAddress: "::" });
  assert.deepEqual(link.sent(), [
    advertisementFrame({
      ...{ from: OWN_MAC, to: "33:33:00:00:00:01", source: IPV6.probe, destination: "ff02::1" },
      ...{ target: IPV6.probe, linkLayer: OWN_MAC, isOverriding: true },
    }),
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
  link.neighbor("reply", SERVER_MAC, IPV4.vip, IPV4.own);
  assert.deepEqual(heard, [
    ...["one at 0", "other at 0", "one neighbor", "other neighbor", "one at 0", "other at 0"],
  ]);
});

Deno.test("filterFor() lets through what is asked and answered, and what concerns the addresses", () => {
  assert.equal(
    filterFor(["192.0.2.200", "2001:db8::c8"]),
    "arp or (icmp6 and ip6[40] >= 133 and ip6[40] <= 137) or host 192.0.2.200 or host 2001:db8::c8",
  );
});
