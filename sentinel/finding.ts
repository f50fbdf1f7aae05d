/**
 * Verdicts of the audit and of the proof in words an operator understands, each with the command that helps and the host
 * to type it on.
 *
 * @module
 */

import type { Config, VirtualService } from "../model/config.ts";
import { familyOf } from "../model/ip_address.ts";
import type { ServerAudit } from "../model/status_snapshot.ts";
import type { ProofOutcome } from "./proof.ts";

/** What is wrong, and what to do about it. */
export interface Finding {
  /** Address of the host to repair. */
  readonly host: string;
  /** One sentence, without a full stop. */
  readonly problem: string;
  /** What to type on {@linkcode host}. */
  readonly command: string;
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

/** `192.0.2.10:80`, `[2001:db8::10]:80` (RFC 3986 §3.2.2). */
export function placeText(address: string, ports: number | string): string {
  return familyOf(address) === 4 ? `${address}:${ports}` : `[${address}]:${ports}`;
}

/** The configuration, and the path it was read from. */
export interface ConfigFile {
  readonly config: Config;
  readonly path: string;
}

/** The command that makes a host a correct real server for a VIP. */
export function hardenCommand({ config, path }: ConfigFile, vip: string): string {
  const { method } = config.realserver;
  // Ports, and what they are translated to, are too much for a command line.
  if (method === "redirect") return `lvsdr realserver -c ${shellWord(path)}`;
  return `lvsdr realserver --vip ${vip}${method === "auto" ? "" : ` --method ${method}`}`;
}

function shellWord(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** What is wrong with a real server's ARP or NDP, or `null`. */
export function auditFinding(audit: ServerAudit, file: ConfigFile): Finding | null {
  const { server, vip, verdict, mac } = audit;
  switch (verdict) {
    case "hardened":
      return null;
    case "answers":
      return {
        host: server,
        problem:
          `${server} answers ${
            questionWord(vip)
          } for ${vip} (with ${mac}): whoever asks may send the VIP's traffic to it, past ` +
          "the director",
        command: hardenCommand(file, vip),
      };
    case "unreachable":
      return {
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

/** What is wrong with the way to one port of a real server, or `null`. */
export function proofFinding(
  outcome: ProofOutcome,
  target: { readonly server: string; readonly port: number; readonly probeAddress: string },
  service: VirtualService,
  file: ConfigFile,
): Finding | null {
  const { server, port, probeAddress } = target;
  const place = placeText(service.vip, port);
  const localPort = service.servers.find(({ address }) => address === server)?.port ?? port;
  const finding = (problem: string, command: string): Finding => ({ host: server, problem, command });
  const harden = hardenCommand(file, service.vip);
  switch (outcome.verdict) {
    case "ok":
    case "ok_other_mac":
      return null;
    case "not_listening":
      return finding(
        `${server} has ${service.vip}, but resets connections to port ${port}: no application listens on that address, ` +
          `so let it listen on ${placeText(anyAddress(service.vip), localPort)}, and see what does listen`,
        `ss -Hltnp sport = :${localPort}`,
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
          "that is for it",
        harden,
      );
    case "forwards":
      return finding(
        `${server} does not have ${service.vip} and tries to forward what is for it: clients reach nobody`,
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
          "VIP's traffic to this server, past the director",
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

/** The address a program listens on to be reached at all that a host has. */
function anyAddress(vip: string): string {
  return familyOf(vip) === 4 ? "0.0.0.0" : "::";
}
