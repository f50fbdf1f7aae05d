/**
 * The lab's words and pictures on a terminal, and the same in plain text elsewhere.
 *
 * @module
 */

import type { RequestResult } from "./traffic.ts";
import type { Proof } from "./proofs.ts";
import { formatCount } from "./quantity.ts";
import type { LabHost, Topology } from "./topology.ts";

/** Where the report goes. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

const BAR_WIDTH = 24;
const REDRAW_INTERVAL_MS = 100;
/** Clears from the cursor to the end of the line (ECMA-48 §8.3.41). */
const CLEAR_LINE = "\x1b[K";

/** Writes the story line by line. */
export class Report {
  readonly #output: Output;
  readonly #isColored: boolean;

  constructor(output: Output) {
    this.#output = output;
    this.#isColored = output.isTerminal && !Deno.env.get("NO_COLOR");
  }

  /** Text in a color or weight, where there are any. */
  paint(text: string, code: keyof typeof CODES): string {
    return this.#isColored ? `\x1b[${CODES[code]}m${text}\x1b[0m` : text;
  }

  line(text = ""): void {
    this.#output.write(`${text}\n`);
  }

  /** A heading of one act of the story. */
  heading(text: string): void {
    this.line(`\n${this.paint(text, "bold")}`);
  }

  /** Does something and writes what and how long it took. */
  async step<T>(text: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    if (this.#output.isTerminal) this.#output.write(`  ${text} …`);
    const result = await work();
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const start = this.#output.isTerminal ? `\r${CLEAR_LINE}` : "";
    this.line(`${start}  ${text} ${this.paint(`${seconds} s`, "dim")}`);
    return result;
  }

  /** The way of packets through the lab. */
  sketch({ vip, client, director, realServers }: Topology): void {
    const way = (text: string) => this.paint(text, "cyan");
    const back = (text: string) => this.paint(text, "green");
    const width = client.address.length;
    const host = ({ name, address, mac }: LabHost) =>
      `${this.paint(name.padEnd(8), "bold")} ${address.padEnd(width)} ${this.paint(mac, "dim")}`;
    const gap = " ".repeat(width);
    this.line();
    this.line(`  ${host(client)} ${back("<---------.")}`);
    this.line(`    ${way("|")}  to ${vip.padEnd(30)}${gap}${back("|")}`);
    this.line(`    ${way("v")}${"".padEnd(35)}${gap}${back("|")}  from ${vip},`);
    this.line(`  ${host(director)}           ${back("|")}  never through the director`);
    this.line(`    ${way("|")}  same packet, new destination MAC ${gap}${back("|")}`);
    for (const server of realServers) {
      this.line(`    ${way("+->")} ${host(server)} ${back("---->+")}  weight ${server.weight}`);
    }
  }

  /** A table of proofs. */
  proofs(proofs: readonly Proof[]): void {
    for (const { claim, holds, evidence } of proofs) this.claim(claim, holds, evidence);
  }

  /** Something claimed, whether it holds, and what was seen of it, one line each. */
  claim(claim: string, holds: boolean, evidence: readonly string[]): void {
    const verdict = holds ? this.paint("holds", "green") : this.paint("FAILS", "red");
    this.line(`  ${verdict}  ${claim}`);
    for (const text of evidence) this.line(`         ${this.paint(text, "dim")}`);
  }

  /** A command that is typed on a host. */
  command(host: string, command: string): void {
    const [first, ...others] = command.split("\n");
    this.line(`  ${this.paint(`${host}#`, "bold")} ${this.paint(first!, "cyan")}`);
    for (const line of others) this.line(`  ${" ".repeat(host.length + 1)} ${this.paint(line, "cyan")}`);
  }

  /** What a command has printed. */
  output(text: string): void {
    for (const line of text.trimEnd().split("\n")) if (line !== "") this.line(`       ${line}`);
  }

  /** A running count of answers by server. */
  tally(topology: Topology, requests: number): Tally {
    return new Tally(this, this.#output, topology, requests);
  }
}

/** One line that grows with the traffic; on anything but a terminal, a line a quarter. */
export class Tally {
  readonly #report: Report;
  readonly #output: Output;
  readonly #counts: Map<string, number>;
  readonly #requests: number;
  #answered = 0;
  #failed = 0;
  #drawnAtMs = 0;

  constructor(report: Report, output: Output, topology: Topology, requests: number) {
    this.#report = report;
    this.#output = output;
    this.#counts = new Map(topology.realServers.map((server) => [server.name, 0]));
    this.#requests = requests;
  }

  add({ server }: RequestResult): void {
    if (server === null) this.#failed++;
    else {
      this.#answered++;
      this.#counts.set(server, (this.#counts.get(server) ?? 0) + 1);
    }
    const done = this.#answered + this.#failed;
    if (this.#output.isTerminal) {
      const nowMs = performance.now();
      if (done < this.#requests && nowMs - this.#drawnAtMs < REDRAW_INTERVAL_MS) return;
      this.#drawnAtMs = nowMs;
      this.#output.write(`\r${this.#text()}${CLEAR_LINE}${done === this.#requests ? "\n" : ""}`);
    } else if (done === this.#requests || done % Math.ceil(this.#requests / 4) === 0) {
      this.#report.line(this.#text());
    }
  }

  #text(): string {
    const servers = [...this.#counts].map(([name, count]) => {
      // Beyond a few servers bars do not fit into a line.
      const width = this.#counts.size > 4 ? 0 : Math.round((count / this.#requests) * BAR_WIDTH);
      return `${name} ${this.#report.paint("#".repeat(width), "green")}${width > 0 ? " " : ""}${
        formatCount(count)
      }`;
    });
    const failed = this.#failed > 0 ? this.#report.paint(`  ${formatCount(this.#failed)} failed`, "red") : "";
    const done = formatCount(this.#answered + this.#failed);
    return `  ${servers.join("  ")}  of ${done}${failed}`;
  }
}
