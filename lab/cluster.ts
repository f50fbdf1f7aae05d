/**
 * Both roles at work in a lab's network: web servers, real servers hardened by `lvsdr realserver`, and one
 * `lvsdr director`, each a process of this same executable.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Method } from "../model/config.ts";
import { familyOf } from "../model/ip_address.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import type { StatusSnapshot } from "../model/status_snapshot.ts";
import { isInterrupted } from "./interruption.ts";
import type { LabDirectory } from "./lab_directory.ts";
import type { Process } from "./namespace.ts";
import { printedLast } from "./printed.ts";
import { selfCommand } from "./self_command.ts";
import { urlOf } from "./traffic.ts";
import {
  HTTP_PORT,
  INTERFACE,
  type LabHost,
  type LabRealServer,
  neutralize,
  type Topology,
  withPrefix,
} from "./topology.ts";

/** How long a role may take to become ready. Generous: a loaded machine starts processes slowly. */
export const READY_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 50;

export class Cluster {
  readonly topology: Topology;
  readonly method: Method | "auto";
  readonly #directory: LabDirectory;
  readonly #signal: AbortSignal;
  readonly #processes: Process[] = [];
  readonly #hardeners = new Map<string, Process>();
  readonly #webServers = new Map<string, { readonly process: Process; readonly address: string }>();

  /** @param signal Ends waiting. */
  constructor(topology: Topology, method: Method | "auto", directory: LabDirectory, signal: AbortSignal) {
    this.topology = topology;
    this.method = method;
    this.#directory = directory;
    this.#signal = signal;
  }

  /** The configuration that the director reads. */
  get configFile(): string {
    return this.#directory.file("lab.yaml");
  }

  /** Socket of the director's HTTP API. */
  get directorSocket(): string {
    return this.#directory.file("director/director.sock");
  }

  /** Starts the web servers on every address of the VIP's family and returns when each one answers. */
  async startServers(): Promise<void> {
    await Promise.all(this.topology.realServers.map((server) => this.startServer(server, this.anywhere)));
  }

  /** The address that stands for every address of the VIP's family. */
  get anywhere(): string {
    return familyOf(this.topology.vip) === 4 ? "0.0.0.0" : "::";
  }

