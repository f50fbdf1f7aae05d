/**
 * A client and a real server on one cable, each in a namespace of its own, and what the tests of the real server role
 * do with them.
 *
 * @module
 */

import { connect, Namespace, type ProgramResult } from "../../lab/namespace.ts";
import { until } from "./director_network.ts";

export const VIP = "192.0.2.10";
export const REAL_SERVER_ADDRESS = "192.0.2.21";
export const CLIENT_ADDRESS = "192.0.2.100";
export const VIP6 = "2001:db8::10";
export const REAL_SERVER_ADDRESS6 = "2001:db8::21";
export const CLIENT_ADDRESS6 = "2001:db8::100";
export const REAL_SERVER_MAC = "02:00:00:00:00:21";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** Why tests with namespaces cannot run here, or `null` if they can. */
export const obstacle: string | null = Deno.uid() === 0 ? null : "namespaces need root";

/** Time after which a role that says nothing more fails its test. Generous: the machine may be busy. */
const GIVE_UP_MS = 60_000;

let pairCount = 0;

/** A role that holds its host hardened. */
export interface HoldingRole {
  readonly pid: number;
  /** Waits for text that has not been returned before, and returns everything up to its end. */
  until(pattern: RegExp): Promise<string>;
  /** Sends a signal and returns the exit code and everything printed. */
  stop(signal: Deno.Signal): Promise<{ readonly code: number; readonly text: string }>;
}

export class RealServerPair implements AsyncDisposable {
  readonly client: Namespace;
  readonly server: Namespace;
  /** Folder of the test's own files, removed at the end. */
  readonly folder: string;
  readonly #hidden: string[] = [];
  readonly #environment: string[] = [];
  #path = Deno.env.get("PATH") ?? "";
  readonly #background: { stop(): Promise<unknown> }[] = [];

  private constructor(client: Namespace, server: Namespace, folder: string) {
    this.client = client;
    this.server = server;
    this.folder = folder;
  }

  /** @param versions IP versions the hosts have addresses of. */
  static async create(versions: "ipv4" | "ipv4 and ipv6" = "ipv4"): Promise<RealServerPair> {
    const hasIpv6 = versions !== "ipv4";
    const prefix = `lvrs${Deno.pid}-${pairCount++}`;
    const client = await Namespace.create(`${prefix}c`);
    const server = await Namespace.create(`${prefix}s`);
    for (const namespace of [client, server]) {
      // Without duplicate detection addresses can be used at once, and a snapshot does not change by itself.
      const names = ["all", "default"];
      await namespace.setSysctls(Object.fromEntries(names.flatMap((name) => [
        [`net.ipv6.conf.${name}.disable_ipv6`, hasIpv6 ? 0 : 1],
        [`net.ipv6.conf.${name}.accept_dad`, 0],
        [`net.ipv6.conf.${name}.router_solicitations`, 0],
      ])));
    }
    await connect(
      { namespace: client, interface: "eth0" },
      { namespace: server, interface: "eth0", mac: REAL_SERVER_MAC },
    );
    await client.ip([`address add ${CLIENT_ADDRESS}/24 dev eth0`]);
    await server.ip([`address add ${REAL_SERVER_ADDRESS}/24 dev eth0`]);
    if (hasIpv6) {
      await client.ip([`address add ${CLIENT_ADDRESS6}/64 dev eth0`]);
      await server.ip([`address add ${REAL_SERVER_ADDRESS6}/64 dev eth0`]);
    }
    return new RealServerPair(client, server, await Deno.makeTempDir({ prefix: "lvsdr-realserver-" }));
  }

  get runDir(): string {
    return `${this.folder}/run`;
  }

  /** Runs `lvsdr realserver` on the server until it ends. */
  role(...args: string[]): Promise<ProgramResult> {
    const [program, ...words] = this.#roleWords(args);
    return this.server.run(program!, words);
  }

  /** Takes a program away from the roles that are started from now on. */
  hide(program: string): void {
    this.#hidden.push(program);
  }

  /** Puts the programs of a folder before those of the system, for the roles that are started from now on. */
  prefer(folder: string): void {
    this.#path = `${folder}:${this.#path}`;
  }

  /** Sets a variable of the environment of the roles that are started from now on. */
  setEnvironment(name: string, value: string): void {
    this.#environment.push(`${name}=${value}`);
  }

  /** Starts `lvsdr realserver` on the server and returns when it holds. */
  async hold(...args: string[]): Promise<HoldingRole> {
    const [program, ...words] = this.#roleWords(args);
    const child = openInside(this.server, program!, words);
    let text = "";
    let readUpTo = 0;
    let arrived = Promise.withResolvers<void>();
    const streams = [child.stdout, child.stderr].map(async (stream) => {
      for await (const part of stream.pipeThrough(new TextDecoderStream())) {
        text += part;
        arrived.resolve();
        arrived = Promise.withResolvers();
      }
    });
    const ended = Promise.all(streams).then(() => child.status);
    const untilSaid = async (pattern: RegExp): Promise<string> => {
      while (true) {
        const match = pattern.exec(text.slice(readUpTo));
        if (match !== null) {
          const start = readUpTo;
          readUpTo += match.index + match[0].length;
          return text.slice(start, readUpTo);
        }
        await Promise.race([
          arrived.promise,
          ended.then(() => Promise.reject(new Error(`The role ended before it said ${pattern}:\n${text}`))),
          givingUp(() => `The role has not said ${pattern}:\n${text}`, arrived.promise),
        ]);
      }
    };
    await untilSaid(/holding/);
    return {
      pid: child.pid,
      until: untilSaid,
      stop: async (signal) => {
        child.kill(signal);
        await givingUp(() => `The role has not ended after ${signal}:\n${text}`, ended);
        const { code } = await ended;
        return { code, text };
      },
    };
  }

