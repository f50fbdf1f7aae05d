import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ingressFilter } from "../../datapath/ingress_filter.ts";
import { requireCommand, runCommand } from "../../host/command.ts";
import { ARP_REQUEST, PING, SYN } from "./fixture.ts";
import { arpFrame, icmpFrame, tcpFrame } from "./frame_builder.ts";
import { PING6, SOLICITATION, SYN6 } from "./ipv6_fixture.ts";
import { advertisementFrame, icmp6Frame, solicitationFrame, tcp6Frame } from "./ipv6_frame_builder.ts";
import { pcapFile, readPcap } from "./pcap_file.ts";
import { DIRECTOR6, SERVER6, VIP, VIP6 } from "./test_network.ts";

const hasTcpdump = await runCommand("tcpdump", ["--version"]).then(() => true, () => false);
const ignore = !hasTcpdump;
const needing = hasTcpdump ? "" : " (skipped: tcpdump is not installed)";

const FRAMES: Readonly<Record<string, Uint8Array>> = {
  arp: arpFrame(ARP_REQUEST),
  vip4: tcpFrame(SYN),
  ping4: icmpFrame(PING),
  other4: tcpFrame({ ...SYN, destination: "192.0.2.11" }),
  vip6: tcp6Frame(SYN6),
  ping6: icmp6Frame(PING6),
  other6: tcp6Frame({ ...SYN6, destination: "2001:db8::11" }),
  solicitation: solicitationFrame(SOLICITATION),
  advertisement: advertisementFrame({
    ...SOLICITATION,
    source: SERVER6,
    destination: DIRECTOR6,
    target: SERVER6,
  }),
  routerAdvertisement: icmp6Frame({ ...PING6, destination: "ff02::1", type: 134 }),
};

for (
  const [what, vips, passed] of [
    ["IPv4", [VIP], ["arp", "vip4", "ping4"]],
    ["IPv6", [VIP6], ["arp", "vip6", "ping6", "solicitation", "advertisement"]],
    ["both families", [VIP, VIP6], [
      "arp",
      "vip4",
      "ping4",
      "vip6",
      "ping6",
      "solicitation",
      "advertisement",
    ]],
  ] as const
) {
  Deno.test(`ingressFilter() lets through what VIPs of ${what} need${needing}`, { ignore }, async () => {
    const folder = await Deno.makeTempDir({ prefix: "lvsdr-filter-" });
    try {
      await Deno.writeFile(`${folder}/in`, pcapFile(Object.values(FRAMES)));
      await requireCommand("tcpdump", [
        "-r",
        `${folder}/in`,
        "-w",
        `${folder}/out`,
        ingressFilter([...vips]),
      ]);
      const found = readPcap(await Deno.readFile(`${folder}/out`)).map((frame) =>
        Object.keys(FRAMES).find((name) => Buffer.compare(FRAMES[name]!, frame) === 0)
      );
      assert.deepEqual(found, passed);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
