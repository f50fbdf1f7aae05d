/**
 * Checks of a director's host and of what a running director says of itself.
 *
 * @module
 */

import { GUARD_FAMILY } from "../../director/guard_ruleset.ts";
import { journalUndoCommand } from "../../host/change_host.ts";
import { installCommand, shellCommand } from "../../host/command.ts";
import { forwardingKey, forwardingSettings, isForwarding } from "../../host/forwarding.ts";
import { type Link, linkHolding, linkOfSubnet } from "../../host/links.ts";
import { type Step, stepSentence } from "../../host/step.ts";
import { sysctlName } from "../../host/sysctl.ts";
import { VLAN_FILTER } from "../../host/vlan_filter.ts";
import { makeVlanCommand } from "../../host/vlan_interface.ts";
import { type AddressFamily, familyOf } from "../../model/ip_address.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { holdersOf, removalCommands } from "../../realserver/address_promotion.ts";
import { BOTH_ROLES, type Check, type Observation } from "./check.ts";
import type { Facts } from "./facts.ts";

/** Share of the connection table from which on it counts as nearly full. */
const NEARLY_FULL = 0.9;
/** Share of frames that may be lost before it is worth a word. */
const WORTH_A_WORD = 1e-4;

export const DIRECTOR_CHECKS: readonly Check[] = [
  {
    id: "director-not-running",
    level: "error",
    roles: ["director"],
    look: ({ director, file, runDir }) =>
      director === null || director.snapshot !== null ? [] : [{
        problem: "No director answers on this host: nobody takes what is for the VIPs",
        evidence: [director.silence ?? `no ${runDir}/director.sock`],
        cause: "it was not started, it ended, it hangs, or it has another run directory (--run-dir)",
        fix: file === null ? null : shellCommand(["lvsdr", "director", "-c", file.path, "--run-dir", runDir]),
        ...(file === null ? { advice: "Start it with: lvsdr director -c FILE" } : {}),
      }],
  },
  {
    id: "director-not-undone",
    level: "warning",
    roles: BOTH_ROLES,
    look: ({ role, directorJournal: journal }) =>
      journal === null || journal.owner !== null || journal.steps.length === 0 ? [] : [{
        // Its rules drop a real server's clients here and now.
        ...(role === "realserver" && journal.steps.some(isGuard) ? { level: "error" } : {}),
        problem: "A director has ended on this host and has not put it back as it was",
        evidence: [`${journal.path}: not undone`, ...journal.steps.map(stepSentence)],
        cause: "it was killed, or could not take its changes back: what keeps the kernel away from VIPs " +
          "stays, on a real server as well, and so does what was switched off of network cards",
        fix: journalUndoCommand(journal.path),
        ...(role === "director"
          ? { advice: "Or start a director with this run directory, which takes it over" }
          : {}),
      }],
  },
  {
    id: "director-is-realserver",
    level: "error",
    roles: ["director"],
    look: ({ director, file, vips, host: { links } }) => {
      const journal = director?.realServerJournal ?? null;
      const servers = (file?.config.services ?? []).flatMap((service) => service.servers);
      const own = [...new Set(servers.map(({ address }) => address))].filter((address) =>
        linkHolding(links, address) !== null
      );
      const cause =
        "the director's kernel is kept away from the VIPs, so that it can serve none of their clients; and a " +
        "director among real servers hands clients to itself";
      return [
        ...own.map((address): Observation => ({
          problem: `This director is listed as real server ${address} of its own services`,
          evidence: [`${file?.path} lists ${address}`, `${address} is this host's (ip address show)`],
          cause,
          fix: null,
          advice: `Remove ${address} from ${file?.path}`,
        })),
        ...(journal === null || journal.steps.length === 0 ? [] : [{
          problem: `This host is made a real server of ${vips.join(", ")} and is their director`,
          evidence: [
            `${journal.path}: ${journal.owner === null ? "not undone" : `held by process ${journal.owner}`}`,
          ],
          cause,
          fix: journal.owner === null ? journalUndoCommand(journal.path) : `kill ${journal.owner}`,
        }]),
      ];
    },
  },
  {
    id: "kernel-unguarded",
    level: "error",
    roles: ["director"],
    look: (facts) => {
      const { director, vips } = facts;
      if (director === null || director.snapshot === null) return [];
      const unguarded = vips.filter((vip) => !director.guarded?.has(vip));
      const interferences = unguarded.length === 0 ? [] : interferencesOf(facts, unguarded);
      if (interferences.length === 0) return [];
      return [{
        problem: `This host's kernel handles what is for ${
          unguarded.join(", ")
        } as well as the director does`,
        evidence: [
          director.guarded === null
            ? "nft is not installed"
            : `no rule for ${unguarded.join(", ")} on ${director.device} (nft list tables netdev)`,
          ...interferences.flatMap(({ evidence }) => evidence),
        ],
        cause:
          "it forwards, redirects or resets clients' connections, or answers ARP for the VIP; the director's rules " +
          "that keep it out are gone, or were not needed when it started: a restart makes them anew where nft is installed",
        fix: interferences.flatMap(({ fix }) => fix).join("\n"),
      }];
    },
  },
  {
    id: "vlan-filter",
    level: "error",
    roles: ["director"],
    look: live((_, { director, host: { links } }) =>
      director!.filteringCards.map(({ name, isFixed, missing }) => ({
        problem: `${name} lets no frames of VLAN ${
          missing.join(", ")
        } in, where the director has VIPs or real servers`,
        evidence: [`${VLAN_FILTER}: on${isFixed ? " [fixed]" : ""} (ethtool -k ${name})`],
        cause:
          "the director switches the filter off when it starts: since then it was switched on, or the card was added",
        fix: isFixed
          ? missing.map((vlan) => makeVlanCommand(director!.device!, vlan, links)).join("\n")
          : shellCommand(["ethtool", "-K", name, VLAN_FILTER, "off"]),
      }))
    ),
  },
  {
    id: "nft-missing",
    level: "warning",
    roles: ["director"],
    look: ({ director }) =>
      director === null || director.guarded !== null ? [] : [{
        problem:
          "nft is not installed: nothing keeps this host's kernel away from the VIPs if it starts to forward",
        evidence: ["no nft in PATH, /usr/sbin, /usr/bin, /sbin or /bin"],
        cause: "a container runtime, for example, switches forwarding on",
        fix: installCommand(["nft"]),
        advice: "Then restart the director",
      }],
  },
  {
    id: "capture-drops",
    level: "warning",
    roles: ["director"],
    look: live(({ datapath }) => {
      const frames = datapath.workers.reduce((sum, worker) => sum + worker.frames, 0);
      if (datapath.captureDrops <= frames * WORTH_A_WORD) return [];
      return [{
        problem: "The director loses frames: they come faster than it takes them",
        evidence: [`${datapath.captureDrops} dropped by the kernel, ${frames} received since it started`],
        cause: "its workers have too little processor time, or are too few",
        fix: null,
        advice:
          `Raise director.workers (now ${datapath.workers.length}), or bind them with director.cpus, and restart it`,
      }];
    }),
  },
  {
    id: "transmit-errors",
    level: "warning",
    roles: ["director"],
    look: live(({ datapath }) => {
      const frames = datapath.workers.reduce((sum, worker) => sum + worker.frames, 0);
      if (datapath.transmitErrors <= frames * WORTH_A_WORD) return [];
      return [{
        problem: `Frames are lost on their way out: ${datapath.interface.name} did not take them`,
        evidence: [`${datapath.transmitErrors} transmit errors, ${frames} frames received since it started`],
        cause: "the interface was down, or its queue was full",
        fix: null,
        advice: `See where they are lost: ip -s link show ${datapath.interface.name}; tc -s qdisc show dev ` +
          `${datapath.interface.name}; the count starts anew with the director`,
      }];
    }),
  },
  {
    id: "mtu",
    level: "warning",
    roles: ["director"],
    look: live(({ datapath, verdicts }) => {
      const frames = verdicts.find(({ name }) => name === "dropped_oversized")?.frames ?? 0;
      return frames === 0 ? [] : [{
        problem:
          `Frames came that are larger than the MTU of ${datapath.interface.name}, and could not be passed on`,
        evidence: [
          `dropped_oversized = ${frames}`,
          `mtu ${datapath.interface.mtu} of ${datapath.interface.name}`,
        ],
        cause:
          "hosts of one link must have one MTU: a client or router sends larger frames than the director may",
        fix: null,
        advice:
          `Give ${datapath.interface.name} the MTU of the link's other hosts: ip link set ${datapath.interface.name} mtu N`,
      }];
    }),
  },
  {
    id: "table-full",
    level: "warning",
    roles: ["director"],
    look: live(({ connectionTable: { used, capacity }, verdicts }) => {
      const refused = verdicts.find(({ name }) => name === "dropped_table_full")?.frames ?? 0;
      if (used < capacity * NEARLY_FULL) return [];
      return [{
        problem: "The connection table is nearly full: soon new clients are dropped",
        evidence: [`${used} of ${capacity} entries`, `dropped_table_full = ${refused}`],
        cause:
          "there are more connections than director.max_connections allows for, or timeouts are too long",
        fix: null,
        advice: "Raise director.max_connections and restart the director: connections go on",
      }];
    }),
  },
  {
    id: "routed-clients",
    level: "note",
    roles: ["director"],
    look: live((_, { director, vips, host: { links, sysctls } }) => {
      const families = [...new Set(vips.map(familyOf))];
      const ways = links.filter(({ isUp, hasArp, name }) => isUp && hasArp && name !== director!.device)
        // One that has a VIP's subnet is in its VLAN, whose frames the director takes.
        .filter((link) => vips.every((vip) => linkOfSubnet([link], vip) === null))
        .flatMap((link) =>
          families.filter((family) => hasAddress(link, family) && isForwarding(sysctls, family, link.name))
            .map((family) => ({ name: link.name, key: forwardingKey(sysctls, family, link.name) }))
        );
      return ways.length === 0 ? [] : [{
        problem: `Hosts behind this one's other interfaces cannot reach ${vips.join(", ")} through it`,
        evidence: [
          ...new Set(ways.map(({ key }) => `${sysctlName(key)} = ${sysctls.get(key)}`)),
          ...new Set(ways.map(({ name }) => `${name} is up and has an address (ip address show)`)),
        ],
        cause:
          "what this host's kernel routes to a VIP does not come in where the director takes it; another router can",
        fix: null,
      }];
    }),
  },
];

