/**
 * Checks of what becomes of a real server's hardening when the host boots, an interface comes up, or time passes.
 *
 * @module
 */

import { shellCommand } from "../../host/command.ts";
import { sysctlName } from "../../host/sysctl.ts";
import { deviceSysctl } from "../../realserver/host_state.ts";
import { ARP_RULES } from "../../realserver/methods/arp_hardening.ts";
import type { FileSetting } from "../../realserver/sysctl_files.ts";
import { hasVip } from "./audit_checks.ts";
import type { Check } from "./check.ts";
import type { Facts, RealServerFacts } from "./facts.ts";
import { holdCommand } from "./hold_command.ts";
import { redirectRemedy } from "./redirect_remedy.ts";
import { vipsOfSteps } from "./role_journal.ts";

/** Share of the connection tracking table from which on it counts as nearly full. */
const NEARLY_FULL = 0.8;
const CONNTRACK_COUNT = "net/netfilter/nf_conntrack_count";
const CONNTRACK_MAX = "net/netfilter/nf_conntrack_max";

export const BOOT_CHECKS: readonly Check[] = [
  {
    id: "not-held",
    level: "warning",
    roles: ["realserver"],
    look: (facts) => {
      const { realServer } = facts;
      if (realServer === null || realServer.journal?.owner != null) return [];
      const held = realServer.targets.filter((target) => hasVip(facts, target)).map(({ vip }) => vip);
      const { problem, cause, isLost } = fateOf(realServer, held);
      if (held.length === 0 || (!isLost && isPersistent(facts))) return [];
      // What the one finding starts, the other must not start otherwise.
      const isHeldSoon = redirectRemedy(facts)?.commands != null;
      const fix = isHeldSoon ? null : holdCommand(facts, null);
      const advice = isHeldSoon
        ? "The commands of app-not-listening mend this as well: the last of them holds this host"
        : "Start lvsdr realserver with the cluster's configuration: -c FILE";
      return [{ problem, evidence: [journalText(facts)], cause, fix, ...(fix === null ? { advice } : {}) }];
    },
  },
  {
    id: "sysctl-file",
    level: "warning",
    roles: ["realserver"],
    look: ({ realServer, host: { sysctlFiles } }) => {
      if (realServer === null || !["loopback", "route"].includes(realServer.method)) return [];
      // Of one that several files set, which is loaded last differs between distributions.
      const isUndone = (key: string) => sysctlFiles.some((other) => other.key === key && !isBad(other));
      const bad = sysctlFiles.filter((setting) => isBad(setting) && !isUndone(setting.key));
      return bad.map(({ key, value, path }) => ({
        problem: `${path} takes the hardening of this host back at boot, and with "sysctl --system"`,
        evidence: [`${path} sets ${sysctlName(key)} = ${value}`],
        cause: "until somebody sets it again, the host answers for its VIPs",
        fix: shellCommand(["sed", "-i", `s,^[[:space:]]*-*${keyPattern(key)}[[:space:]]*=,#&,`, path]),
      }));
    },
  },
  {
    id: "announce-script",
    level: "warning",
    roles: ["realserver"],
    look: ({ vips, host: { announcers, announced } }) => {
      const cause =
        "a gratuitous ARP packet for a VIP makes the whole link send the VIP's traffic to this host";
      const named = vips.flatMap((vip) =>
        announced.filter(({ text }) => /=["']?([^\s"'#]+)/.exec(text)?.[1] === vip).map((line) => ({
          vip,
          ...line,
        }))
      );
      return [
        ...announcers.map(({ path, text }) => ({
          problem: `${path} announces addresses when an interface comes up, and may announce ${
            vips.join(", ")
          }`,
          evidence: [`${path}: ${text}`],
          cause,
          fix: shellCommand(["chmod", "a-x", path]),
        })),
        ...named.map(({ vip, path, text }) => ({
          problem: `${vip} is announced whenever its interface comes up: ${path} gives it to the interface`,
          evidence: [`${path}: ${text}`],
          cause,
          fix: null,
          advice:
            `Add the line ARPUPDATE=no to ${path}, which the network scripts know from 2017 on, or take ` +
            "the VIP out of it: lvsdr realserver gives it to the host",
        })),
      ];
    },
  },
  {
    id: "conntrack-full",
    level: "warning",
    roles: ["realserver"],
    look: ({ realServer, host: { sysctls } }) => {
      const count = Number(sysctls.get(CONNTRACK_COUNT) ?? "0");
      const most = Number(sysctls.get(CONNTRACK_MAX) ?? "0");
      if (realServer?.method !== "redirect" || most === 0 || count < most * NEARLY_FULL) return [];
      return [{
        problem: "Connection tracking is nearly full: soon new clients are dropped",
        evidence: [CONNTRACK_COUNT, CONNTRACK_MAX].map((key) => `${sysctlName(key)} = ${sysctls.get(key)}`),
        cause: "method redirect tracks every connection",
        fix: `sysctl -w ${sysctlName(CONNTRACK_MAX)}=${most * 2}`,
      }];
    },
  },
];

