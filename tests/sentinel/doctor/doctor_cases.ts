/** Facts that make each check of the doctor speak, and what it must say. */

import type { WireAlarm } from "../../../model/status_snapshot.ts";
import { requirementsOf } from "../../../realserver/choose_method.ts";
import type { Facts } from "../../../sentinel/doctor/facts.ts";
import { hostState, link, sysctls, target, VIP } from "../../realserver/host_states.ts";
import { downServer, NOW, server, service } from "../../status/snapshots.ts";
import { directorFacts, HARDENED, PATH, realServerFacts } from "./recorded_facts.ts";

export const ALARM: WireAlarm = {
  name: "vip_answered_by_other",
  vip: VIP,
  mac: "02:00:00:00:00:21",
  realServer: "192.0.2.21",
  sentence: `192.0.2.21 answers ARP for ${VIP}`,
  host: "192.0.2.21",
  command: `lvsdr realserver --vip ${VIP}`,
  firstSeen: NOW,
  lastSeen: NOW,
  count: 3,
};

export const [LO, ETH0] = HARDENED.links as [ReturnType<typeof link>, ReturnType<typeof link>];

function event(name: string): { at: string; level: "warning"; name: string; message: string } {
  return { at: NOW, level: "warning", name, message: "why" };
}

function withSettings(more: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map([...HARDENED.sysctls, ...Object.entries(more)]);
}

function withServer(changes: Parameters<typeof server>[1]): Facts {
  return directorFacts({
    snapshot: { services: [service("web", [server("192.0.2.21", changes), server("192.0.2.22")])] },
  });
}

function workers(frames: number): { cpu: null; frames: number; captureDrops: number; connections: number }[] {
  return [{ cpu: null, frames, captureDrops: 0, connections: 0 }];
}

const DATAPATH = directorFacts().director!.snapshot!.datapath;

export interface Case {
  readonly facts: Facts;
  /** First fact that must be shown. */
  readonly evidence: string | null;
  /** The commands, or `null` if none can help. */
  readonly fix: string | null;
}