  /** Starts the web server of one host, in place of the one that runs, and returns when it answers. */
  async startServer(server: LabRealServer, address: string): Promise<void> {
    await this.#webServers.get(server.name)?.process.stop();
    const args = ["lab-server", "--name", server.name, "--address", address, "--port", String(HTTP_PORT)];
    const log = `${server.name}-server`;
    const process = this.#start(server, log, args);
    this.#webServers.set(server.name, { process, address });
    await this.#until(process, log, async () => {
      const url = `${urlOf(server.address)}/healthz`;
      return (await server.namespace.run("curl", ["--silent", "--fail", url])).code === 0;
    });
  }

  /** Hardens a real server and returns when its hardening is verified. */
  async harden(server: LabRealServer): Promise<void> {
    const log = `${server.name}-realserver`;
    const process = this.#start(server, log, this.hardenArguments(server));
    this.#hardeners.set(server.name, process);
    await this.#until(process, log, async () => {
      const text = await Deno.readTextFile(this.#logFile(log)).catch(() => "");
      return /^holding\b/m.test(text);
    });
  }

  /** Arguments of lvsdr that harden a real server, for machines and for people to type. */
  hardenArguments(server: LabRealServer): string[] {
    return [
      ...["realserver", "--vip", this.topology.vip, "--port", String(HTTP_PORT), "--method", this.method],
      ...["--interface", INTERFACE, "--run-dir", this.#directory.file(server.name)],
    ];
  }

  /** Ends what hardens a real server, and takes everything from it that has been done to it since it was built. */
  async unharden(server: LabRealServer): Promise<void> {
    await this.#hardeners.get(server.name)?.stop();
    this.#hardeners.delete(server.name);
    await neutralize(server, this.topology.vip);
    if (this.#webServers.get(server.name)?.address !== this.anywhere) {
      await this.startServer(server, this.anywhere);
    }
  }

  /** Takes note of the process that hardens a real server from now on. */
  adopt(host: LabHost, process: Process): void {
    this.#processes.push(process);
    this.#hardeners.set(host.name, process);
  }

  /** Words of ip(8) that make a host answer for the VIP. Linux answers NDP only for addresses of the interface itself. */
  get theft(): string {
    const { vip } = this.topology;
    return familyOf(vip) === 4
      ? `addr add ${withPrefix(vip)} dev lo`
      : `addr add ${withPrefix(vip)} dev ${INTERFACE} nodad`;
  }

  /** Starts the director and returns when it considers every real server up. */
  async startDirector(): Promise<void> {
    await Deno.writeTextFile(this.configFile, directorConfig(this.topology, this.method));
    const args = ["director", "--config", this.configFile, "--run-dir", this.#directory.file("director")];
    const process = this.#start(this.topology.director, "director", args);
    await this.#until(process, "director", async () => {
      const servers = (await this.status())?.services.flatMap((service) => service.servers);
      return servers !== undefined && servers.length > 0 && servers.every((server) => server.state === "up");
    });
  }

  /** What the director says of itself, or `null` while it does not answer. */
  async status(): Promise<StatusSnapshot | null> {
    return await this.#ask("GET", "status");
  }

  /** Has the director ask every real server for the VIP, as it does by itself every five minutes. */
  async audit(): Promise<void> {
    await this.#ask("POST", "audit");
  }

  /** Ends every process and returns when all have ended. */
  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
  }

  async #ask<Answer>(method: "GET" | "POST", resource: string): Promise<Answer | null> {
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path: this.directorSocket } });
    try {
      const response = await fetch(`http://director/api/v1/${resource}`, { method, client });
      if (response.ok) return await response.json();
      await response.body?.cancel();
      return null;
    } catch {
      return null;
    } finally {
      client.close();
    }
  }

  #logFile(name: string): string {
    return this.#directory.file(`${name}.log`);
  }

  #start(host: LabHost, log: string, args: readonly string[]): Process {
    this.#signal.throwIfAborted();
    const [program, ...rest] = selfCommand(args);
    const process = host.namespace.spawn(program, rest, { logFile: this.#logFile(log) });
    this.#processes.push(process);
    return process;
  }

  async #until(process: Process, log: string, isReady: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    while (!await isReady()) {
      this.#signal.throwIfAborted();
      if (process.hasEnded) await this.#fail(`"${log}" ended before it was ready`, process, log);
      if (performance.now() > deadlineMs) await this.#fail(`"${log}" does not become ready`, process, log);
      await delay(POLL_INTERVAL_MS);
    }
  }

  async #fail(what: string, process: Process, log: string): Promise<never> {
    const { code } = process.hasEnded ? await process.ended : { code: ExitCode.FAILED };
    const known = Object.values(ExitCode).find((exitCode) => exitCode === code && code !== ExitCode.OK);
    // That a role was stopped by a signal does not make it an interruption of the lab.
    const exitCode = known === undefined || isInterrupted(known) ? ExitCode.FAILED : known;
    throw new HostError(log, `The lab's ${what}`, exitCode, {
      remedy: await printedLast(this.#logFile(log)),
    });
  }
}

/** The lab's cluster as the configuration file that `lvsdr director` reads. */
export function directorConfig(topology: Topology, method: Method | "auto"): string {
  const servers = topology.realServers.map(({ address, weight }) =>
    `      - { address: ${quoted(address)}, weight: ${weight} }`
  );
  return `director:
  interface: ${INTERFACE}
  probe_address: ${quoted(topology.probeAddress)}
services:
  - name: web
    vip: ${quoted(topology.vip)}
    protocol: tcp
    port: ${HTTP_PORT}
    scheduler: wrr
    health: { type: tcp, port: ${HTTP_PORT}, interval: 2s, timeout: 1900ms, rise: 1, fall: 3 }
    servers:
${servers.join("\n")}
realserver:
  method: ${method}
`;
}

/** An address as YAML takes it for text, colons or not. */
function quoted(address: string): string {
  return JSON.stringify(address);
}
