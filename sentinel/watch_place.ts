/**
 * Where VIPs are watched: on the director's interface, or, if they are in a VLAN, on this host's own interface in it.
 *
 * @module
 */

import { addressesLike, type Link, linkOfSubnet, subnetAddress } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { familyOf } from "../model/ip_address.ts";
import { NOBODY } from "./frame_writer.ts";
import { pickCandidates } from "./probe_address.ts";
import type { Watched } from "./watch.ts";
import type { WireLink } from "./wire.ts";

/** Prefix of the subnet that a VIP is taken to be in where this host has no address of it. */
const LIKELY_PREFIX = { 4: 24, 6: 64 } as const;
/** More than a proxy must answer for: it has a way to some addresses on the link itself. */
const DECOYS = 4;
/** More would make the filter longer than the kernel takes (`BPF_MAXINSNS`); then all of ARP is looked at. */
const MOST_FILTERED = 200;

/** VIPs on one interface. */
export interface WatchPlace {
  readonly link: WireLink;
  readonly watched: Watched;
}

export interface WatchPlaces {
  readonly places: readonly WatchPlace[];
  /** VIPs in VLANs that this host has no interface in. */
  readonly unseen: readonly string[];
}

/**
 * Finds where the VIPs of a configuration can be watched.
 *
 * @param device The director's interface.
 * @param taken Addresses known to be somebody's, besides those of the configuration and of this host.
 */
export function findWatchPlaces(
  config: Config,
  device: string,
  links: readonly Link[],
  taken: ReadonlySet<string>,
): WatchPlaces {
  const vlans = new Map(config.services.map(({ vip, vlan }) => [vip, vlan]));
  const used = new Set([
    ...taken,
    ...config.services.flatMap(({ vip, servers }) => [vip, ...servers.map(({ address }) => address)]),
    ...links.flatMap((link) => [...link.addresses, ...link.ipv6Addresses]).map(({ address }) => address),
  ]);
  const others = links.filter(({ name }) => name !== device);
  const vipsOf = new Map<Link, string[]>();
  const unseen: string[] = [];
  for (const [vip, vlan] of vlans) {
    const link = vlan === null ? links.find(({ name }) => name === device) : linkOfSubnet(others, vip);
    if (link == null || link.mac === null) unseen.push(vip);
    else vipsOf.set(link, [...vipsOf.get(link) ?? [], vip]);
  }
  const places = [...vipsOf].map(([link, vips]): WatchPlace => ({
    link: { name: link.name, index: link.index, mac: link.mac! },
    watched: {
      vips,
      decoys: decoysFor(vips, link, used),
      senderFor: (address) => senderFor(address, link, new Set(vlans.keys())),
    },
  }));
  return { places, unseen };
}

/** A pcap-filter(7) expression for what concerns the VIPs, and for answers for the decoys. */
export function watchFilter({ vips, decoys }: Watched): string {
  const ofIpv4 = (addresses: readonly string[]) => addresses.filter((address) => familyOf(address) === 4);
  const arp = ofIpv4(vips).length > MOST_FILTERED ? ["arp"] : [
    ...ofIpv4(vips).map((vip) => `arp host ${vip}`),
    ...ofIpv4(decoys).map((decoy) => `arp src host ${decoy}`),
  ];
  // Solicitations and advertisements (RFC 4861 §4.3, §4.4), which have no extension headers.
  const ndp = vips.some((vip) => familyOf(vip) === 6)
    ? ["(icmp6 and (ip6[40] == 135 or ip6[40] == 136))"]
    : [];
  return [...arp, ...ndp].join(" or ");
}

/** Some addresses of the subnet of the first VIP of each family. */
function decoysFor(vips: readonly string[], link: Link, used: ReadonlySet<string>): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const vip = vips.find((candidate) => familyOf(candidate) === family);
    if (vip === undefined) return [];
    const prefixLength = subnetAddress(link, vip)?.prefixLength ?? LIKELY_PREFIX[family];
    return pickCandidates({ address: vip, prefixLength }, used).slice(0, DECOYS);
  });
}

/** An address of a link to ask for another one from, which is no VIP. */
function senderFor(address: string, link: Link, vips: ReadonlySet<string>): string | null {
  const own = addressesLike(link, address).filter((candidate) => !vips.has(candidate.address));
  const addresses = { ...link, addresses: own, ipv6Addresses: own };
  const near = subnetAddress(addresses, address);
  if (near !== null) return near.address;
  if (familyOf(address) === 4) return NOBODY;
  // Whoever is asked as nobody over IPv6 tells everybody, who would then believe a thief (RFC 4861 §7.2.4).
  return own.find(({ scope }) => scope === "link")?.address ?? null;
}
