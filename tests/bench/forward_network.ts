/**
 * The network of the forwarding bench: one veth pair between a namespace that floods and counts, and one that
 * forwards. Both ends drop what arrives right behind the tap, so that no kernel works on it.
 *
 * @module
 */

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

/** VIP that lvsdr forwards. */
export const VIP = "192.0.2.10";
/** VIP that the C program forwards. */
export const REFERENCE_VIP = "192.0.2.11";
export const PORT = 9000;
const CLIENT = "192.0.2.100";
const REAL_SERVER = "192.0.2.21";
const DIRECTOR = "192.0.2.1";

/** Interface of the forwarder, in its own namespace. */
export const FORWARDER_DEVICE = "fwd0";
const OUTER_DEVICE = "gen0";

/** A configuration of `lvsdr director` for this network. */
export const CONFIG = `director:
  interface: ${FORWARDER_DEVICE}
status: { listen: off }
services:
  - name: bench
    vip: ${VIP}
    protocol: udp
    port: ${PORT}
    scheduler: rr
    health: none
    servers:
      - address: ${REAL_SERVER}
`;

/** Frames since the interface came up. */
export interface FrameCounters {
  readonly offered: number;
  readonly forwarded: number;
}

/** Needs root. Everything is gone after `dispose`. */
export class ForwardNetwork implements Disposable {
  readonly #outer = `lvsdr-bench-${Deno.pid}-gen`;
  readonly #forwarder = `lvsdr-bench-${Deno.pid}-fwd`;
  #counters: ChildProcessWithoutNullStreams | null = null;

  constructor() {
    try {
      ip("netns", "add", this.#outer);
      ip("netns", "add", this.#forwarder);
      ip(
        ...["link", "add", OUTER_DEVICE, "netns", this.#outer, "type", "veth"],
        ...["peer", "name", FORWARDER_DEVICE, "netns", this.#forwarder],
      );
      this.#bringUp(this.#outer, OUTER_DEVICE, REAL_SERVER);
      this.#bringUp(this.#forwarder, FORWARDER_DEVICE, DIRECTOR);
      this.#counters = spawn("ip", ["netns", "exec", this.#outer, "sh", "-c", COUNTERS_SCRIPT]);
      this.#counters.stdout.setEncoding("utf8");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** MAC address of the real server, which is the flooding end itself. */
  get realServerMac(): string {
    return this.#link(this.#outer, OUTER_DEVICE).address;
  }

  /** Words that run a program on the flooding side, on the first CPU. */
  get onGenerator(): readonly string[] {
    return ["ip", "netns", "exec", this.#outer, "taskset", "-c", "0"];
  }

  /** Words that run a program on the forwarding side, on the second CPU. */
  get onForwarder(): readonly string[] {
    return ["ip", "netns", "exec", this.#forwarder, "taskset", "-c", "1"];
  }

  /** What the generator of frames for a VIP needs to know, in its order. */
  generatorArguments(vip: string): readonly string[] {
    const directorMac = this.#link(this.#forwarder, FORWARDER_DEVICE).address;
    return [OUTER_DEVICE, directorMac, CLIENT, vip, String(PORT)];
  }

  async counters(): Promise<FrameCounters> {
    const { stdin, stdout } = this.#counters!;
    stdin.write("\n");
    const [line] = await once(stdout, "data") as [string];
    const [offered, forwarded] = line.split(" ").map(Number);
    return { offered: offered!, forwarded: forwarded! };
  }

  [Symbol.dispose](): void {
    this.#counters?.kill();
    for (const namespace of [this.#outer, this.#forwarder]) {
      try {
        ip("netns", "delete", namespace);
      } catch {
        // It was never made: the constructor failed before it.
      }
    }
  }

  #bringUp(namespace: string, device: string, address: string): void {
    ip("-n", namespace, "address", "add", `${address}/24`, "dev", device);
    ip("-n", namespace, "link", "set", device, "up");
    const rules = [
      "add table netdev bench",
      `add chain netdev bench ingress { type filter hook ingress device "${device}" priority 0; }`,
      `add rule netdev bench ingress ip daddr { ${VIP}, ${REFERENCE_VIP} } drop`,
    ].join("\n");
    execFileSync("ip", ["netns", "exec", namespace, "nft", "-f", "-"], { input: rules });
  }

  #link(namespace: string, device: string): Link {
    return JSON.parse(ip("-n", namespace, "-json", "link", "show", "dev", device))[0];
  }
}

/**
 * Answers each line with two counters of the flooding end. Nothing but the shell itself: to start a program for every
 * question would take time from those that are measured.
 */
const COUNTERS_SCRIPT = `cd /sys/class/net/${OUTER_DEVICE}/statistics
while read -r _; do
  read -r offered < tx_packets
  read -r forwarded < rx_packets
  echo "$offered $forwarded"
done`;

/** What `ip -json link` says of an interface, as far as it is used. */
interface Link {
  readonly address: string;
}

function ip(...words: readonly string[]): string {
  return execFileSync("ip", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
