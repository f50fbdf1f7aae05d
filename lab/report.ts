/**
 * The lab's words and pictures on a terminal, and the same in plain text elsewhere.
 *
 * @module
 */

import { clipped, folded } from "./line_width.ts";
import type { Output } from "./output.ts";
import { CLEAR_LINE, Progress } from "./progress.ts";
import type { Proof } from "./proofs.ts";
import { formatCount } from "./quantity.ts";
import type { LabHost, Topology } from "./topology.ts";
import type { RequestResult } from "./traffic.ts";

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

const BAR_WIDTH = 24;
const REDRAW_INTERVAL_MS = 100;
/** Longer lines of prose are hard to read. */
const PROSE_COLUMNS = 110;

type Paint = (text: string, code: keyof typeof CODES) => string;

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
    this.line();
    for (const line of folded(text, this.#output.columns)) this.line(this.paint(line, "bold"));
  }

  /** Sentences that explain what is seen. */
  prose(text: string, code: keyof typeof CODES): void {
    this.line();
    const columns = Math.min(this.#output.columns, PROSE_COLUMNS) - 2;
    for (const line of folded(text, columns)) this.line(`  ${this.paint(line, code)}`);
  }

  /** Does something whose outcome is told afterwards, and shows meanwhile that it is done. */
  async during<T>(text: string, work: (progress: Progress) => Promise<T>): Promise<T> {
    using progress = new Progress(this.#output, text);
    return await work(progress);
  }

  /** Does something and writes what and how long it took. */
  async step<T>(text: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    const result = await this.during(text, work);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    this.line(`  ${text} ${this.paint(`${seconds} s`, "dim")}`);
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
    this.line(`  ${host(director)}           ${back("|")}  past the director`);
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
    const [first, ...others] = folded(claim, this.#output.columns - 9);
    this.line(`  ${verdict}  ${first}`);
    for (const line of others) this.line(`         ${line}`);
    for (const text of evidence) {
      // Where one piece of evidence ends must be seen.
      const [start, ...rest] = folded(text, this.#output.columns - 11);
      this.line(`         ${this.paint(start!, "dim")}`);
      for (const line of rest) this.line(`           ${this.paint(line, "dim")}`);
    }
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
      const text = this.#text((text) => text);
      const line = text.length < this.#output.columns || done === this.#requests
        ? this.#text((text, code) => this.#report.paint(text, code))
        : clipped(text, this.#output.columns - 1);
      this.#output.write(`\r${line}${CLEAR_LINE}${done === this.#requests ? "\n" : ""}`);
    } else if (done === this.#requests || done % Math.ceil(this.#requests / 4) === 0) {
      this.#report.line(this.#text((text) => text));
    }
  }

  #text(paint: Paint): string {
    const servers = [...this.#counts].map(([name, count]) => {
      // Beyond a few servers bars do not fit into a line.
      const width = this.#counts.size > 4 ? 0 : Math.round((count / this.#requests) * BAR_WIDTH);
      return `${name} ${paint("#".repeat(width), "green")}${width > 0 ? " " : ""}${formatCount(count)}`;
    });
    const failed = this.#failed > 0 ? paint(`  ${formatCount(this.#failed)} failed`, "red") : "";
    const done = formatCount(this.#answered + this.#failed);
    return `  ${servers.join("  ")}  of ${done}${failed}`;
  }
}
