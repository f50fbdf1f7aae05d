/**
 * A client, a director and real servers on one switch, each in a namespace of its own, and what the tests of the
 * director role do with them. The real servers are hardened by hand and run nginx: nothing here but the director itself
 * is lvsdr's.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { connect, Namespace, type Process, type ProgramResult } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";

export const VIP = "192.0.2.10";
export const SECOND_VIP = "192.0.2.11";
export const VIP6 = "2001:db8::10";
export const DIRECTOR_ADDRESS = "192.0.2.2";
export const DIRECTOR_MAC = "02:00:00:00:00:02";
export const CLIENT_ADDRESS = "192.0.2.100";
/** Last octet of the client's addresses. */
export const CLIENT_OCTET = 100;

/** Why tests with namespaces cannot run here, or `null` if they can. */
export const obstacle: string | null = Deno.uid() === 0 ? null : "namespaces need root";

/** Ends a wait that would never end; no test depends on it. */
const HANG_MS = 90_000;
const POLL_INTERVAL_MS = 50;

let networkCount = 0;

/** A real server. */
export interface WebHost {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  readonly namespace: Namespace;
  /** Folder its nginx stores uploads in. */
  readonly uploads: string;
}

/** One line of the director's log. */
export interface LoggedEvent {
  readonly logger: string;
  readonly level: string;
  readonly message: string;
}

/** Waits until `condition` holds and returns what it found. */
export async function until<T>(what: string, condition: () => Promise<T | null | false>): Promise<T> {
  const deadlineMs = performance.now() + HANG_MS;
  for (;;) {
    const found = await condition();
    if (found !== null && found !== false) return found;
    if (performance.now() > deadlineMs) throw new Error(`Waited in vain: ${what}`);
    await delay(POLL_INTERVAL_MS);
  }
}

export class DirectorNetwork implements AsyncDisposable {
  readonly client: Namespace;
  readonly director: Namespace;
  readonly servers: readonly WebHost[];
  /** Folder of the test's own files, removed at the end. */
  readonly folder: string;
  readonly #namespaces: readonly Namespace[];
  readonly #web = new Map<string, Process>();
  readonly #processes: Process[] = [];

  private constructor(
    namespaces: readonly [Namespace, Namespace, Namespace, ...Namespace[]],
    servers: readonly WebHost[],
    folder: string,
  ) {
    this.#namespaces = namespaces;
    [this.client, this.director] = namespaces;
    this.servers = servers;
    this.folder = folder;
  }

  /**
   * Builds the network and starts nginx on every real server.
   *
   * @param hasIpv6 Whether every host has an IPv6 address as well; nobody has an IPv6 VIP then.
   */
  static async create(serverCount = 2, hasIpv6 = false): Promise<DirectorNetwork> {
    const prefix = `lvd${Deno.pid}-${networkCount++}`;
    const folder = await Deno.makeTempDir({ prefix: "lvsdr-director-" });
    const wires = await Namespace.create(`${prefix}w`);
    await wires.ip(["link add bridge type bridge stp_state 0 forward_delay 0", "link set bridge up"]);
    const addHost = async (name: string, octet: number) => {
      const namespace = await Namespace.create(prefix + name);
      await namespace.setSysctls({
        "net.ipv6.conf.all.disable_ipv6": hasIpv6 ? 0 : 1,
        // Addresses can be used at once, without a question whether they are free.
        "net.ipv6.conf.default.accept_dad": 0,
        "net.ipv4.ip_forward": 0,
        "net.ipv4.conf.all.rp_filter": 0,
      });
      const mac = macOf(octet);
      await connect({ namespace, interface: "eth0", mac }, { namespace: wires, interface: name });
      await wires.ip([`link set ${name} master bridge`]);
      await namespace.ip([`addr add 192.0.2.${octet}/24 dev eth0`]);
      if (hasIpv6) await namespace.ip([`addr add ${ipv6Address(octet)}/64 dev eth0`]);
      return namespace;
    };
    const [client, director, ...realServers] = await Promise.all([
      addHost("client", CLIENT_OCTET),
      addHost("director", 2),
      ...Array.from({ length: serverCount }, (_, index) => addHost(`rs${index + 1}`, 21 + index)),
    ]);
    const servers = realServers.map((namespace, index) => ({
      name: `rs${index + 1}`,
      address: `192.0.2.${21 + index}`,
      mac: macOf(21 + index),
      namespace,
      uploads: `${folder}/rs${index + 1}`,
    }));
    const network = new DirectorNetwork([client!, director!, wires, ...realServers], servers, folder);
    await Promise.all(servers.map(async (server) => {
      await server.namespace.setSysctls({
        "net.ipv4.conf.all.arp_ignore": 1,
        "net.ipv4.conf.all.arp_announce": 2,
      });
      await server.namespace.ip([VIP, SECOND_VIP].map((vip) => `addr add ${vip}/32 dev lo`));
      await Deno.mkdir(server.uploads);
      await network.startWeb(server);
    }));
    return network;
  }