/** A look at a running director; nothing if none runs. */
export function live(
  look: (snapshot: StatusSnapshot, facts: Facts) => readonly Observation[],
): Check["look"] {
  return (facts) => {
    const snapshot = facts.director?.snapshot ?? null;
    return snapshot === null ? [] : look(snapshot, facts);
  };
}

function isGuard(step: Step): boolean {
  return step.kind === "nftTable" && step.family === GUARD_FAMILY;
}

interface Interference {
  readonly evidence: readonly string[];
  readonly fix: readonly string[];
}

/** What makes the kernel handle packets for VIPs that nothing keeps it away from. */
function interferencesOf(
  { director, host: { links, sysctls } }: Facts,
  vips: readonly string[],
): Interference[] {
  const families = [...new Set(vips.map(familyOf))];
  const keys = families.flatMap((family) => forwardingSettings(sysctls, family, director?.device ?? null));
  return [
    ...keys.map((key) => ({
      evidence: [`${sysctlName(key)} = ${sysctls.get(key)}`],
      fix: [`sysctl -w ${sysctlName(key)}=0`],
    })),
    ...vips.map((vip) => {
      const holders = holdersOf(vip, links);
      return {
        evidence: holders.map(({ link, prefixLength }) =>
          `${vip}/${prefixLength} on ${link.name} (ip address show)`
        ),
        fix: removalCommands(vip, holders),
      };
    }).filter(({ fix }) => fix.length > 0),
  ];
}

/** Whether an interface has an address that others can know. */
function hasAddress({ addresses, ipv6Addresses }: Link, family: AddressFamily): boolean {
  return (family === 4 ? addresses : ipv6Addresses).some(({ scope }) => scope === "global");
}