/** What becomes of a host that nobody holds. */
interface Fate {
  readonly problem: string;
  readonly cause: string;
  /** Whether a boot takes the VIPs away. */
  readonly isLost: boolean;
}

function fateOf({ method, journal }: RealServerFacts, held: readonly string[]): Fate {
  const vips = held.join(", ");
  if (method === "redirect") {
    return {
      problem: `After a boot, or when its rules are flushed, this host drops what is for ${vips}`,
      cause:
        "method redirect is rules and nothing else, which nobody loads again: the host stays silent, and the " +
        "clients that the director sends here reach nobody",
      isLost: true,
    };
  }
  const made = vipsOfSteps(journal?.steps ?? []);
  const event = ["nft", "arptables"].includes(method)
    ? "when its rules are flushed"
    : "when a setting is reset";
  const lost = held.filter((vip) => made.includes(vip));
  if (lost.length > 0) {
    return {
      problem:
        `After a boot this host drops what is for ${
          lost.join(", ")
        }; until then nothing keeps it silent about ` +
        `${vips} ${event}`,
      cause:
        "what lvsdr realserver sets ends with the boot, and nobody watches it: the clients that the director " +
        "sends here reach nobody, or this host takes all of them",
      isLost: true,
    };
  }
  return {
    problem: `Nothing keeps this host silent about ${vips} after a boot, or ${event}`,
    cause:
      "a network that comes up before the settings do makes the router learn this host's MAC for the VIP",
    isLost: false,
  };
}

/** Whether a setting takes back what is set for all interfaces; what one interface has counts only if it is larger. */
function isBad({ key, value }: FileSetting): boolean {
  const rule = ARP_RULES.find(({ name }) => deviceSysctl("all", name) === key);
  return rule !== undefined && !rule.good.includes(Number(value));
}

/** Whether files set at every boot what the method needs. */
function isPersistent({ realServer, host: { sysctlFiles } }: Facts): boolean {
  if (realServer === null || !["loopback", "route"].includes(realServer.method)) return false;
  return ARP_RULES.every(({ name }) => {
    const set = sysctlFiles.filter(({ key }) => key === deviceSysctl("all", name));
    return set.length > 0 && !set.some(isBad);
  });
}

function journalText({ realServer }: Facts): string {
  const journal = realServer?.journal ?? null;
  if (journal === null) return "no lvsdr realserver has changed this host since it booted";
  return journal.isKept
    ? `${journal.path}: applied by lvsdr realserver --once, held by nobody`
    : `${journal.path}: the lvsdr realserver that made it has ended without undoing it`;
}

/** A basic regular expression for the two ways sysctl.d(5) writes a variable. */
function keyPattern(key: string): string {
  return key.replaceAll(".", "\\.").replaceAll("/", "[./]");
}
