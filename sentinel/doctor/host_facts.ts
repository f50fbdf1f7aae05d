/**
 * Reading a host for the doctor: what ip(8), ss(8) and files of the system tell. Nothing is changed, nothing is sent.
 *
 * @module
 */

import { requireCommand, runCommand } from "../../host/command.ts";
import { forwardingKeys } from "../../host/forwarding.ts";
import type { Link } from "../../host/links.ts";
import { readSysctls } from "../../host/sysctl.ts";
import { DISABLE_IPV6 } from "../../realserver/host_state.ts";
import { readSettings } from "../../realserver/sysctl_files.ts";
import { addressText, addressWords, ipv4ToText } from "../../model/ip_address.ts";
import type { FileLine, HostFacts, IpvsService, Listener, ProxyEntry, UnusableAddress } from "./facts.ts";
import { readPortTranslations } from "./port_translations.ts";
import { readKeepalived, readStoppedServers } from "./programs.ts";
import { readReversePathDrops } from "./reverse_path_drops.ts";

const DEVICE_SETTINGS = [
  "arp_ignore",
  "arp_announce",
  "rp_filter",
  "proxy_arp",
  "proxy_arp_pvlan",
];
const HOST_SETTINGS = [
  DISABLE_IPV6,
  "net/netfilter/nf_conntrack_count",
  "net/netfilter/nf_conntrack_max",
];

/** Folders of programs that run when an interface comes up (interfaces(5), NetworkManager-dispatcher(8)). */
const INTERFACE_HOOKS = [
  "/etc/network/if-up.d",
  "/etc/NetworkManager/dispatcher.d",
  "/etc/networkd-dispatcher/carrier.d",
  "/etc/networkd-dispatcher/configured.d",
  "/etc/networkd-dispatcher/routable.d",
];
/** Folder of the scripts of ifup(8) as RHEL and its kin have it, and of the files that tell them the addresses. */
const NETWORK_SCRIPTS = "/etc/sysconfig/network-scripts";
/**
 * What such a file is called, lo's aside, for which arping(8) announces nothing: it has no ARP. The scripts do not read
 * what editors and package managers leave beside it.
 */
const INTERFACE_FILE = /^ifcfg-(?!lo(:|$))(?!.*(~|\.(bak|old|orig|rpmnew|rpmorig|rpmsave))$)/;
/** Those of the scripts that announce addresses. */
const ANNOUNCING_SCRIPTS = ["ifup-eth", "ifup-aliases"];
/** Commands that announce an address: arping(8) with -A or -U, and the programs of cluster managers. */
const ANNOUNCEMENT = /^[^#]*(\barping\b.*\s-\w*[AU]|\b(send_arp|ndsend|send_ua)\b)/;

/** Reads the host. */
export async function readHostFacts(links: readonly Link[]): Promise<HostFacts> {
  const devices = ["all", ...links.map(({ name }) => name)];
  const keys = [
    ...devices.flatMap((device) => DEVICE_SETTINGS.map((name) => `net/ipv4/conf/${device}/${name}`)),
    ...links.flatMap(({ name }) => [...forwardingKeys(4, name), ...forwardingKeys(6, name)]),
    ...HOST_SETTINGS,
  ];
  return {
    links,
    sysctls: await readSysctls([...new Set(keys)]),
    listeners: parseListeners(await requireCommand("ss", ["-Hltnu"])),
    translations: await readPortTranslations(),
    stoppedServers: await readStoppedServers(),
    proxies: await readProxies(),
    unusable: parseUnusable(await requireCommand("ip", ["-json", "-6", "address", "show"])),
    reversePathDrops: await readReversePathDrops(),
    ipvs: parseIpvs((await runCommand("cat", ["/proc/net/ip_vs"])).stdout),
    keepalived: await readKeepalived(),
    announcers: await readAnnouncers(),
    announced: await readAnnounced(NETWORK_SCRIPTS),
    sysctlFiles: await readSettings(),
  };
}

/** Sockets from the output of `ss -Hltnu`. */
export function parseListeners(output: string): Listener[] {
  return output.split("\n").flatMap((line): Listener[] => {
    const [protocol, , , , local = ""] = line.trim().split(/\s+/);
    const [, address, device, port] = /^\[?([^\]%]*?)\]?(?:%([^:]+))?:(\d+)$/.exec(local) ?? [];
    if (address === undefined || (protocol !== "tcp" && protocol !== "udp")) return [];
    // A socket of both families that is bound to an IPv4 address (RFC 4291 §2.5.5.2).
    const own = address.replace(/^::ffff:(?=\d+\.)/, "");
    return [{ protocol, address: own, device: device ?? null, port: Number(port) }];
  });
}