  get runDir(): string {
    return `${this.folder}/run`;
  }

  get configFile(): string {
    return `${this.folder}/cluster.yaml`;
  }

  /** Starts a real server's nginx and returns when it answers. */
  async startWeb({ name, address, namespace, uploads }: WebHost): Promise<void> {
    const file = `${this.folder}/${name}.conf`;
    await Deno.writeTextFile(
      file,
      `daemon off; master_process off; user root; pid ${this.folder}/${name}.pid; error_log stderr; events {}
      http {
        access_log off; client_max_body_size 0; client_body_temp_path ${uploads}/tmp;
        server {
          listen 80 reuseport; listen [::]:80 reuseport; default_type text/plain;
          location / { return 200 "${name} $remote_addr\\n"; }
          location /files/ { alias ${this.folder}/; }
          location /up/ { alias ${uploads}/; dav_methods PUT; }
        }
      }`,
    );
    this.#web.set(name, namespace.spawn("nginx", ["-c", file, "-e", "stderr"]));
    await until(
      `nginx of ${name} answers`,
      async () => (await namespace.run("curl", ["-sf", `http://${address}/`])).code === 0,
    );
  }

  async stopWeb({ name }: WebHost): Promise<void> {
    await this.#web.get(name)?.stop();
  }

  /** Starts a program that is ended with the network. */
  start(namespace: Namespace, program: string, ...args: string[]): Process {
    const process = namespace.spawn(program, args);
    this.#processes.push(process);
    return process;
  }

  /** Starts the director with a configuration and returns when every server is up. */
  async startDirector(config: string): Promise<DirectorProcess> {
    const process = await this.spawnDirector(config);
    await process.waitFor(
      "every server is up",
      (status) =>
        status.services.flatMap(({ servers }) => servers).every(({ state }) =>
          state !== "down" && state !== "unresolved"
        ),
    );
    return process;
  }

  /**
   * Starts the director without waiting for anything.
   *
   * @param before Words of a command that runs another, for example `env`.
   */
  async spawnDirector(config: string, before: readonly string[] = []): Promise<DirectorProcess> {
    await Deno.writeTextFile(this.configFile, config);
    const [program, ...args] = [
      ...before,
      ...selfCommand(["director", "-c", this.configFile, "--run-dir", this.runDir, "--log-format", "json"]),
    ];
    const logFile = `${this.folder}/director.log`;
    const process = this.director.spawn(program!, args, { logFile });
    this.#processes.push(process);
    return new DirectorProcess(process, this, logFile);
  }

  /** Runs the director until it ends by itself. */
  async runDirector(
    config: string,
    options: { readonly before?: readonly string[]; readonly runDir?: string } = {},
  ): Promise<ProgramResult> {
    const file = `${this.folder}/other.yaml`;
    await Deno.writeTextFile(file, config);
    const words = selfCommand(["director", "-c", file, "--run-dir", options.runDir ?? this.runDir]);
    const [program, ...args] = [...(options.before ?? []), ...words];
    return await this.director.run(program!, args);
  }

  /** What `GET /` answers: the name of the real server and the client's address. */
  async request(vip = VIP): Promise<string> {
    const host = vip.includes(":") ? `[${vip}]` : vip;
    return (await this.client.require("curl", ["-sSg", "--max-time", "30", `http://${host}/`])).trim();
  }

  /** Everything of the director's host that it could touch. */
  async hostState(): Promise<string> {
    const script = `ip -json address; ip -json route show table all; nft -s list ruleset
      grep -rsH '' /proc/sys/net | grep -v 'route/flush\\|conntrack_count\\|netns_cookie' | sort; ss -HltunpO
      ip -details -json link; ethtool -k eth0`;
    return (await this.director.run("sh", ["-c", script])).stdout;
  }

  /** MACs that answer the client's ARP requests for an address; each request may get several answers. */
  async arpAnswers(address: string, requests: number): Promise<string[]> {
    const { stdout } = await this.client.run("arping", [
      "-c",
      String(requests),
      "-w",
      "3",
      "-I",
      "eth0",
      address,
    ]);
    return [...stdout.matchAll(/\[([\dA-F:]{17})\]/g)].map(([, mac]) => mac!.toLowerCase());
  }

