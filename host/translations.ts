/**
 * Rules of packet filters that give packets another destination, and which packets they take: data, whichever program
 * lists them.
 *
 * @module
 */

import type { PortRange, Protocol } from "../model/config.ts";
import { addressBits, addressWords, familyOf, isInPrefix } from "../model/ip_address.ts";

/** What a condition is about; `other` is what cannot be told from the rules alone. */
export type ConditionField =
  | "family"
  | "protocol"
  | "port"
  | "destination"
  | "source"
  | "device"
  | "destination type"
  | "connection state"
  | "other";

/** A condition that packets must meet: one of the values, or none of them. */
export interface Condition {
  readonly field: ConditionField;
  readonly values: readonly string[];
  readonly isNot: boolean;
}

/** A rule that gives packets another destination. */
export interface Translation {
  /** Its own conditions and those of the rules that lead to it, all of which have to be met. */
  readonly conditions: readonly Condition[];
  /** Of each rule before it that ends the way to it, the conditions of which all have to be met for that. */
  readonly exemptions: readonly (readonly Condition[])[];
}

/** How a walk through the chains of rules has come to one of them. */
export interface Passage {
  readonly conditions: readonly Condition[];
  /** Names of the chains that lead to it. */
  readonly path: readonly string[];
  /** Conditions of rules in those chains after which a packet does not come to it. */
  readonly exemptions: readonly (readonly Condition[])[];
  /** Those after which a packet comes to no further rule of the walk; it grows on the way. */
  readonly ends: (readonly Condition[])[];
}

/** Packets of clients that arrive at this host. */
export interface Traffic {
  readonly protocol: Protocol;
  /** The canonical address they are for. */
  readonly address: string;
  readonly ports: PortRange;
  /** Interface they arrive on. */
  readonly device: string;
  /** Whether the address is one of this host's own. */
  readonly isOwn: boolean;
}

/** How much of some traffic a rule takes; `perhaps` where that cannot be told. */
export type Share = "all" | "of some clients" | "perhaps" | "none";

/** A condition that cannot be told from the rules. */
export const OTHER_CONDITION: Condition = { field: "other", values: [], isNot: false };

const PROTOCOL_NUMBERS: Readonly<Record<Protocol, string>> = { tcp: "6", udp: "17" };

/** How much of some traffic a rule takes; of several ports, a part of them is enough. */
export function shareOf({ conditions, exemptions }: Translation, traffic: Traffic): Share {
  const answers = conditions.map((condition) => isMet(condition, traffic));
  if (answers.includes(false)) return "none";
  // What is exempted may be all of it, or the packets of some clients.
  const mayBeExempted = exemptions.some((exemption) =>
    exemption.every((condition) => isMet(condition, traffic) !== false)
  );
  if (answers.includes(null) || mayBeExempted) return "perhaps";
  return conditions.some(({ field }) => field === "source") ? "of some clients" : "all";
}

/** Whether the traffic meets a condition, whatever clients it is of; `null` if that cannot be told. */
function isMet({ field, values, isNot }: Condition, traffic: Traffic): boolean | null {
  const isOneOf = (is: (value: string) => boolean) => values.some(is) !== isNot;
  switch (field) {
    case "family":
      return isOneOf((family) => family === `ipv${familyOf(traffic.address)}`);
    case "protocol":
      return isOneOf((name) => [traffic.protocol, PROTOCOL_NUMBERS[traffic.protocol], "all"].includes(name));
    case "port":
      return isPortMet({ values, isNot }, traffic.ports);
    case "destination": {
      const answers = values.map((place) => isWithin(traffic.address, place));
      return answers.includes(true) ? !isNot : answers.includes(null) ? null : isNot;
    }
    case "source":
      return true;
    case "device":
      return isOneOf((name) => isNamed(traffic.device, name));
    case "destination type":
      return isOneOf((type) => type.toLowerCase() === (traffic.isOwn ? "local" : "unicast"));
    case "connection state":
      // Only the first packet of a connection is ever shown to a rule that translates.
      return isOneOf((state) => state.toLowerCase() === "new");
    case "other":
      return null;
  }
}

function isPortMet(
  { values, isNot }: Pick<Condition, "values" | "isNot">,
  ports: PortRange,
): boolean | null {
  const ranges = values.map(rangeOf);
  if (ranges.includes(null)) return null;
  const known = ranges.filter((range) => range !== null);
  return isNot
    ? !known.some(({ first, last }) => first <= ports.first && ports.last <= last)
    : known.some(({ first, last }) => first <= ports.last && ports.first <= last);
}

/** `80`, `8000-8003` and `8000:8003`. */
function rangeOf(text: string): PortRange | null {
  const [, first, last = first] = /^(\d+)(?:[-:](\d+))?$/.exec(text) ?? [];
  return first === undefined ? null : { first: Number(first), last: Number(last) };
}

/** Whether a canonical address is another, in a prefix, or in a range of addresses; `null` of anything else. */
function isWithin(address: string, place: string): boolean | null {
  const [first = "", last] = place.split("-");
  if (!/^[\da-f.:]+(\/\d+)?$/.test(first)) return null;
  if (last === undefined) {
    const [network = "", length = addressBits(familyOf(network))] = place.split("/");
    return isInPrefix(address, network, Number(length));
  }
  if (familyOf(first) !== familyOf(address)) return false;
  return isNotAfter(first, address) && isNotAfter(address, last);
}

function isNotAfter(one: string, other: string): boolean {
  const words = addressWords(other);
  const difference = addressWords(one).map((word, i) => word - words[i]!).find((word) => word !== 0) ?? 0;
  return difference <= 0;
}

/** Whether an interface has a name, in which a last `*` (nft) or `+` (iptables) stands for any rest. */
function isNamed(device: string, name: string): boolean {
  return /[*+]$/.test(name) ? device.startsWith(name.slice(0, -1)) : device === name;
}
