/**
 * TCP connections of a cluster's client that a test holds open, and connections that reuse one source port.
 *
 * @module
 */

import { requireCommand } from "../../host/command.ts";
import { CLIENT, type RealCluster, VIP } from "./real_cluster.ts";

/** Long enough for any answer that comes at all. */
const PATIENCE_MS = 20_000;

/** How a connection ends whose source port the next one takes. */
export type Ending = "client" | "server" | "reset";

/** Compiles a C program of this folder for a test and returns its path. */
export async function compile(cluster: RealCluster, name: string): Promise<string> {
  const source = new URL(`./${name}.c`, import.meta.url).pathname;
  const program = cluster.file(name);
  await requireCommand("gcc", ["-O2", "-Wall", "-Werror", "-o", program, source]);
  return program;
}

/** Open TCP connections of one process. Outcomes are words, see connections_client.c. */
export class HeldConnections implements AsyncDisposable {
  /** What the first request of each connection came to, in the order of their opening. */
  readonly first: readonly string[];
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(
    child: Deno.ChildProcess,
    input: WritableStreamDefaultWriter<Uint8Array>,
    lines: ReadableStreamDefaultReader<string>,
    first: readonly string[],
  ) {
    this.#child = child;
    this.#input = input;
    this.#lines = lines;
    this.first = first;
  }

  /** Opens `count` connections to the VIP from each of the client's addresses given, one after the other. */
  static async open(
    cluster: RealCluster,
    program: string,
    count: number,
    { port = 80, from = [CLIENT] }: { port?: number; from?: readonly string[] } = {},
  ): Promise<HeldConnections> {
    const args = [program, "hold", VIP, String(port), String(count), ...from];
    const child = new Deno.Command("ip", {
      args: ["netns", "exec", cluster.client.namespace.name, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(splitLines()).getReader();
    return new HeldConnections(child, child.stdin.getWriter(), lines, await readOutcomes(lines));
  }

  /** Sends another request on every connection and returns what each came to. */
  async ask(patienceMs = PATIENCE_MS): Promise<string[]> {
    await this.#input.write(new TextEncoder().encode(`${patienceMs}\n`));
    return await readOutcomes(this.#lines);
  }

  /** Closes them all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#lines.cancel();
    await this.#child.status;
  }
}

/** Opens connections one after the other from one source port and returns what each came to. */
export async function reusePort(
  cluster: RealCluster,
  program: string,
  count: number,
  ending: Ending,
  { port = 80, sourcePort = 40_000 } = {},
): Promise<string[]> {
  const args = ["reuse", VIP, String(port), CLIENT, String(sourcePort), String(count), ending];
  const output = await cluster.client.namespace.require(program, args);
  return output.trim().split("\n");
}

async function readOutcomes(lines: ReadableStreamDefaultReader<string>): Promise<string[]> {
  const { value, done } = await lines.read();
  if (done) throw new Error("The client has ended");
  return value.split(" ");
}

function splitLines(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) controller.enqueue(line);
    },
  });
}
