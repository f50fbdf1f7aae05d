/**
 * The mistakes a lab can make: what is done to a host, what the client then suffers, who names the cause, and whose
 * advice is followed.
 *
 * @module
 */

import type { AddressFamily } from "../model/ip_address.ts";
import type { BreakName } from "./break_name.ts";
import { answeredBy, isShared, type Look, type Symptom } from "./symptom.ts";
import { EXTRA_INTERFACE, INTERFACE, type LabHost, type Topology, withPrefix } from "./topology.ts";
import type { Witness } from "./witnesses.ts";

/** Where a mistake is made. */
export interface Place {
  readonly topology: Topology;
  /** The host it is made on. */
  readonly host: LabHost;
  /** Words of ip(8) that make a host answer for the VIP. */
  readonly theft: string;
  readonly configFile: string;
}

/** A way in which a client suffers. */
export interface Suffering {
  /** What is claimed, in a few words. */
  readonly claim: string;
  readonly look: Look;
  /** Whether a measurement shows it. */
  readonly shows: (symptom: Symptom, place: Place) => boolean;
}

export interface Break {
  /** What has happened, said of the host. */
  readonly story: string;
  readonly families: readonly AddressFamily[];
  /** Whether it is a host of the cluster, the last real server, or the spare one. */
  readonly culprit: "real server" | "spare";
  /** Commands typed on the host; a role that one of them starts goes on. */
  readonly commands: (place: Place) => readonly string[];
  /** Whether the host's web server listens on the host's own address only. */
  readonly isListeningElsewhere?: boolean;
  /** What brings it about, if it does not happen by itself: typed on the host before each look at the client. */
  readonly occasion?: string;
  readonly suffering: Suffering;
  /** Where IPv6 differs. */
  readonly sufferingOverIpv6?: Suffering;
  /** Who must name the cause, and how, with `|` between names of which one will do; doctor is the one on the host itself. */
  readonly expected: Readonly<Record<Witness, readonly string[]>>;
  /** Findings that it may bring about elsewhere, and that tell of what it does to others. */
  readonly consequences?: readonly string[];
  /** Whose command is typed. What the doctor on the host then still finds is typed as well. */
  readonly cure: Witness;
}

const STOLEN: Suffering = {
  claim: "The client takes it for the VIP and sends it everything, past the director",
  look: { isAskingAnew: true },
  shows: ({ believedMac, results }, { host }) =>
    believedMac === host.mac && results.length > 0 && results.every(({ server }) => server === host.name),
};

const LED_ASTRAY: Suffering = {
  claim: "The client, who has asked nobody, sends to it what was the director's to share",
  look: { isAskingAnew: false },
  shows: (symptom, { host, topology }) => symptom.believedMac === host.mac && !isShared(symptom, topology),
};

const SWALLOWED: Suffering = {
  claim: "The client takes it for the VIP and gets no answer at all",
  look: { isAskingAnew: true },
  shows: ({ believedMac, results }, { host }) =>
    believedMac === host.mac && results.every(({ server }) => server === null),
};

const SHARE_LOST: Suffering = {
  claim: "The client reaches the director, and its share of the requests is lost",
  look: { isAskingAnew: true },
  shows: ({ believedMac, results }, { host, topology }) =>
    believedMac === topology.director.mac && answeredBy(results, host.name) === 0 &&
    results.some(({ server }) => server === null) && results.some(({ server }) => server !== null),
};

/** Over IPv6 a later answer replaces an earlier one (RFC 4861 §7.2.5), and here the director is the later. */
const MISDIRECTED: Suffering = {
  claim:
    "Until the director's answer comes, the client sends to it, and a transfer does not survive the change",
  look: { isAskingAnew: true, hasTransfer: true },
  shows: ({ isTransferWhole }) => isTransferWhole === false,
};

const TORN: Suffering = {
  claim: "The client is taken over by the second director, and a transfer does not survive the change",
  look: { isAskingAnew: true, hasTransfer: true },
  shows: ({ isTransferWhole }) => isTransferWhole === false,
};

/** A host that an administrator has hardened by hand, but for one mistake. */
const HARDENED = ["sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"];

const addVip = ({ topology: { vip } }: Place) => `ip address add ${withPrefix(vip)} dev lo`;

