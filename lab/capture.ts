/**
 * Looking at a wire with tcpdump(8), the witness that is not lvsdr.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { Process } from "./namespace.ts";
import { INTERFACE, type LabHost } from "./topology.ts";

/** Kernel buffer of one capture, in KiB as tcpdump counts: enough that a busy machine loses no frame. */
const BUFFER_KIB = 8192;

export interface CaptureResult {
  readonly frames: number;
  /** Frames that matched but were lost before tcpdump saw them. */
  readonly dropped: number;
  /** One line of tcpdump a frame; empty if only counted. */
  readonly lines: readonly string[];
}

/** One tcpdump on a host's interface, from {@linkcode Capture.start} to {@linkcode Capture.stop}. */
export class Capture {
  readonly #process: Process;
  readonly #lines: Promise<string>;
  readonly #messages: () => string;
  readonly #closed: Promise<void>;

  private constructor(
    process: Process,
    lines: Promise<string>,
    messages: () => string,
    closed: Promise<void>,
  ) {
    this.#process = process;
    this.#lines = lines;
    this.#messages = messages;
    this.#closed = closed;
  }

  /**
   * Returns when the capture is running.
   *
   * @param filter As in pcap-filter(7).
   * @param form `count` keeps nothing but the number of frames.
   */
  static async start(host: LabHost, filter: string, form: "count" | "lines"): Promise<Capture> {
    const isCounting = form === "count";
    const args = [
      ...["-i", INTERFACE, "-p", "-s", "96", "-B", String(BUFFER_KIB), "--immediate-mode"],
      // Frames that are only counted are written to nowhere, which costs less than a line of text each.
      ...(isCounting ? ["-w", "-"] : ["-e", "-nn", "-t", "-q"]),
      filter,
    ];
    const child = host.namespace.open("tcpdump", args, isCounting ? "null" : "piped");
    const lines = isCounting ? Promise.resolve("") : new Response(child.stdout).text();
    let messages = "";
    const isListening = Promise.withResolvers<void>();
    const closed = (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        messages += text;
        if (/^(tcpdump: )?listening on /m.test(messages)) isListening.resolve();
      }
      isListening.reject(
        new HostError("tcpdump", `Cannot capture on ${host.name}: ${messages.trim()}`, ExitCode.FAILED),
      );
    })();
    await isListening.promise;
    return new Capture(new Process(child), lines, () => messages, closed);
  }

  /** Ends the capture. */
  async stop(): Promise<CaptureResult> {
    this.#process.signal("SIGINT");
    const [text] = await Promise.all([this.#lines, this.#closed, this.#process.ended]);
    const number = (pattern: RegExp) => Number(pattern.exec(this.#messages())?.[1] ?? NaN);
    return {
      frames: number(/(\d+) packets? captured/),
      dropped: number(/(\d+) packets? dropped by kernel/),
      lines: text.split("\n").filter((line) => line !== ""),
    };
  }
}