  /** Frames, one line of tcpdump(8) each, that a host's interface sees while `action` runs. */
  async capture(namespace: Namespace, filter: string, action: () => Promise<unknown>): Promise<string[]> {
    const child = namespace.open(
      "tcpdump",
      ["-i", "eth0", "-nn", "-e", "-B", "8192", "--immediate-mode", filter],
      "piped",
    );
    const lines = new Response(child.stdout).text();
    const messages = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let banner = "";
    while (!banner.includes("listening on")) {
      const { value, done } = await messages.read();
      if (done) throw new Error(`tcpdump ended: ${banner}`);
      banner += value;
    }
    await action();
    child.kill("SIGINT");
    while (!(await messages.read()).done);
    await child.status;
    return (await lines).split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes, ...this.#web.values()].map((process) => process.stop()));
    for (const { name } of this.#namespaces) await Namespace.remove(name);
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A director under test. */
export class DirectorProcess {
  readonly process: Process;
  readonly #network: DirectorNetwork;
  readonly #logFile: string;

  constructor(process: Process, network: DirectorNetwork, logFile: string) {
    this.process = process;
    this.#network = network;
    this.#logFile = logFile;
  }

  /** What it has logged so far, of earlier runs too. */
  async log(): Promise<LoggedEvent[]> {
    const text = await Deno.readTextFile(this.#logFile).catch(() => "");
    return text.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as LoggedEvent);
  }

  /** Messages of the events with a name. */
  async messages(name: string): Promise<string[]> {
    return (await this.log()).filter(({ logger }) => logger === name).map(({ message }) => message);
  }

  /** Waits for the `count`-th event with a name and returns its message. */
  async logged(name: string, count = 1): Promise<string> {
    return await until(`event ${name}`, async () => {
      const found = (await this.messages(name))[count - 1];
      if (found === undefined && this.process.hasEnded) {
        throw new Error(await Deno.readTextFile(this.#logFile));
      }
      return found ?? null;
    });
  }

  /** What it says of itself, or `null` while it does not answer. */
  async status(): Promise<StatusSnapshot | null> {
    const path = `${this.#network.runDir}/director.sock`;
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    try {
      return await (await fetch("http://director/api/v1/status", { client })).json();
    } catch {
      return null;
    }
  }

  /** Waits until its status fulfils a condition. */
  async waitFor(what: string, condition: (status: StatusSnapshot) => boolean): Promise<StatusSnapshot> {
    return await until(what, async () => {
      if (this.process.hasEnded) throw new Error(`It ended: ${await Deno.readTextFile(this.#logFile)}`);
      const status = await this.status();
      return status !== null && condition(status) ? status : null;
    });
  }

  /** Gives it another configuration and returns what it says about it. */
  async reload(config: string): Promise<LoggedEvent> {
    await Deno.writeTextFile(this.#network.configFile, config);
    const answers = async () => (await this.log()).filter(({ logger }) => logger.startsWith("config."));
    const before = (await answers()).length;
    this.process.signal("SIGHUP");
    return await until("an answer to SIGHUP", async () => (await answers())[before] ?? null);
  }
}

/** A service of the configuration. */
export interface ServiceText {
  readonly name?: string;
  /** The real servers' addresses are of its family. */
  readonly vip?: string;
  readonly scheduler?: string;
  /** Further lines, each `key: value`. */
  readonly settings?: readonly string[];
  /** Last octet and weight of each server. */
  readonly servers: readonly (readonly [octet: number, weight: number])[];
}

/** A configuration with these services, checked often. */
export function configText(...services: readonly ServiceText[]): string {
  return `status: { listen: 127.0.0.1:8480 }\nservices:\n` + services.map((service) =>
    [
      `  - name: ${service.name ?? "web"}`,
      `    vip: "${service.vip ?? VIP}"`,
      `    scheduler: ${service.scheduler ?? "wrr"}`,
      ...(service.settings ?? [
        "protocol: tcp",
        "port: 80",
        "health: { type: tcp, port: 80, interval: 200ms, timeout: 150ms, rise: 2, fall: 2 }",
      ]).map((line) => `    ${line}`),
      "    servers:",
      ...service.servers.map(([octet, weight]) =>
        `      - { address: "${
          service.vip?.includes(":") ? ipv6Address(octet) : `192.0.2.${octet}`
        }", weight: ${weight} }`
      ),
    ].join("\n") + "\n"
  ).join("");
}

/** The IPv6 address of the host whose IPv4 address ends in an octet. */
export function ipv6Address(octet: number): string {
  return `2001:db8::${octet}`;
}

function macOf(octet: number): string {
  return `02:00:00:00:00:${octet.toString(16).padStart(2, "0")}`;
}
