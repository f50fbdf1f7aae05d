/**
 * The kernel's own counters of a lab's hosts.
 *
 * @module
 */

import { familyOf } from "../model/ip_address.ts";
import { INTERFACE, type LabHost } from "./topology.ts";

const TABLE = "lvsdr_lab";

/** Bytes of an Ethernet header, which nftables does not count and an interface does (IEEE 802.3 §3.1.1). */
const ETHERNET_HEADER_BYTES = 14;

export interface Traffic {
  readonly frames: number;
  /** Whole frames, without the frame check sequence. */
  readonly bytes: number;
}

export interface InterfaceCounters {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Frames that came in on the director's interface, by what they carry. */
export interface DirectorCounters {
  /** From the VIP: answers of real servers, which have no business here. */
  readonly answers: Traffic;
  /** To the VIP: what clients send. */
  readonly requests: Traffic;
  /** Neither: ARP or NDP, health checks. */
  readonly others: Traffic;
}

/** Makes the director's kernel count what comes in, before anything else can see or drop it. */
export async function countDirectorTraffic(director: LabHost, vip: string): Promise<void> {
  // Over IPv6, questions for addresses are IP packets too, and may have the VIP as source.
  const [protocol, isTraffic] = familyOf(vip) === 4 ? ["ip", ""] : ["ip6", "ip6 nexthdr != icmpv6 "];
  const rules = `table netdev ${TABLE} {
    counter answers { }
    counter requests { }
    counter others { }
    chain ingress {
      type filter hook ingress device "${INTERFACE}" priority -500; policy accept;
      ${protocol} saddr ${vip} ${isTraffic}counter name answers accept
      ${protocol} daddr ${vip} ${isTraffic}counter name requests accept
      counter name others
    }
  }`;
  await director.namespace.require("nft", ["-f", "-"], { stdin: rules });
}

/** Reads what {@linkcode countDirectorTraffic} has counted. */
export async function readDirectorCounters(director: LabHost): Promise<DirectorCounters> {
  const text = await director.namespace.require("nft", ["-j", "list", "counters", "table", "netdev", TABLE]);
  const entries: { counter?: { name: string; packets: number; bytes: number } }[] = JSON.parse(text).nftables;
  const traffic = (name: string): Traffic => {
    const { packets, bytes } = entries.find((entry) => entry.counter?.name === name)!.counter!;
    return { frames: packets, bytes: bytes + packets * ETHERNET_HEADER_BYTES };
  };
  return { answers: traffic("answers"), requests: traffic("requests"), others: traffic("others") };
}

/** Reads the byte counters of a host's interface. */
export async function readInterfaceCounters(host: LabHost): Promise<InterfaceCounters> {
  const text = await host.namespace.require("ip", ["-s", "-j", "link", "show", "dev", INTERFACE]);
  const { rx, tx } = JSON.parse(text)[0].stats64;
  return { receivedBytes: rx.bytes, sentBytes: tx.bytes };
}

/** What was counted between two readings. */
export function since(before: DirectorCounters, after: DirectorCounters): DirectorCounters {
  const difference = (a: Traffic, b: Traffic) => ({ frames: b.frames - a.frames, bytes: b.bytes - a.bytes });
  return {
    answers: difference(before.answers, after.answers),
    requests: difference(before.requests, after.requests),
    others: difference(before.others, after.others),
  };
}
