/**
 * Real servers that are broken one way each, and `lvsdr verify` as a process that looks at them from the director's host.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { connect, Namespace, type ProgramResult } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import type { Verification } from "../../sentinel/verification.ts";
import { DirectorNetwork, VIP, type WebHost } from "./director_network.ts";

/** Address that the verifications probe from; some faults depend on it. */
export const PROBE_ADDRESS = "192.0.2.200";

/** The service `web` of the configuration on some real servers. */
export function clusterText(servers: readonly WebHost[], more = ""): string {
  return `director: { probe_address: ${PROBE_ADDRESS} }
services:
  - name: web
    vip: ${VIP}
    protocol: tcp
    port: 80
    scheduler: rr
    health: { type: tcp, port: 80, interval: 500ms, timeout: 400ms }
    servers:
${servers.map(({ address }) => `      - { address: ${address} }`).join("\n")}
${more}`;
}

/**
 * Runs `lvsdr verify` on a host until it ends.
 *
 * @param before Words of a program that runs it.
 */
export async function runVerify(
  network: DirectorNetwork,
  config: string,
  args: readonly string[] = [],
  host: Namespace = network.director,
  before: readonly string[] = [],
): Promise<ProgramResult> {
  const file = `${network.folder}/verify.yaml`;
  await Deno.writeTextFile(file, config);
  const [program, ...words] = [...before, ...selfCommand(["verify", "-c", file, ...args])];
  return await host.run(program!, words);
}

/** Runs `lvsdr verify --json` and returns what it found. */
export async function verifyJson(network: DirectorNetwork, config: string): Promise<Verification> {
  const { code, stdout, stderr } = await runVerify(network, config, ["--json"]);
  if (stdout === "") throw new Error(stderr);
  const verification = JSON.parse(stdout) as Verification;
  if (code !== (verification.ok ? 0 : 1)) throw new Error(`exit code ${code} with ok ${verification.ok}`);
  return verification;
}

/** Verdicts on the ports of a real server, in the order of the configuration. */
export function pathVerdicts({ proofs }: Verification, { address }: WebHost): string[] {
  return proofs.filter(({ server }) => server === address).map(({ outcome }) => outcome.verdict);
}

/** Verdict of the audit on a real server, for the first VIP. */
export function arpVerdict({ audits }: Verification, { address }: WebHost): string | undefined {
  return audits.find(({ server }) => server === address)?.verdict;
}

/** Puts a container behind a real server, as a container runtime would: its VIP's port is translated to it. */
export async function serveFromContainer(network: DirectorNetwork, server: WebHost): Promise<Namespace> {
  const container = await Namespace.create(`${server.namespace.name}c`);
  await connect(
    { namespace: server.namespace, interface: "container" },
    { namespace: container, interface: "eth0" },
  );
  await server.namespace.ip(["addr add 10.9.9.1/24 dev container"]);
  await container.ip(["addr add 10.9.9.2/24 dev eth0", "route add default via 10.9.9.1"]);
  await server.namespace.setSysctls({ "net.ipv4.ip_forward": 1 });
  const chain = "type nat hook prerouting priority dstnat;";
  await addRule(server, chain, "fib daddr type local tcp dport 80 dnat to 10.9.9.2:80");
  await network.stopWeb(server);
  await network.startWeb({ ...server, address: "10.9.9.2", namespace: container });
  return container;
}

/** Adds a rule of nft(8) to a real server, in a chain like `type filter hook input priority 0;`. */
export async function addRule({ namespace }: WebHost, chain: string, rule: string): Promise<void> {
  const stdin =
    `add table ip broken\nadd chain ip broken here { ${chain} }\nadd rule ip broken here ${rule}\n`;
  await namespace.require("nft", ["-f", "-"], { stdin });
}

/** Waits for an nginx to be reachable no more. */
export async function untilSilent(server: WebHost): Promise<void> {
  while ((await server.namespace.run("curl", ["-sf", `http://${server.address}/`])).code === 0) {
    await delay(50);
  }
}