/** By the check's name, in the order of the checks. */
export const CASES: Readonly<Record<string, Case>> = {
  "director-not-running": {
    facts: directorFacts({ director: { snapshot: null, silence: "No director is running" } }),
    evidence: "No director is running",
    fix: `lvsdr director -c ${PATH} --run-dir /run/lvsdr`,
  },
  "director-not-undone": {
    facts: {
      ...realServerFacts(),
      directorJournal: {
        path: "/run/lvsdr/director.journal",
        steps: [{ kind: "nftTable", family: "netdev", name: "lvsdr_director_eth0", ruleset: "" }],
        isKept: false,
        owner: null,
        runs: [],
      },
    },
    evidence: "/run/lvsdr/director.journal: not undone",
    fix: "lvsdr director --undo --run-dir /run/lvsdr",
  },
  "director-is-realserver": {
    facts: directorFacts({ servers: "[{ address: 192.0.2.2 }]" }),
    evidence: `${PATH} lists 192.0.2.2`,
    fix: null,
  },
  "kernel-unguarded": {
    facts: directorFacts({
      director: { guarded: new Set() },
      host: { sysctls: withSettings({ "net/ipv4/ip_forward": "1" }) },
    }),
    evidence: `no rule for ${VIP} on eth0 (nft list tables netdev)`,
    fix: "sysctl -w net.ipv4.ip_forward=0",
  },
  "vlan-filter": {
    facts: directorFacts({
      settings: "vlan: 7",
      director: { filteringCards: [{ name: "eth0", isFixed: false, missing: [7] }] },
    }),
    evidence: "rx-vlan-filter: on (ethtool -k eth0)",
    fix: "ethtool -K eth0 rx-vlan-filter off",
  },
  "nft-missing": {
    facts: directorFacts({ director: { guarded: null } }),
    evidence: "no nft in PATH, /usr/sbin, /usr/bin, /sbin or /bin",
    fix: "apt-get install -y nftables",
  },
  "capture-drops": {
    facts: directorFacts({
      snapshot: { datapath: { ...DATAPATH, captureDrops: 2, workers: workers(10_000) } },
    }),
    evidence: "2 dropped by the kernel, 10000 received since it started",
    fix: null,
  },
  "transmit-errors": {
    facts: directorFacts({
      snapshot: { datapath: { ...DATAPATH, transmitErrors: 2, workers: workers(10_000) } },
    }),
    evidence: "2 transmit errors, 10000 frames received since it started",
    fix: null,
  },
  "mtu": {
    facts: directorFacts({
      snapshot: { verdicts: [{ name: "dropped_oversized", meaning: "too large", frames: 4 }] },
    }),
    evidence: "dropped_oversized = 4",
    fix: null,
  },
  "table-full": {
    facts: directorFacts({
      snapshot: { connectionTable: { used: 90, capacity: 100, bytesPerConnection: 56 } },
    }),
    evidence: "90 of 100 entries",
    fix: null,
  },
  "routed-clients": {
    facts: directorFacts({
      host: {
        links: [link("eth0", "192.0.2.2/24"), link("eth1", "198.51.100.1/24")],
        sysctls: withSettings({ "net/ipv4/ip_forward": "1" }),
      },
    }),
    evidence: "net.ipv4.ip_forward = 1",
    fix: null,
  },
  "program-missing": {
    facts: realServerFacts({ method: "nft", state: { programs: new Set() } }),
    evidence: "program nft: not installed",
    fix: "apt-get install -y nftables",
  },
  "ipv6-disabled": {
    facts: withRequirementsFor("2001:db8::10", { "net/ipv6/conf/lo/disable_ipv6": "1" }),
    evidence: "net.ipv6.conf.lo.disable_ipv6 = 1",
    fix: "sysctl -w net.ipv6.conf.lo.disable_ipv6=0",
  },
  "arp-ignore": {
    facts: realServerFacts({ state: { sysctls: sysctls({ all: [0, 2, 0], eth0: [0, 0, 0] }) } }),
    evidence: "net.ipv4.conf.all.arp_ignore = 0",
    fix: "sysctl -w net.ipv4.conf.all.arp_ignore=1",
  },
  "arp-announce": {
    facts: realServerFacts({ state: { sysctls: sysctls({ all: [1, 1, 0], eth0: [0, 0, 0] }) } }),
    evidence: "net.ipv4.conf.all.arp_announce = 1",
    fix: "sysctl -w net.ipv4.conf.all.arp_announce=2",
  },
  "vip-filter": {
    facts: realServerFacts({ method: "arptables" }),
    evidence: `arptables INPUT for ${VIP}: no such rule`,
    fix: `arptables -I INPUT -d ${VIP} -j DROP`,
  },
  "redirect-rules": {
    facts: realServerFacts({
      method: "redirect",
      state: { links: [link("lo"), ETH0], programs: new Set(["iptables"]) },
    }),
    evidence: `iptables nat PREROUTING for ${VIP} tcp port 80: no such rule`,
    fix: `iptables -w 5 -t nat -I PREROUTING -d ${VIP} -p tcp --dport 80 -j REDIRECT`,
  },
  "loopback-down": {
    facts: realServerFacts({ state: { links: [{ ...LO, isUp: false }, ETH0] } }),
    evidence: "interface lo: down",
    fix: "ip link set lo up",
  },
  "interface-unusable": {
    facts: realServerFacts({ state: { links: [LO] } }),
    evidence: "interface eth0: absent",
    fix: null,
  },
  "vip-prefix": {
    facts: realServerFacts({ state: { links: [link("lo", `${VIP}/24`), ETH0] } }),
    evidence: `VIP ${VIP}: ${VIP}/24 on lo (ip address show)`,
    fix: `ip address add ${VIP}/32 dev lo\nip address delete ${VIP}/24 dev lo`,
  },
  "vip-forwarded": {
    facts: realServerFacts({
      state: { links: [link("lo"), ETH0], sysctls: withSettings({ "net/ipv4/ip_forward": "1" }) },
    }),
    evidence: `VIP ${VIP}: on no interface (ip address show)`,
    fix: `ip address add ${VIP}/32 dev lo`,
  },
  "vip-missing": {
    facts: realServerFacts({ method: "route", state: { links: [link("lo"), ETH0] } }),
    evidence: `local route to ${VIP}: absent`,
    fix: `ip -4 route add local ${VIP}/32 dev lo`,
  },
  "vip-on-nic": {
    facts: realServerFacts({ state: { links: [link("lo"), link("eth0", "192.0.2.21/24", `${VIP}/32`)] } }),
    evidence: `VIP ${VIP}: ${VIP}/32 on eth0 (ip address show)`,
    fix: `ip address add ${VIP}/32 dev lo\nip address delete ${VIP}/32 dev eth0`,
  },
  "rp-filter": {
    facts: realServerFacts({
      state: { sysctls: sysctls({ all: [1, 2, 1], eth0: [0, 0, 0] }), defaultRouteDevice: "eth1" },
    }),
    evidence: "net.ipv4.conf.all.rp_filter = 1",
    fix: "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
  },
  "proxy-arp": {
    facts: directorFacts({ host: { sysctls: withSettings({ "net/ipv4/conf/eth0/proxy_arp": "1" }) } }),
    evidence: "net.ipv4.conf.eth0.proxy_arp = 1",
    fix: "sysctl -w net.ipv4.conf.eth0.proxy_arp=0",
  },
  "proxy-neighbor": {
    facts: directorFacts({ host: { proxies: [{ address: VIP, device: "eth0" }] } }),
    evidence: `${VIP} dev eth0 proxy (ip neighbor show proxy)`,
    fix: `ip neighbor delete proxy ${VIP} dev eth0`,
  },
  "ipvs": {
    facts: realServerFacts({ host: { ipvs: [{ protocol: "udp", address: VIP, port: 53 }] } }),
    evidence: `UDP ${VIP}:53 (/proc/net/ip_vs)`,
    fix: `ipvsadm -D -u ${VIP}:53`,
  },
  "keepalived": {
    facts: directorFacts({
      host: {
        keepalived: [{
          pid: 9,
          unit: null,
          path: "/etc/keepalived/keepalived.conf",
          text: `  ${VIP}/32 dev eth0`,
        }],
      },
    }),
    evidence: "process 9 (pgrep -x keepalived)",
    fix: "kill 9",
  },
  "vip-dad": {
    facts: directorFacts({
      host: { unusable: [{ address: VIP, prefixLength: 64, device: "eth0", state: "dadfailed" }] },
    }),
    evidence: `${VIP}/64 dadfailed (ip -6 address show dev eth0)`,
    fix: `ip address delete ${VIP}/64 dev eth0`,
  },
  "app-not-listening": {
    facts: realServerFacts({
      host: { listeners: [{ protocol: "tcp", address: "127.0.0.1", device: null, port: 80 }] },
    }),
    evidence: "listening on 127.0.0.1:80 (ss -ltnu)",
    fix: null,
  },
  "wire-alarm": {
    facts: directorFacts({ snapshot: { alarms: [ALARM] } }),
    evidence: `alarm vip_answered_by_other for ${VIP}: 02:00:00:00:00:21, 3 packets, last at ${NOW}`,
    fix: `lvsdr realserver --vip ${VIP}`,
  },
  "realserver-exposed": {
    facts: withServer({ audit: { verdict: "answers", at: NOW } }),
    evidence: `audit of ${VIP} at ${NOW}: answers, with 02:00:00:00:00:15`,
    fix: `lvsdr realserver -c ${PATH}`,
  },
  "service-unserved": {
    facts: directorFacts({ snapshot: { services: [service("web", [downServer("192.0.2.21")])] } }),
    evidence: "192.0.2.21 is down, weight 1",
    fix: `lvsdr verify -c ${PATH} web`,
  },
  "realserver-unresolved": {
    facts: withServer({ state: "unresolved" }),
    evidence: "192.0.2.21 is unresolved, dropped_unresolved = 0",
    fix: "ip -br link; ip -br address",
  },
  "realserver-down": {
    facts: withServer(downServer("192.0.2.21")),
    evidence: "last check: TCP 192.0.2.21:80 refused",
    fix: `lvsdr verify -c ${PATH} web`,
  },
  "realserver-quarantined": {
    facts: withServer({ state: "quarantined" }),
    evidence: "192.0.2.21 is quarantined (director.quarantine)",
    fix: `lvsdr realserver -c ${PATH}`,
  },
  "config-refused": {
    facts: directorFacts({
      snapshot: { events: [event("realserver.up"), event("config.refused"), event("config.loaded")] },
    }),
    evidence: `${NOW} config.refused: why`,
    fix: `lvsdr check ${PATH}`,
  },
  "health-none": {
    facts: directorFacts({ settings: "health: none" }),
    evidence: `${PATH}: services web: health: none`,
    fix: null,
  },
  "drain-persistence": {
    facts: directorFacts({
      settings: "persistence: { quiesced: keep }",
      servers: "[{ address: 192.0.2.21 }, { address: 192.0.2.22, weight: 0 }]",
    }),
    evidence: `${PATH}: services web: persistence.quiesced: keep, 192.0.2.22 has weight 0`,
    fix: null,
  },
  "not-held": {
    facts: realServerFacts({ realServer: { journal: null } }),
    evidence: "no lvsdr realserver has changed this host since it booted",
    fix: `lvsdr realserver --vip ${VIP} --method loopback --run-dir /run/lvsdr`,
  },
  "sysctl-file": {
    facts: realServerFacts({
      host: { sysctlFiles: [{ key: "net/ipv4/conf/all/arp_ignore", value: "0", path: "/etc/sysctl.conf" }] },
    }),
    evidence: "/etc/sysctl.conf sets net.ipv4.conf.all.arp_ignore = 0",
    fix:
      `sed -i 's,^[[:space:]]*-*net[./]ipv4[./]conf[./]all[./]arp_ignore[[:space:]]*=,#&,' /etc/sysctl.conf`,
  },
  "announce-script": {
    facts: realServerFacts({
      host: { announcers: [{ path: "/etc/network/if-up.d/garp", text: "arping -A" }] },
    }),
    evidence: "/etc/network/if-up.d/garp: arping -A",
    fix: "chmod a-x /etc/network/if-up.d/garp",
  },
  "conntrack-full": {
    facts: realServerFacts({
      method: "redirect",
      host: {
        sysctls: new Map([["net/netfilter/nf_conntrack_count", "80"], [
          "net/netfilter/nf_conntrack_max",
          "100",
        ]]),
      },
    }),
    evidence: "net.netfilter.nf_conntrack_count = 80",
    fix: "sysctl -w net.netfilter.nf_conntrack_max=200",
  },
  "vip-from-here": { facts: directorFacts(), evidence: null, fix: null },
  "offloads": { facts: directorFacts(), evidence: `${PATH}: director.offloads: handle`, fix: null },
  "health-past-vip": {
    facts: directorFacts(),
    evidence: `${PATH}: services web: health.type: tcp`,
    fix: null,
  },
  "server-loss-drop": {
    facts: directorFacts({ settings: "on_server_loss: drop" }),
    evidence: `${PATH}: services web: on_server_loss: drop`,
    fix: null,
  },
  "table-lost": {
    facts: directorFacts({ snapshot: { events: [event("connections.refused")] } }),
    evidence: `${NOW} connections.refused: why`,
    fix: null,
  },
  "jumbo-frames": {
    facts: realServerFacts({ host: { links: [LO, { ...ETH0, mtu: 9_000 }] } }),
    evidence: "mtu 9000 (ip link show eth0)",
    fix: null,
  },
  "rp-filter-strict": {
    facts: realServerFacts({
      realServer: {
        strictInterfaces: [{
          device: "eth0",
          routes: [{ prefix: "198.51.100.0/24", device: "eth1" }],
          drops: [7, 7],
        }],
      },
    }),
    evidence: "net.ipv4.conf.all.rp_filter = 0",
    fix: null,
  },
};

/** A real server of an IPv6 VIP. */
function withRequirementsFor(vip: string, settings: Readonly<Record<string, string>>): Facts {
  const targets = [target({ vip, realServerAddress: "2001:db8::21" })];
  const state = hostState({ sysctls: withSettings(settings) });
  const requirements = requirementsOf("loopback", state, {
    targets,
    wantedDevice: null,
    looseDevices: new Set(),
  });
  const host = { sysctls: state.sysctls };
  return { ...realServerFacts({ host, realServer: { targets, requirements } }), vips: [vip] };
}
