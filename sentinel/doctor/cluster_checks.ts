/**
 * Checks of the cluster as its director sees it: who else has a VIP, which real servers are exposed or out, what the
 * configuration gives away.
 *
 * @module
 */

import { shellCommand } from "../../host/command.ts";
import type { VirtualService } from "../../model/config.ts";
import type { RealServerStatus, StatusSnapshot } from "../../model/status_snapshot.ts";
import { countUsable } from "../../status/assessment.ts";
import { type ConfigFile, hardenCommand, hardenUnlistedCommand, questionWord } from "../finding.ts";
import type { Check } from "./check.ts";
import { live } from "./director_checks.ts";
import type { Facts } from "./facts.ts";

export const CLUSTER_CHECKS: readonly Check[] = [
  {
    id: "wire-alarm",
    level: "error",
    roles: ["director"],
    look: live(({ alarms }) =>
      alarms.map(({ name, vip, mac, sentence, host, command, count, lastSeen }) => ({
        problem: sentence,
        evidence: [`alarm ${name} for ${vip}: ${mac}, ${count} packets, last at ${lastSeen}`],
        cause: "clients and routers send the VIP's traffic to whoever they heard last",
        host,
        fix: command,
      }))
    ),
  },
  {
    id: "realserver-exposed",
    level: "error",
    roles: ["director"],
    look: live((snapshot, { file }) =>
      eachServer(snapshot, ({ audit }) => audit?.verdict === "answers").map(({ server, vips }) => ({
        problem: `Real server ${server.address} answers ${questionWord(server.address)} for a VIP it serves`,
        evidence: [`audit of ${vips.join(", ")} at ${server.audit?.at}: answers, with ${server.mac}`],
        cause: "whoever asks may send the VIP's traffic to it, past the director",
        host: server.address,
        fix: hardenServer(snapshot, server, file),
      }))
    ),
  },
  {
    id: "service-unserved",
    level: "error",
    roles: ["director"],
    look: live(({ services }, facts) =>
      services.filter((service) => countUsable(service) === 0).map((service) => ({
        problem: `Service ${service.name} has no usable real server: its clients are refused`,
        evidence: service.servers.map(({ address, state, weight }) =>
          `${address} is ${state}, weight ${weight}`
        ),
        cause: "all are down, unresolved, quarantined, full or quiesced; their own findings say which",
        fix: verifyCommand(facts, service.name),
      }))
    ),
  },
  {
    id: "realserver-unresolved",
    level: "warning",
    roles: ["director"],
    look: live((snapshot) =>
      eachServer(snapshot, ({ state }) => state === "unresolved").map(({ server }) => ({
        problem: `Nobody answers ${questionWord(server.address)} for real server ${server.address}`,
        evidence: [
          `${server.address} is unresolved, dropped_unresolved = ${frames(snapshot, "dropped_unresolved")}`,
        ],
        cause: "it is off, not on this link, in another VLAN, or has another address",
        host: server.address,
        fix: "ip -br link; ip -br address",
        advice: "Bring its interface up, or correct the address in the configuration",
      }))
    ),
  },
  {
    id: "realserver-down",
    level: "warning",
    roles: ["director"],
    look: live((snapshot, facts) =>
      eachServer(snapshot, ({ state }) => state === "down").map(({ server, services }) => ({
        problem: `Real server ${server.address} of ${services.join(", ")} is down`,
        evidence: [`last check: ${server.lastCheck?.message ?? "none yet"}`],
        cause: "its health check fails; lvsdr doctor on that host may know why",
        fix: verifyCommand(facts, services[0]!),
      }))
    ),
  },
  {
    id: "realserver-quarantined",
    level: "warning",
    roles: ["director"],
    look: live((snapshot, { file }) =>
      eachServer(snapshot, ({ state }) => state === "quarantined").map(({ server }) => ({
        problem: `Real server ${server.address} is in quarantine and gets no new connections`,
        evidence: [`${server.address} is quarantined (director.quarantine)`],
        cause: "it took a VIP for itself",
        host: server.address,
        fix: hardenServer(snapshot, server, file),
      }))
    ),
  },
  {
    id: "config-refused",
    level: "warning",
    roles: ["director"],
    look: live(({ events }, { file }) => {
      const last = events.find(({ name }) => name.startsWith("config."));
      return last?.name !== "config.refused" ? [] : [{
        problem: "The director does not run with the configuration that is on the disk",
        evidence: [`${last.at} config.refused: ${last.message}`],
        cause: "its last reload failed, and it goes on with the configuration before",
        fix: file === null ? null : shellCommand(["lvsdr", "check", file.path]),
        advice: "Correct the file, then reload: kill -HUP the director",
      }];
    }),
  },
  {
    id: "health-none",
    level: "warning",
    roles: ["director"],
    look: ({ file }) =>
      (file?.config.services ?? []).filter(({ health, protocol }) => health === null && protocol === "tcp")
        .map(
          (service) => ({
            problem:
              `Nobody notices when a real server of ${service.name} is dead: its health check is switched off`,
            evidence: [`${file?.path}: services ${service.name}: health: none`],
            cause: "the director goes on sending clients to a real server that answers nobody",
            fix: null,
            advice: `Write health: { type: dr, port: ${
              firstPort(service)
            } }, which proves the whole path, and reload`,
          }),
        ),
  },
  {
    id: "drain-persistence",
    level: "warning",
    roles: ["director"],
    look: ({ file }) =>
      (file?.config.services ?? []).filter(({ persistence, persistToQuiesced }) =>
        persistence !== null && persistToQuiesced
      ).flatMap(({ name, servers }) =>
        servers.filter(({ weight }) => weight === 0).map(({ address }) => ({
          problem:
            `Real server ${address} of ${name} is quiesced and never gets empty: known clients keep coming`,
          evidence: [`${file?.path}: services ${name}: persistence.quiesced: keep, ${address} has weight 0`],
          cause: "every new connection of a client that persists to it renews the persistence",
          fix: null,
          advice: "Write persistence: { quiesced: refuse } and reload",
        }))
      ),
  },
];

interface SeenServer {
  readonly server: RealServerStatus;
  /** VIPs it serves and services it is in, where the condition holds. */
  readonly vips: readonly string[];
  readonly services: readonly string[];
}

/** Real servers that fulfil a condition, each once. */
function eachServer({ services }: StatusSnapshot, fits: (server: RealServerStatus) => boolean): SeenServer[] {
  const found = new Map<string, SeenServer>();
  for (const { name, vip, servers } of services) {
    for (const server of servers.filter(fits)) {
      const earlier = found.get(server.address);
      found.set(server.address, {
        server,
        vips: [...new Set([...(earlier?.vips ?? []), vip])],
        services: [...(earlier?.services ?? []), name],
      });
    }
  }
  return [...found.values()];
}

/** The command that makes a real server a correct one for all VIPs that it serves, as one role does. */
function hardenServer(
  { services }: StatusSnapshot,
  { address }: RealServerStatus,
  file: ConfigFile | null,
): string {
  if (file !== null) return hardenCommand(file);
  const serving = services.filter(({ servers }) => servers.some((server) => server.address === address));
  return hardenUnlistedCommand([...new Set(serving.map(({ vip }) => vip))]);
}

function frames({ verdicts }: StatusSnapshot, verdict: string): number {
  return verdicts.find(({ name }) => name === verdict)?.frames ?? 0;
}

function verifyCommand({ file }: Facts, service: string): string | null {
  return file === null ? null : shellCommand(["lvsdr", "verify", "-c", file.path, service]);
}

function firstPort({ ports }: VirtualService): number {
  return ports[0]!.first;
}
