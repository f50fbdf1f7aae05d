/**
 * Which of the frames that arrive are taken in: those for the VIPs, and those that tell where neighbours are. What is
 * left out costs nothing; what is let through is looked at again, frame by frame.
 *
 * @module
 */

import { familyOf } from "../model/ip_address.ts";

/** Neighbor Solicitation and Advertisement, by the first byte behind the IPv6 header (RFC 4861 §4.3, §4.4). */
export const NEIGHBOR_MESSAGES = "icmp6 and (ip6[40] == 135 or ip6[40] == 136)";

/**
 * The pcap-filter(7) expression for VIPs. It also lets through what comes in a VLAN: the kernel takes a tag off
 * before it looks at a frame, and libpcap puts it back.
 */
export function ingressFilter(vips: readonly string[]): string {
  const to = (family: number) =>
    vips.filter((vip) => familyOf(vip) === family).map((vip) => `dst host ${vip}`).join(" or ");
  const ipv4 = to(4);
  const ipv6 = to(6);
  return [
    "arp",
    ...(ipv4 === "" ? [] : [`(ip and (${ipv4}))`]),
    ...(ipv6 === "" ? [] : [`(ip6 and (${ipv6}))`, `(${NEIGHBOR_MESSAGES})`]),
  ].join(" or ");
}
