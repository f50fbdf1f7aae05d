/**
 * A client and a real server on one cable, each in a namespace of its own, and what the tests of the real server role
 * do with them.
 *
 * @module
 */

import { connect, Namespace, type ProgramResult } from "../../lab/namespace.ts";

export const VIP = "192.0.2.10";
export const REAL_SERVER_ADDRESS = "192.0.2.21";
export const CLIENT_ADDRESS = "192.0.2.100";
export const REAL_SERVER_MAC = "02:00:00:00:00:21";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** Why tests with namespaces cannot run here, or `null` if they can. */
export const obstacle: string | null = Deno.uid() === 0 ? null : "namespaces need root";

let pairCount = 0;

/** A role that holds its host hardened. */
export interface HoldingRole {
  readonly pid: number;
  /** Sends a signal and returns the exit code and everything printed. */
  stop(signal: Deno.Signal): Promise<{ readonly code: number; readonly text: string }>;
}

export class RealServerPair implements AsyncDisposable {
  readonly client: Namespace;
  readonly server: Namespace;
  /** Folder of the test's own files, removed at the end. */
  readonly folder: string;
  readonly #background: { stop(): Promise<unknown> }[] = [];

  private constructor(client: Namespace, server: Namespace, folder: string) {
    this.client = client;
    this.server = server;
    this.folder = folder;
  }

  static async create(): Promise<RealServerPair> {
    const prefix = `lvrs${Deno.pid}-${pairCount++}`;
    const client = await Namespace.create(`${prefix}c`);
    const server = await Namespace.create(`${prefix}s`);
    for (const namespace of [client, server]) {
      await namespace.setSysctls({ "net.ipv6.conf.all.disable_ipv6": 1 });
    }
    await connect(
      { namespace: client, interface: "eth0" },
      { namespace: server, interface: "eth0", mac: REAL_SERVER_MAC },
    );
    await client.ip([`address add ${CLIENT_ADDRESS}/24 dev eth0`]);
    await server.ip([`address add ${REAL_SERVER_ADDRESS}/24 dev eth0`]);
    return new RealServerPair(client, server, await Deno.makeTempDir({ prefix: "lvsdr-realserver-" }));
  }

  get runDir(): string {
    return `${this.folder}/run`;
  }

  /** Runs `lvsdr realserver` on the server until it ends. */
  role(...args: string[]): Promise<ProgramResult> {
    return this.server.run(Deno.execPath(), this.#roleArgs(args));
  }

  /** Starts `lvsdr realserver` on the server and returns when it holds. */
  async hold(...args: string[]): Promise<HoldingRole> {
    const child = openInside(this.server, Deno.execPath(), this.#roleArgs(args));
    let text = "";
    const holds = Promise.withResolvers<void>();
    const streams = [child.stdout, child.stderr].map(async (stream) => {
      for await (const part of stream.pipeThrough(new TextDecoderStream())) {
        text += part;
        if (text.includes("holding")) holds.resolve();
      }
    });
    const ended = Promise.all(streams).then(() => child.status);
    await Promise.race([
      holds.promise,
      ended.then(() => Promise.reject(new Error(`The role ended instead of holding:\n${text}`))),
    ]);
    return {
      pid: child.pid,
      stop: async (signal) => {
        child.kill(signal);
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
  async pointClientAtServer(): Promise<void> {
    await this.client.ip([`neighbor replace ${VIP} lladdr ${REAL_SERVER_MAC} dev eth0 nud permanent`]);
  }

  /** Starts nginx on the server, answering on every address of port 80. */
  async startWeb(): Promise<void> {
    const config = `daemon off; pid ${this.folder}/nginx.pid; error_log stderr; events {}
      http { access_log off; server { listen 80; location / { return 200 "from the real server"; } } }`;
    await Deno.writeTextFile(`${this.folder}/nginx.conf`, config);
    this.#background.push(this.server.spawn("nginx", ["-c", `${this.folder}/nginx.conf`, "-e", "stderr"]));
  }

  /** ARP frames, one line of tcpdump(8) each, that cross the cable while `action` runs. */
  async captureArp(action: () => Promise<unknown>): Promise<string[]> {
    const capture = openInside(this.client, "tcpdump", ["-i", "eth0", "-n", "-e", "--immediate-mode", "arp"]);
    const lines = new Response(capture.stdout).text();
    const errors = capture.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let banner = "";
    while (!banner.includes("listening on")) {
      const { value, done } = await errors.read();
      if (done) throw new Error(`tcpdump ended: ${banner}`);
      banner += value;
    }
    await action();
    capture.kill("SIGINT");
    while (!(await errors.read()).done);
    await capture.status;
    return (await lines).split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#background) await process.stop();
    await Namespace.remove(this.client.name);
    await Namespace.remove(this.server.name);
    await Deno.remove(this.folder, { recursive: true });
  }

  #roleArgs(args: readonly string[]): string[] {
    return ["run", "-A", "--quiet", MAIN, "realserver", "--run-dir", this.runDir, ...args];
  }
}

/** Starts a program inside a namespace with its output piped; its pid is the program's own. */
function openInside(namespace: Namespace, program: string, args: readonly string[]): Deno.ChildProcess {
  const command = ["netns", "exec", namespace.name, program, ...args];
  return new Deno.Command("ip", { args: command, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}
