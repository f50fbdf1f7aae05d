/**
 * Interfaces of a real server whose strict reverse path filter drops a part of the clients: those that a route narrower
 * than the default one would answer through another interface.
 *
 * The kernel is asked for each of its routes as the filter asks it, with the VIP as source, so that routing rules,
 * metrics and still narrower routes count as they do there (Documentation/networking/ip-sysctl.rst, RFC 3704 §2.2).
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { requireCommand, runCommand } from "../../host/command.ts";
import type { SysctlKey } from "../../host/sysctl.ts";
import type { Method } from "../../model/config.ts";
import { familyOf, ipv4FromText, ipv4ToText } from "../../model/ip_address.ts";
import { isStrict } from "../../realserver/methods/reverse_path.ts";
import type { Requirement } from "../../realserver/requirement.ts";
import type { Target } from "../../realserver/target.ts";
import { readReversePathDrops } from "./reverse_path_drops.ts";

/** Time between two readings of the counter: who is dropped comes again within it, if there are a few clients. */
const WATCH_MS = 1_000;

/** A route by which clients would be answered. */
export interface RouteElsewhere {
  /** Whose addresses clients have, for example `198.51.100.0/24`. */
  readonly prefix: string;
  /** Interface that their answers would leave by. */
  readonly device: string;
}

/** An interface of the cluster that drops clients' packets for the sake of at least one route. */
export interface StrictInterface {
  readonly device: string;
  readonly routes: readonly RouteElsewhere[];
  /** Packets that the filter of any interface has dropped since boot, and how many it were a second later. */
  readonly drops: readonly [earlier: number, later: number];
}

/** What is known of a real server so far. */
export interface RealServerLook {
  readonly targets: readonly Target[];
  readonly method: Method;
  readonly requirements: readonly Requirement[];
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
}

/** A route as ip(8) prints it. */
interface RouteJson {
  readonly type?: string;
  readonly dst?: string;
  readonly dev?: string;
  readonly nexthops?: readonly { readonly dev?: string }[];
}

/** An interface as `ip -json -details address show` prints it. */
interface LinkJson {
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly family?: string }[];
}

/** Finds them. Takes a second where there is one, to see whether packets are being dropped. */
export async function readStrictInterfaces(look: RealServerLook): Promise<StrictInterface[]> {
  const sources = strictSources(look);
  if (sources.size === 0) return [];
  const table = await requireCommand("ip", ["-json", "-4", "route", "show", "table", "all"]);
  const inner = parseInnerLinks(await requireCommand("ip", ["-json", "-details", "address", "show"]));
  const found: Omit<StrictInterface, "drops">[] = [];
  for (const [device, addresses] of sources) {
    const samples = sampleAddresses(table, device, inner);
    const lines = addresses.flatMap((source) =>
      samples.map((sample) => `route get fibmatch ${sample} from ${source}\n`)
    );
    // The exit code is that of the worst line: an address without a route is no failure of the others.
    const { stdout } = await runCommand("ip", ["-json", "-force", "-batch", "-"], lines.join(""));
    const routes = routesElsewhere(stdout, device, inner);
    if (routes.length > 0) found.push({ device, routes });
  }
  if (found.length === 0) return [];
  const earlier = await readReversePathDrops();
  await delay(WATCH_MS);
  const later = await readReversePathDrops();
  return found.map((one) => ({ ...one, drops: [earlier, later] }));
}

/**
 * Addresses that clients' packets are for when the filter looks at them, by interface. One whose filter must not be
 * strict anyway is left to the audit.
 */
function strictSources({ targets, method, requirements, sysctls }: RealServerLook): Map<string, string[]> {
  const wrong = new Set(requirements.filter(({ holds }) => !holds).map(({ fact }) => fact));
  const sources = new Map<string, string[]>();
  for (const { vip, realServerAddress, device } of targets) {
    if (familyOf(vip) !== 4 || !isStrict(sysctls, device) || wrong.has(`rp_filter on ${device}`)) continue;
    // Redirect has given packets another destination before the filter looks.
    const source = method === "redirect" ? realServerAddress : vip;
    if (source !== null) sources.set(device, [...new Set([...(sources.get(device) ?? []), source])]);
  }
  return sources;
}

/**
 * Addresses to ask the kernel for: some of each prefix that a route leads elsewhere.
 *
 * @param table Output of `ip -json -4 route show table all`.
 * @param inner See {@linkcode parseInnerLinks}.
 */
export function sampleAddresses(table: string, device: string, inner: ReadonlySet<string>): string[] {
  const routes = JSON.parse(table || "[]") as readonly RouteJson[];
  return [...new Set(routes.filter((route) => leadsElsewhere(route, device, inner)).map(({ dst }) => dst!))]
    .flatMap((prefix) => {
      const [network, length = "32"] = prefix.split("/");
      const size = 2 ** (32 - Number(length));
      // One of them may be an address of this host, or in a narrower prefix.
      const offsets = size <= 2 ? [0, size - 1] : [1, size / 2, size - 2];
      return [...new Set(offsets)].map((offset) => ipv4ToText(ipv4FromText(network!) + offset));
    });
}

/** Routes that lead elsewhere among the answers to lines of `route get fibmatch`: one JSON array a line. */
export function routesElsewhere(
  answers: string,
  device: string,
  inner: ReadonlySet<string>,
): RouteElsewhere[] {
  const routes = answers.split("\n").filter((line) => line.startsWith("["))
    .flatMap((line) => JSON.parse(line) as readonly RouteJson[])
    .filter((route) => leadsElsewhere(route, device, inner))
    .map((route): RouteElsewhere => ({
      prefix: route.dst!.includes("/") ? route.dst! : `${route.dst}/32`,
      device: devicesOf(route).join(", "),
    }));
  return [...new Map(routes.map((route) => [`${route.prefix} ${route.device}`, route])).values()];
}

/** The default route is the audit's, and with several next hops the filter is content with any of them. */
function leadsElsewhere(route: RouteJson, device: string, inner: ReadonlySet<string>): boolean {
  const devices = devicesOf(route);
  return (route.type ?? "unicast") === "unicast" && route.dst !== undefined && route.dst !== "default" &&
    devices.length > 0 && !devices.includes(device) && !devices.every((name) => inner.has(name));
}

function devicesOf({ dev, nexthops = [] }: RouteJson): string[] {
  const hops = nexthops.flatMap((hop) => hop.dev ?? []);
  return [...new Set(dev === undefined ? hops : [dev])];
}

/**
 * Interfaces that lead to no other host, from the output of `ip -json -details address show`: the loopback interface and
 * dummies, and the networks of containers and virtual machines, which are bridges with no port to the outside and
 * cables without an address of their own. Clients behind them do not come through a director.
 */
export function parseInnerLinks(json: string): Set<string> {
  const links = JSON.parse(json || "[]") as readonly LinkJson[];
  const isCable = ({ linkinfo }: LinkJson) => ["veth", "tun"].includes(linkinfo?.info_kind ?? "");
  const isInner = (link: LinkJson): boolean => {
    switch (link.linkinfo?.info_kind) {
      case "dummy":
        return true;
      case "bridge":
        return links.filter(({ master }) => master === link.ifname).every(isCable);
      case "veth":
        return !(link.addr_info ?? []).some(({ family }) => family === "inet");
      default:
        return (link.flags ?? []).includes("LOOPBACK");
    }
  };
  return new Set(links.filter(isInner).flatMap(({ ifname }) => ifname ?? []));
}
