/**
 * What has to be repaired, by what `lvsdr verify` has seen.
 *
 * @module
 */

import type { VipHolders } from "./audit.ts";
import {
  auditFinding,
  type ConfigFile,
  contestFinding,
  proofFinding,
  questionWord,
  usurperFinding,
  type VerdictFinding,
} from "./finding.ts";
import type { Look } from "./verify_look.ts";
import { withoutDirector } from "./watch_commands.ts";

/** A director that runs on this host, whose answers are not heard here. */
export interface OwnDirector {
  /** MAC of its interface. */
  readonly mac: string;
  readonly vips: ReadonlySet<string>;
  /** Addresses it makes proofs of its own from. */
  readonly probeAddresses: ReadonlySet<string>;
}

/** One finding for each thing to repair, in the order of what revealed it. */
export function findingsOf(
  looks: readonly Look[],
  file: ConfigFile,
  ownDirector: OwnDirector | null,
): VerdictFinding[] {
  const found = looks.flatMap((seen) => [
    ...findingsOnLink(seen, file, ownDirector),
    ...findingsOnPaths(seen, file),
  ]);
  // The same thing is often seen on several ports.
  return [...new Map(found.map((finding) => [finding.problem, finding])).values()];
}

/** Whether a director on this host has a VIP on the link of a look: then nobody else should. */
export function isOurs({ mac }: Look, vip: string, ownDirector: OwnDirector | null): boolean {
  return ownDirector !== null && ownDirector.mac === mac && ownDirector.vips.has(vip);
}

function findingsOnLink(
  seen: Look,
  file: ConfigFile,
  ownDirector: OwnDirector | null,
): VerdictFinding[] {
  const { audit, vips } = seen;
  const usurpers = audit.usurpers;
  const isNamed = (mac: string | null) => usurpers.some((usurper) => usurper.mac === mac);
  const contests = audit.servers.filter((server) =>
    audit.macOf(server) === null && audit.macsOf(server).length > 0 && !audit.macsOf(server).some(isNamed)
  );
  return [
    ...usurpers.map((usurper) => usurperFinding(usurper, vips, file)),
    ...contests.map((server) => contestFinding(server, audit.macsOf(server))),
    ...audit.verdicts.flatMap((verdict) => isNamed(verdict.mac) ? [] : auditFinding(verdict, file) ?? []),
    ...audit.holders.flatMap(({ vip, macs }) =>
      holdersFindings(
        { vip, macs: macs.filter((mac) => !isNamed(mac)) },
        isOurs(seen, vip, ownDirector),
      )
    ),
  ];
}

/** @param isOurs Whether a director on this host has the VIP. */
function holdersFindings({ vip, macs }: VipHolders, isOurs: boolean): VerdictFinding[] {
  if (isOurs) {
    return macs.map((mac) => ({
      verdict: "other_holder",
      host: `the host with MAC ${mac}`,
      problem:
        `${mac}, no real server, answers ${questionWord(vip)} for ${vip}, which the director on this ` +
        "host has: clients that believe it do not reach the director; give it another VIP, or stop it, as the command does",
      command: withoutDirector(vip, mac),
    }));
  }
  return macs.length < 2 ? [] : [{
    verdict: "several_holders",
    host: `the host with MAC ${macs[1]}`,
    problem: `${macs.join(" and ")}, none of them a real server, answer ${
      questionWord(vip)
    } for ${vip}: only one can be the director`,
    command: "ip -br address; ip -br link",
  }];
}

function findingsOnPaths({ view: { probeAddress }, outcomes }: Look, file: ConfigFile): VerdictFinding[] {
  if (probeAddress === null) return [];
  return [...outcomes].flatMap(([{ service, server, ports }, outcome]) => {
    // The audit has told already that it is unreachable.
    if (outcome.verdict === "unreachable" || outcome.verdict === "not_provable") return [];
    return proofFinding(outcome, { server, port: ports.first, probeAddress }, service, file) ?? [];
  });
}
