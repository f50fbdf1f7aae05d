/**
 * Verdicts of the audit and of the proof in words an operator understands, each with the command that helps and the host
 * to type it on.
 *
 * @module
 */

import { shellCommand } from "../host/command.ts";
import { type Config, type Method, vipsOf, type VirtualService } from "../model/config.ts";
import { addressBits, endpointText, familyOf, unspecifiedAddress } from "../model/ip_address.ts";
import type { AuditVerdict, ServerAudit } from "../model/status_snapshot.ts";
import type { Usurper } from "./audit.ts";
import type { ProofOutcome } from "./proof.ts";
import { withoutAddresses, withoutPrefix, withoutProxy } from "./watch_commands.ts";

/** What is wrong, and what to do about it. */
export interface Finding {
  /** Address of the host to repair. */
  readonly host: string;
  /** One sentence, without a full stop. */
  readonly problem: string;
  /** What to type on {@linkcode host}. */
  readonly command: string;
}

/**
 * What a finding of the audit or of a proof is about: their own verdicts, or `takes_addresses`, a host that answers for
 * addresses of others; `other_holder`, one that answers for a VIP of the director on this host; and `several_holders`, two
 * that answer for a VIP, of which one may be a director.
 */
export type FindingVerdict =
  | Exclude<AuditVerdict, "hardened">
  | Exclude<ProofOutcome["verdict"], "ok" | "ok_other_mac">
  | "takes_addresses"
  | "other_holder"
  | "several_holders";

/** A finding of the audit or of a proof. */
export interface VerdictFinding extends Finding {
  readonly verdict: FindingVerdict;
}

/** A verdict in a few words, for a table. */
export const PROOF_WORDS: Readonly<Record<ProofOutcome["verdict"], string>> = {
  ok: "ok",
  ok_other_mac: "ok, answered through another MAC",
  not_listening: "application not listening on the VIP",
  rejected: "rejected by a firewall",
  dropped: "dropped by a firewall",
  vip_missing: "VIP missing",
  forwards: "real server forwards instead of owning the VIP",
  wrong_source: "answers from another address",
  leaks: "leak: the VIP is used as sender of questions for addresses",
  source_refused: "real server refuses the probe address",
};

/** The same with what was seen. */
export function outcomeText(outcome: ProofOutcome): string {
  const words = PROOF_WORDS[outcome.verdict];
  switch (outcome.verdict) {
    case "ok_other_mac":
      return `${words} (${outcome.mac})`;
    case "wrong_source":
      return `${words} (${outcome.source})`;
    case "rejected":
      return `${words} (ICMP destination unreachable, code ${outcome.code})`;
    default:
      return words;
  }
}

/** Whether clients are served. */
export function isGood({ verdict }: ProofOutcome): boolean {
  return verdict === "ok" || verdict === "ok_other_mac";
}

/** What addresses of a family are asked for by. */
export function questionWord(address: string): "ARP" | "NDP" {
  return familyOf(address) === 4 ? "ARP" : "NDP";
}

/** The configuration, and the path it was read from. */
export interface ConfigFile {
  readonly config: Config;
  readonly path: string;
}

/**
 * The command that makes a host under `servers` a correct real server: one for all of its VIPs. Where the configured method
 * refuses a host that holds one elsewhere than on lo, or at all, the command takes VIPs off there before.
 */
export function hardenCommand(file: ConfigFile): string {
  const known = hardenCommands.get(file);
  if (known !== undefined) return known;
  const { config, path } = file;
  const harden = shellCommand(["lvsdr", "realserver", "-c", path]);
  const { method } = config.realserver;
  const command = isPicky(method)
    ? `${withoutAddresses(vipsOf(config), method === "loopback")}; ${harden}`
    : harden;
  hardenCommands.set(file, command);
  return command;
}

/** Made once for each file: alarms are put into words several times a second, and it may name a thousand VIPs. */
const hardenCommands = new WeakMap<ConfigFile, string>();

/** Ends sentences whose command is {@linkcode hardenCommand}: what it does besides hardening, if it does anything. */
export function hardenRemark({ config: { realserver: { method } } }: ConfigFile): string {
  return isPicky(method)
    ? `; the command takes the VIPs of the configuration from where method ${method} does not want them, and hardens the host`
    : "";
}

/** Whether a method refuses a host that holds the VIP on an interface that answers for it; the others silence it there. */
function isPicky(method: Method | "auto"): boolean {
  return method === "loopback" || method === "redirect" || method === "route";
}

/** The same for a host that no configuration tells of. */
export function hardenUnlistedCommand(vips: readonly string[]): string {
  return shellCommand(["lvsdr", "realserver", ...vips.flatMap((vip) => ["--vip", vip])]);
}

/** Ends sentences whose command is {@linkcode hardenCommand}. A role that runs has read the file as it was then. */
const RESTART = "; where lvsdr realserver runs already, restart it";

/** What is wrong with a real server's ARP or NDP, or `null`; {@linkcode contestFinding} tells who contests an address. */
export function auditFinding(audit: ServerAudit, file: ConfigFile): VerdictFinding | null {
  const { server, vip, verdict, mac } = audit;
  switch (verdict) {
    case "hardened":
    case "contested":
      return null;
    case "answers":
      return {
        verdict,
        host: server,
        problem:
          `${server} answers ${
            questionWord(vip)
          } for ${vip} (with ${mac}): whoever asks may send the VIP's traffic to it, past ` +
          `the director${hardenRemark(file)}${RESTART}`,
        command: hardenCommand(file),
      };
    case "unreachable":
      return {
        verdict,
        host: server,
        problem:
          `${server} does not answer ${
            questionWord(server)
          } for its own address: it is down, not on this link, ` +
          "or has another address",
        command: "ip -br address; ip -br link",
      };
  }
}