  /** Everything of the server's network state that the role could touch. */
  async snapshot(): Promise<string> {
    const script = `ip -json address; ip -json route show table all; nft -s list ruleset
      arptables-save | grep -v '^#'; grep -rH '' /proc/sys/net/ipv4/conf | sort`;
    const { stdout } = await this.server.run("sh", ["-c", script]);
    return stdout;
  }

  /** Whether anybody answers the client's ARP requests for an address. */
  async isAnswered(address: string): Promise<boolean> {
    const { code } = await this.client.run("arping", ["-f", "-c", "2", "-w", "2", "-I", "eth0", address]);
    return code === 0;
  }

  /** Makes the client send to the VIP at the real server's MAC, as a director would make it. */
  async pointClientAtServer(vip = VIP): Promise<void> {
    await this.client.ip([`neighbor replace ${vip} lladdr ${REAL_SERVER_MAC} dev eth0 nud permanent`]);
  }

  /** Whether anybody answers the client's neighbour solicitations for an IPv6 address. */
  async isSolicitationAnswered(address: string): Promise<boolean> {
    await this.client.run("ping", ["-6", "-c", "1", "-W", "2", address]);
    return (await this.client.require("ip", ["-6", "neighbor", "show", address])).includes("lladdr");
  }

  /** What the client gets from the VIP. */
  fetchFromVip(vip = VIP): Promise<string> {
    const host = vip.includes(":") ? `[${vip}]` : vip;
    return this.client.require("curl", ["-sS", "-g", "--max-time", "5", `http://${host}/`]);
  }

  /** Starts nginx on the server, answering on every address, and returns when it does. */
  async startWeb(port = 80): Promise<void> {
    const config = `daemon off; pid ${this.folder}/nginx.pid; error_log stderr; events {}
      http { access_log off; server { listen ${port}; listen [::]:${port}; location / { return 200 "from the real server"; } } }`;
    await Deno.writeTextFile(`${this.folder}/nginx.conf`, config);
    this.#background.push(this.server.spawn("nginx", ["-c", `${this.folder}/nginx.conf`, "-e", "stderr"]));
    const first = ["-s", "-o", `${this.folder}/first`, `127.0.0.1:${port}`];
    await until("nginx answers", async () => (await this.server.run("curl", first)).code === 0);
  }

  /** ARP frames, one line of tcpdump(8) each, that cross the cable while `action` runs. */
  captureArp(action: () => Promise<unknown>): Promise<string[]> {
    return this.capture("arp", action);
  }

  /** Frames that pass a filter of pcap-filter(7), one line of tcpdump(8) each, that cross the cable meanwhile. */
  async capture(filter: string, action: () => Promise<unknown>): Promise<string[]> {
    const options = ["-i", "eth0", "-n", "-e", "--immediate-mode", filter];
    const capture = openInside(this.client, "tcpdump", options);
    const lines = new Response(capture.stdout).text();
    const errors = capture.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let banner = "";
    while (!banner.includes("listening on")) {
      const { value, done } = await errors.read();
      if (done) throw new Error(`tcpdump ended: ${banner}`);
      banner += value;
    }
    try {
      await action();
    } finally {
      capture.kill("SIGINT");
      while (!(await errors.read()).done);
      await capture.status;
    }
    return (await lines).split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#background) await process.stop();
    await Namespace.remove(this.client.name);
    await Namespace.remove(this.server.name);
    await Deno.remove(this.folder, { recursive: true });
  }

  #roleWords(args: readonly string[]): string[] {
    const role = ["run", "-A", "--quiet", MAIN, "realserver", "--run-dir", this.runDir, ...args];
    // What ip-netns(8) starts has mounts of its own: nobody else sees that these files are covered.
    const cover = this.#hidden.map((program) => `mount --bind /dev/null "$(command -v ${program})"; `).join(
      "",
    );
    return [
      "env",
      `PATH=${this.#path}`,
      ...this.#environment,
      "sh",
      "-ec",
      `${cover}exec "$0" "$@"`,
      Deno.execPath(),
      ...role,
    ];
  }
}

/** Rejects after {@linkcode GIVE_UP_MS} unless `other` settles before. */
async function givingUp(message: () => string, other: Promise<unknown>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(message())), GIVE_UP_MS);
  await Promise.race([promise, other]).finally(() => clearTimeout(timer));
}

/** Starts a program inside a namespace with its output piped; its pid is the program's own. */
function openInside(namespace: Namespace, program: string, args: readonly string[]): Deno.ChildProcess {
  const command = ["netns", "exec", namespace.name, program, ...args];
  return new Deno.Command("ip", { args: command, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}