export const BREAKS: Readonly<Record<BreakName, Break>> = {
  "arp": {
    story: "gets the VIP without being hardened",
    families: [4, 6],
    culprit: "real server",
    commands: ({ theft }) => [`ip ${theft}`],
    suffering: STOLEN,
    sufferingOverIpv6: MISDIRECTED,
    expected: { sentinel: ["vip_answered_by_other"], verify: ["answers"], doctor: [] },
    cure: "sentinel",
  },
  "announce": {
    story: "is silent when asked, but asks with the VIP as sender (arp_announce 1)",
    families: [4],
    culprit: "real server",
    commands: (place) => [
      "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=1",
      addVip(place),
    ],
    occasion: `ip neighbor flush dev ${INTERFACE}`,
    suffering: LED_ASTRAY,
    expected: { sentinel: ["vip_leaked_as_sender"], verify: ["leaks"], doctor: ["arp-announce"] },
    cure: "sentinel",
  },
  "prefix": {
    story: "has the VIP on lo with the prefix of the subnet",
    families: [4],
    culprit: "real server",
    commands: ({ topology: { vip } }) => [`ip address add ${vip}/24 dev lo`],
    suffering: SWALLOWED,
    expected: { sentinel: ["vip_answered_by_other"], verify: ["takes_addresses"], doctor: ["vip-prefix"] },
    // It has the answers of health checks as well.
    consequences: ["realserver-down"],
    cure: "sentinel",
  },
  "vip-missing": {
    story: "has lost the VIP",
    families: [4, 6],
    culprit: "real server",
    commands: () => [],
    suffering: SHARE_LOST,
    expected: { sentinel: [], verify: ["vip_missing"], doctor: ["vip-missing"] },
    cure: "verify",
  },
  "app-down": {
    story: "has a web server that listens on the host's own address only",
    families: [4, 6],
    culprit: "real server",
    commands: (place) => [...hardened(place), addVip(place)],
    isListeningElsewhere: true,
    suffering: SHARE_LOST,
    expected: { sentinel: [], verify: ["not_listening"], doctor: ["app-not-listening"] },
    // From outside it cannot be told where the application listens instead.
    cure: "doctor",
  },
  "forwarding": {
    story: "has lost the VIP, and forwards",
    families: [4, 6],
    culprit: "real server",
    commands: ({ topology: { vip } }) => [
      `sysctl -w ${vip.includes(":") ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward"}=1`,
    ],
    suffering: SHARE_LOST,
    expected: { sentinel: [], verify: ["forwards"], doctor: ["vip-forwarded"] },
    cure: "verify",
  },
  "rp-filter": {
    story: "answers through another interface, and its reverse path filter is strict",
    families: [4],
    culprit: "real server",
    commands: (place) => [
      ...HARDENED,
      addVip(place),
      `ip link add ${EXTRA_INTERFACE} link ${INTERFACE} type macvlan mode bridge`,
      `ip link set ${EXTRA_INTERFACE} up`,
      // Its narrower prefix takes the way to the client from the other interface, its route the way to all that are elsewhere.
      `ip address add 192.0.2.123/26 dev ${EXTRA_INTERFACE}`,
      `ip route add default dev ${EXTRA_INTERFACE}`,
      "sysctl -w net.ipv4.conf.all.rp_filter=1",
    ],
    suffering: SHARE_LOST,
    expected: { sentinel: [], verify: ["source_refused"], doctor: ["rp-filter"] },
    cure: "verify",
  },
  "second-director": {
    story: "is a second director of the same VIP",
    families: [4, 6],
    culprit: "spare",
    commands: ({ configFile }) => [`lvsdr director -c ${configFile}`],
    suffering: TORN,
    expected: { sentinel: ["duplicate_director"], verify: ["other_holder"], doctor: ["wire-alarm"] },
    cure: "sentinel",
  },
  "proxy-arp": {
    story: "is a gateway that answers ARP for every address it would send elsewhere",
    families: [4],
    culprit: "spare",
    commands: ({ topology: { client, director, realServers }, host }) => [
      `ip address add ${host.address}/32 dev ${INTERFACE}`,
      `ip address delete ${host.address}/24 dev ${INTERFACE}`,
      `ip link add ${EXTRA_INTERFACE} type veth peer name uplink`,
      `ip link set ${EXTRA_INTERFACE} up`,
      "ip link set uplink up",
      // What it knows to be on this side, it leaves alone.
      ...[client, director, ...realServers].map(({ address }) => `ip route add ${address} dev ${INTERFACE}`),
      `ip route add 192.0.2.0/24 dev ${EXTRA_INTERFACE}`,
      `sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.${INTERFACE}.proxy_arp=1 net.ipv4.neigh.${INTERFACE}.proxy_delay=0`,
    ],
    suffering: SWALLOWED,
    expected: { sentinel: ["proxy_arp"], verify: ["takes_addresses|other_holder"], doctor: [] },
    cure: "sentinel",
  },
};

/** IPv6 needs no settings for a VIP on lo. */
function hardened({ topology: { vip } }: Place): readonly string[] {
  return vip.includes(":") ? [] : HARDENED;
}

/** How a client on the family of the place suffers from a mistake. */
export function sufferingOf(
  { suffering, sufferingOverIpv6 = suffering }: Break,
  { topology: { vip } }: Place,
): Suffering {
  return vip.includes(":") ? sufferingOverIpv6 : suffering;
}