/** What is wrong where several MACs answer for a real server's address. */
export function contestFinding(server: string, macs: readonly string[]): VerdictFinding {
  return {
    verdict: "contested",
    host: server,
    problem:
      `${macs.join(" and ")} answer ${
        questionWord(server)
      } for ${server}: two hosts have that address, or one has two interfaces on this link; it cannot be told which is ` +
      "the real server",
    command: "ip -br address; ip -br link",
  };
}

/**
 * What is wrong with a host that answers for others. It is known by its MAC alone: one that answers for a real server may
 * be another host, while that is down.
 *
 * @param vips VIPs of the family.
 */
export function usurperFinding(
  { mac, usurped, alone, isForEverything }: Usurper,
  vips: readonly string[],
  file: ConfigFile,
): VerdictFinding {
  const [vip] = vips as [string];
  const others = usurped.length === 1 ? "where another real server is" : "where other real servers are";
  const taken = [
    ...(usurped.length === 0 ? [] : [`${usurped.join(", ")}, ${others}`]),
    ...(alone.length === 0 ? [] : [`${alone.join(", ")}, for which nobody else does`]),
    ...(isForEverything ? ["addresses that nobody is known to have"] : []),
  ];
  const causes = [
    `holds a VIP with a prefix shorter than /${addressBits(familyOf(vip))} on lo`,
    "is a proxy",
    ...(usurped.length > 0 || alone.length < 2 || isForEverything
      ? []
      : ["is all of them, and is not hardened"]),
  ];
  return {
    verdict: "takes_addresses",
    host: `the host with MAC ${mac}`,
    problem: `The host with MAC ${mac} answers ${questionWord(vip)} for ${taken.join(", and for ")}: it ${
      causes.join(", or ")
    }, and gets traffic of others${
      alone.length === 0 ? "" : `; it is ${alone.join(" or ")}, unless down${hardenRemark(file)}`
    }`,
    command: [
      ...vips.map(withoutPrefix),
      withoutProxy(vip, mac),
      ...(alone.length === 0 ? [] : [hardenCommand(file)]),
    ].join("; "),
  };
}

/** What is wrong with the way to one port of a real server, or `null`. */
export function proofFinding(
  outcome: ProofOutcome,
  target: { readonly server: string; readonly port: number; readonly probeAddress: string },
  service: VirtualService,
  file: ConfigFile,
): VerdictFinding | null {
  const { server, port, probeAddress } = target;
  const place = endpointText(service.vip, port);
  const localPort = service.servers.find(({ address }) => address === server)?.port ?? port;
  const { verdict } = outcome;
  if (verdict === "ok" || verdict === "ok_other_mac") return null;
  const finding = (problem: string, command: string): VerdictFinding => ({
    verdict,
    host: server,
    problem,
    command,
  });
  const harden = hardenCommand(file);
  switch (outcome.verdict) {
    case "not_listening":
      return finding(
        `${server} has ${service.vip}, but resets connections to port ${port}: no application listens on that address, ` +
          `so let it listen on ${
            endpointText(unspecifiedAddress(familyOf(service.vip)), localPort)
          }; what does listen, and where, is shown by ss, and doctor tells what helps`,
        `ss -Hltnp sport = :${localPort}; ${shellCommand(["lvsdr", "doctor", "-c", file.path])}`,
      );
    case "rejected":
      return finding(
        `${server} rejects connections to ${place} (ICMP destination unreachable, code ${outcome.code}): a firewall ` +
          "has no rule that accepts them, so add one",
        "nft list ruleset",
      );
    case "dropped":
      return finding(
        `${server} answers ping for ${service.vip}, but drops connections to port ${port}: a firewall has no rule that ` +
          "accepts them, so add one",
        "nft list ruleset",
      );
    case "vip_missing":
      return finding(
        `${server} takes packets for ${place} and says nothing: it does not have the VIP, or a firewall drops all ` +
          `that is for it${hardenRemark(file)}${RESTART}`,
        harden,
      );
    case "forwards":
      return finding(
        `${server} does not have ${service.vip} and tries to forward what is for it: clients reach nobody${
          hardenRemark(file)
        }${RESTART}`,
        harden,
      );
    case "wrong_source":
      return finding(
        `${server} answers connections to ${place} from ${outcome.source}: a client does not recognise that as its ` +
          "answer, so remove the rule that rewrites the source",
        "nft list ruleset",
      );
    case "leaks":
      return finding(
        `${server} asks by ${
          questionWord(service.vip)
        } with ${service.vip} as sender: whoever hears it sends the ` +
          `VIP's traffic to this server, past the director${hardenRemark(file)}${RESTART}`,
        harden,
      );
    case "source_refused":
      // Only IPv4 has rp_filter.
      if (familyOf(service.vip) === 6) {
        return finding(
          `${server} refuses packets from ${probeAddress} on this link: a firewall drops them, clients' perhaps as well`,
          "nft list ruleset",
        );
      }
      return finding(
        `${server} refuses packets from ${probeAddress} on this link: its route back leads elsewhere and rp_filter is ` +
          "strict, so that clients are refused as well",
        "sysctl -w net.ipv4.conf.all.rp_filter=2",
      );
  }
}