/** Addresses that cannot be used from the output of `ip -json -6 address show`. */
export function parseUnusable(json: string): UnusableAddress[] {
  const entries = JSON.parse(json || "[]") as readonly {
    readonly ifname?: string;
    readonly addr_info?: readonly {
      readonly local: string;
      readonly prefixlen: number;
      readonly tentative?: boolean;
      readonly dadfailed?: boolean;
    }[];
  }[];
  return entries.flatMap(({ ifname, addr_info = [] }) =>
    addr_info.filter(({ tentative, dadfailed }) => tentative || dadfailed).map((info): UnusableAddress => ({
      address: info.local,
      prefixLength: info.prefixlen,
      device: ifname ?? "",
      state: info.dadfailed ? "dadfailed" : "tentative",
    }))
  );
}

/** Services from /proc/net/ip_vs, where addresses and ports are hexadecimal. */
export function parseIpvs(text: string): IpvsService[] {
  return [...text.matchAll(/^(TCP|UDP)\s+(?:([\dA-F]{8})|\[([\da-f:]+)\]):([\dA-F]{4})\s/gm)].map(
    ([, protocol, ipv4, ipv6, port]) => ({
      protocol: protocol === "TCP" ? "tcp" : "udp",
      address: ipv4 === undefined ? addressText(addressWords(ipv6!)) : ipv4ToText(parseInt(ipv4, 16)),
      port: parseInt(port!, 16),
    }),
  );
}

async function readProxies(): Promise<ProxyEntry[]> {
  const entries: ProxyEntry[] = [];
  for (const family of ["-4", "-6"]) {
    const json = await requireCommand("ip", ["-json", family, "neighbor", "show", "proxy"]);
    for (const { dst, dev } of JSON.parse(json || "[]") as { dst: string; dev?: string }[]) {
      entries.push({ address: dst, device: dev ?? "" });
    }
  }
  return entries;
}

async function readAnnouncers(): Promise<FileLine[]> {
  const lines: FileLine[] = [];
  for (const folder of INTERFACE_HOOKS) {
    const names = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
    for (const { name } of names) {
      const path = `${folder}/${name}`;
      const status = await Deno.stat(path).catch(() => null);
      // What cannot be executed is not run.
      if (!status?.isFile || ((status.mode ?? 0) & 0o111) === 0) continue;
      const line = (await readText(path)).split("\n").find((candidate) => ANNOUNCEMENT.test(candidate));
      if (line !== undefined) lines.push({ path, text: line.trim() });
    }
  }
  return lines;
}

/**
 * Addresses that the network scripts of a folder announce: those of the interface files that do not forbid it. Such
 * scripts are part of the system, and harmless to a host without VIPs in those files.
 *
 * @param folder For example `/etc/sysconfig/network-scripts`.
 */
export async function readAnnounced(folder: string): Promise<FileLine[]> {
  const scripts = await Promise.all(ANNOUNCING_SCRIPTS.map((name) => readText(`${folder}/${name}`)));
  const announcing = scripts.filter((text) => text.split("\n").some((line) => ANNOUNCEMENT.test(line)));
  if (announcing.length === 0) return [];
  // Older ones announce whatever the files say.
  const canBeForbidden = announcing.every((text) => /arpupdate/i.test(text));
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  const lines: FileLine[] = [];
  for (const name of names.filter((name) => INTERFACE_FILE.test(name)).toSorted()) {
    const path = `${folder}/${name}`;
    const own = await readText(path);
    // The file of an alias inherits from that of its interface.
    const update = updateSetting(own) ?? updateSetting(await readText(path.replace(/:.*/, "")));
    if (canBeForbidden && update !== null && /^(no?|f(alse)?|off|0)$/i.test(update)) continue;
    for (const [text] of own.matchAll(/^\s*IPADDR\d*=.*/gm)) lines.push({ path, text: text.trim() });
  }
  return lines;
}

function updateSetting(text: string): string | null {
  return /^\s*ARPUPDATE=["']?(\w+)/m.exec(text)?.[1] ?? null;
}

/** Text of a file; empty if there is none, or it cannot be read. */
async function readText(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(() => "");
}
