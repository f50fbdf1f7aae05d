/**
 * A cluster for tests: a client, real servers that run nginx, and a director started from a configuration of the
 * test's own, each in a namespace on one switch. The real servers are made ready with ip(8) and sysctls alone, so
 * that nothing but the director is under test.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { ConfigInput } from "../../config/schema.ts";
import { Namespace, type Process } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import { buildTopology, type LabHost, type LabRealServer, namespacePrefix, VIP } from "../../lab/topology.ts";
import type { RealServerStatus, StatusSnapshot, VirtualServiceStatus } from "../../model/status_snapshot.ts";

export { INTERFACE, VIP } from "../../lab/topology.ts";
export type ServiceInput = ConfigInput["services"][number];

/** The addresses the client has: two of one /24 network and one of another. */
export const CLIENT = "192.0.2.100";
export const CLIENT_OF_SAME_NETWORK = "192.0.2.101";
export const CLIENT_OF_OTHER_NETWORK = "198.51.100.7";

/** Ports every real server's nginx listens on, besides 80 and 443. */
export const WEB_PORTS = "8000-8019";

/** A quick check that {@linkcode RealCluster.setHealthy} makes fail and pass. */
export const HEALTH = {
  type: "http",
  port: 80,
  path: "/healthz",
  interval: "200ms",
  timeout: "190ms",
  rise: 1,
  fall: 2,
} as const;

/** Why these tests cannot run here, or `null` if they can. */
export const obstacle: string | null = Deno.uid() === 0 ? null : "namespaces need root";

const VIP_SYSCTLS = { "net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2 };

/** Time after which a condition that does not come true fails its test. Generous: the machine may be busy. */
const GIVE_UP_MS = 60_000;
const POLL_INTERVAL_MS = 25;

let clusters = 0;

export class RealCluster implements AsyncDisposable {
  readonly client: LabHost;
  readonly director: LabHost;
  readonly realServers: readonly LabRealServer[];
  /** Folder of the test's own files, removed at the end. */
  readonly folder: string;
  readonly #prefix: string;
  readonly #background: Process[] = [];
  #directorProcess: Process | null = null;

  private constructor(
    prefix: string,
    folder: string,
    hosts: { client: LabHost; director: LabHost; realServers: readonly LabRealServer[] },
  ) {
    this.#prefix = prefix;
    this.folder = folder;
    this.client = hosts.client;
    this.director = hosts.director;
    this.realServers = hosts.realServers;
  }

  /** Builds the network; with `web`, which is the default, every real server runs nginx and answers. */
  static async create(
    { realServers = 3, web = true }: { realServers?: number; web?: boolean } = {},
  ): Promise<RealCluster> {
    const id = `rc${Deno.pid}n${clusters++}`;
    const prefix = namespacePrefix(id);
    const folder = await Deno.makeTempDir({ prefix: "lvsdr-cluster-" });
    try {
      const cluster = new RealCluster(prefix, folder, await buildTopology(id, realServers));
      await cluster.#address();
      if (web) await Promise.all(cluster.realServers.map((server) => cluster.#startWeb(server)));
      return cluster;
    } catch (error) {
      await removeTraces(prefix, folder);
      throw error;
    }
  }

  get runDir(): string {
    return this.file("run");
  }

  /** What every director of the cluster has printed so far. */
  get directorLog(): string {
    try {
      return Deno.readTextFileSync(this.file("director.log"));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  /** Path of a file in the test's folder. */
  file(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Every real server as the configuration lists it. */
  servers(settings: Omit<ServiceInput["servers"][number], "address"> = {}): ServiceInput["servers"] {
    return this.realServers.map(({ address }) => ({ address, ...settings }));
  }

  /** Starts a program that lives until the cluster is disposed of. */
  spawn(host: LabHost, program: string, args: readonly string[]): Process {
    const process = host.namespace.spawn(program, args, { logFile: this.file(`${host.name}.log`) });
    this.#background.push(process);
    return process;
  }

  /** Starts a director and returns when it uses every real server that `isReady` asks for, by default all. */
  async startDirector(
    services: readonly ServiceInput[],
    settings: Omit<ConfigInput, "services"> = {},
    isReady: (snapshot: StatusSnapshot) => boolean = allUp,
  ): Promise<Process> {
    await this.#configure(services, settings);
    const [program, ...args] = selfCommand(
      ["director", "--config", this.file("cluster.yaml"), "--run-dir", this.runDir],
    );
    const process = this.director.namespace.spawn(program, args, { logFile: this.file("director.log") });
    this.#directorProcess = process;
    await this.untilStatus("the director is ready", (snapshot) => {
      if (process.hasEnded) throw new Error(`The director has ended:\n${this.directorLog}`);
      return isReady(snapshot);
    });
    return process;
  }

  /** Gives the running director another configuration and returns when its datapath uses it. */
  async reload(
    services: readonly ServiceInput[],
    settings: Omit<ConfigInput, "services"> = {},
    isReady: (snapshot: StatusSnapshot) => boolean = allUp,
  ): Promise<void> {
    const outcomes = () => [...this.directorLog.matchAll(/config\.(loaded|refused)/g)];
    const before = outcomes().length;
    const { generation } = (await this.status()).datapath;
    await this.#configure(services, settings);
    this.#directorProcess!.signal("SIGHUP");
    await this.until("the configuration is read", () => outcomes().length > before);
    if (outcomes().at(-1)![1] === "refused") throw new Error(`Configuration refused:\n${this.directorLog}`);
    await this.untilStatus(
      "the configuration is used",
      (snapshot) => snapshot.datapath.generation > generation && isReady(snapshot),
    );
  }

  /** Ends the director with a signal and returns its exit status. */
  async endDirector(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<Deno.CommandStatus> {
    const process = this.#directorProcess!;
    process.signal(signal);
    this.#directorProcess = null;
    return await process.ended;
  }

  /**
   * What the director says of itself.
   *
   * @throws {Error} If it does not answer.
   */
  async status(): Promise<StatusSnapshot> {
    using client = Deno.createHttpClient({
      proxy: { transport: "unix", path: `${this.runDir}/director.sock` },
    });
    const response = await fetch("http://director/api/v1/status", { client });
    return await response.json();
  }

  /** Returns the first snapshot that meets a condition. */
  async untilStatus(
    what: string,
    condition: (snapshot: StatusSnapshot) => boolean,
  ): Promise<StatusSnapshot> {
    let last: StatusSnapshot | null = null;
    await this.until(what, async () => {
      // It does not listen yet, or the one before has just ended.
      last = await this.status().catch((error: unknown) => {
        if (error instanceof TypeError) return null;
        throw error;
      });
      return last !== null && condition(last);
    });
    return last!;
  }

  /** Returns when a condition holds; fails, with what the director printed, if it never does. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const giveUpAtMs = performance.now() + GIVE_UP_MS;
    while (!await condition()) {
      if (performance.now() > giveUpAtMs) {
        throw new Error(`Waited in vain until ${what}; the director printed:\n${this.directorLog}`);
      }
      await delay(POLL_INTERVAL_MS);
    }
  }

  /** Makes the health check of a real server fail, or pass, while it goes on serving. */
  async setHealthy(server: LabRealServer, isHealthy: boolean): Promise<void> {
    const path = this.file(`${server.name}/healthz`);
    if (isHealthy) await Deno.writeTextFile(path, "ok\n");
    else await Deno.remove(path);
  }

  /**
   * Asks the VIP with curl, one new connection after the other, and returns who answered.
   *
   * @throws {HostError} If one of them is not answered.
   */
  async ask(count: number, { from = CLIENT, port = 80 } = {}): Promise<string[]> {
    const output = await this.client.namespace.require("curl", [
      ...["--silent", "--show-error", "--fail", "--max-time", "30", "--interface", from],
      ...["--header", "Connection: close", `http://${VIP}:${port}/?[1-${count}]`],
    ]);
    return output.trim().split("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directorProcess?.stop();
    await Promise.all(this.#background.map((process) => process.stop()));
    await removeTraces(this.#prefix, this.folder);
  }

  async #configure(
    services: readonly ServiceInput[],
    settings: Omit<ConfigInput, "services">,
  ): Promise<void> {
    const config: ConfigInput = { status: { listen: "off" }, ...settings, services: [...services] };
    // JSON is YAML.
    await Deno.writeTextFile(this.file("cluster.yaml"), JSON.stringify(config, null, 2));
  }

  async #address(): Promise<void> {
    await this.client.namespace.ip([
      `addr add ${CLIENT_OF_SAME_NETWORK}/24 dev eth0`,
      `addr add ${CLIENT_OF_OTHER_NETWORK}/32 dev eth0`,
    ]);
    await Promise.all(this.realServers.map(async ({ namespace }) => {
      await namespace.setSysctls(VIP_SYSCTLS);
      // Whoever is not on the link is behind the client, as behind a router.
      await namespace.ip([`addr add ${VIP}/32 dev lo`, `route add default via ${CLIENT}`]);
    }));
  }

  async #startWeb(server: LabRealServer): Promise<void> {
    const folder = this.file(server.name);
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/healthz`, "ok\n");
    await Deno.writeTextFile(`${folder}/nginx.conf`, webConfig(server.name, folder));
    const process = this.spawn(server, "nginx", ["-c", `${folder}/nginx.conf`, "-e", "stderr"]);
    await this.until(`${server.name} serves`, async () => {
      if (process.hasEnded) throw new Error(Deno.readTextFileSync(this.file(`${server.name}.log`)));
      const args = ["--silent", "--fail", `http://${server.address}/healthz`];
      return (await server.namespace.run("curl", args)).code === 0;
    });
  }
}

/** How often each answer was given. */
export function tally(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

/** The service of a snapshot with that name. */
export function serviceOf(snapshot: StatusSnapshot, name: string): VirtualServiceStatus {
  const service = snapshot.services.find((candidate) => candidate.name === name);
  if (service === undefined) throw new Error(`No service "${name}"`);
  return service;
}

/** What a snapshot says of a real server in one service. */
export function serverOf(snapshot: StatusSnapshot, service: string, host: LabHost): RealServerStatus {
  const server = serviceOf(snapshot, service).servers.find(({ address }) => address === host.address);
  if (server === undefined) throw new Error(`Service "${service}" has no real server ${host.address}`);
  return server;
}

/** Frames that ended in a verdict. */
export function framesOf(snapshot: StatusSnapshot, verdict: string): number {
  return snapshot.verdicts.find(({ name }) => name === verdict)!.frames;
}

/** Whether every real server of every service can be used, or is quiesced because its weight is 0. */
export function allUp({ services }: StatusSnapshot): boolean {
  return services.every(({ servers }) =>
    servers.every(({ state, weight }) => state === (weight === 0 ? "quiesced" : "up"))
  );
}

function webConfig(name: string, folder: string): string {
  return `daemon off; user root; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 4096; }
http {
  access_log off; keepalive_timeout 1h; keepalive_requests 1000000; default_type text/plain;
  server {
    listen 80 backlog=4096; listen 443; listen ${WEB_PORTS};
    location = /healthz { root ${folder}; }
    location / { return 200 "${name}\\n"; }
  }
}
`;
}

async function removeTraces(prefix: string, folder: string): Promise<void> {
  for (const name of await Namespace.list()) {
    if (name.startsWith(prefix)) await Namespace.remove(name);
  }
  await Deno.remove(folder, { recursive: true });
}
