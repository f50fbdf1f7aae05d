/**
 * Frames a second that `lvsdr director` forwards, beside a C program of the same shape, in alternation on the same
 * veth pair. Generator and forwarder have one CPU each; the frames that come out are counted by the interface.
 * Needs root, two CPUs, gcc and the headers of libpcap.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { selfCommand } from "../../lab/self_command.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { compile } from "./compile.ts";
import { CONFIG, FORWARDER_DEVICE, ForwardNetwork, VIP } from "./forward_network.ts";
import { unwindOnInterrupt } from "./interruption.ts";
import { type Finding, median, progress, runBench, spread } from "./report.ts";

const ROUNDS = 5;
/** V8 has optimised the forwarding path well before this. */
const WARM_UP_MS = 2_000;
const MEASURE_MS = 3_000;
const LONGEST_START_MS = 30_000;
/** So many frames forwarded mean that it is running. */
const STARTED_FRAMES = 1_000;
/** What lvsdr is to reach, as a share of the C program. */
const WANTED_RATIO = 0.9;

interface Rates {
  readonly offeredPerSecond: number;
  readonly forwardedPerSecond: number;
}

interface Forwarder {
  readonly name: string;
  readonly command: readonly string[];
}

/** One network, and the programs that run in it by turns. */
class ForwardBench {
  readonly #network: ForwardNetwork;
  readonly #generator: readonly string[];
  readonly #log: string;
  readonly #signal: AbortSignal;

  constructor(network: ForwardNetwork, directory: string, signal: AbortSignal) {
    this.#network = network;
    this.#generator = [compile("forward_generator", directory), ...network.generatorArguments];
    this.#log = join(directory, "forwarder.log");
    this.#signal = signal;
  }

  async runRound({ command }: Forwarder): Promise<Rates> {
    const forwarding = start([...this.#network.onForwarder, ...command], this.#log);
    const flooding = start([...this.#network.onGenerator, ...this.#generator], `${this.#log}.generator`);
    try {
      await this.#waitForFrames(forwarding);
      await this.#pause(WARM_UP_MS);
      return await this.#measure();
    } finally {
      await stop(flooding);
      await stop(forwarding);
    }
  }

  /** Waits until frames come out, and fails with the forwarder's own words if they do not. */
  async #waitForFrames(child: ChildProcess): Promise<void> {
    const before = this.#network.counters().forwarded;
    const giveUpAt = performance.now() + LONGEST_START_MS;
    while (this.#network.counters().forwarded - before < STARTED_FRAMES) {
      if (child.exitCode !== null || performance.now() > giveUpAt) {
        throw new Error(`Nothing was forwarded; the forwarder said:\n${readFileSync(this.#log, "utf8")}`);
      }
      await this.#pause(100);
    }
  }

  async #measure(): Promise<Rates> {
    const before = this.#network.counters();
    const startedAt = performance.now();
    await this.#pause(MEASURE_MS);
    const after = this.#network.counters();
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      offeredPerSecond: (after.offered - before.offered) / seconds,
      forwardedPerSecond: (after.forwarded - before.forwarded) / seconds,
    };
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#signal });
  }
}

function start(command: readonly string[], log: string): ChildProcess {
  const output = openSync(log, "w");
  return spawn(command[0]!, command.slice(1), { stdio: ["ignore", output, output] });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}

function thousands(perSecond: number): string {
  return `${(perSecond / 1_000).toFixed(0)}k`;
}

function finding(reference: readonly Rates[], director: readonly Rates[]): Finding {
  const forwarded = (rates: readonly Rates[]) => median(rates.map((rate) => rate.forwardedPerSecond));
  const ratios = director.map((rates, round) =>
    rates.forwardedPerSecond / reference[round]!.forwardedPerSecond
  );
  for (const rates of [reference, director]) {
    if (rates.some((rate) => rate.forwardedPerSecond > 0.98 * rate.offeredPerSecond)) {
      progress(
        `the generator was the limit of ${rates === director ? "lvsdr" : "the C program"} in some round`,
      );
    }
  }
  return {
    what: "forwarding 60-byte frames of 256 flows over one veth pair, beside the C program",
    result: `${spread(ratios)} of its frames/s`,
    bar: { wanted: `at least ${WANTED_RATIO}`, isMet: median(ratios) >= WANTED_RATIO },
    figures: {
      ratio: median(ratios),
      lvsdrFramesPerSecond: forwarded(director),
      referenceFramesPerSecond: forwarded(reference),
      offeredFramesPerSecond: median(director.map((rate) => rate.offeredPerSecond)),
    },
  };
}

async function measure(): Promise<Finding[]> {
  const signal = unwindOnInterrupt();
  if (Deno.uid() !== 0) {
    throw new OperatorError("Cannot make network namespaces", ExitCode.NO_PERMISSION, {
      remedy: "Run as root",
    });
  }
  if (availableParallelism() < 2) {
    throw new OperatorError("Cannot measure on one CPU: one floods, another forwards", ExitCode.UNAVAILABLE);
  }
  const directory = mkdtempSync(join(tmpdir(), "lvsdr-bench-"));
  try {
    using network = new ForwardNetwork();
    const bench = new ForwardBench(network, directory, signal);
    const config = join(directory, "bench.yaml");
    writeFileSync(config, CONFIG);
    const reference: Forwarder = {
      name: "the C program",
      command: [
        compile("forward_reference", directory, "-lpcap"),
        FORWARDER_DEVICE,
        VIP,
        network.realServerMac,
      ],
    };
    const director: Forwarder = {
      name: "lvsdr",
      command: selfCommand(["director", "-c", config, "--run-dir", join(directory, "run")]),
    };
    const rates = new Map<Forwarder, Rates[]>([[reference, []], [director, []]]);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [forwarder, results] of rates) {
        const result = await bench.runRound(forwarder);
        const { offeredPerSecond, forwardedPerSecond } = result;
        progress(
          `round ${round}: ${forwarder.name} ${thousands(forwardedPerSecond)} frames/s of ` +
            `${thousands(offeredPerSecond)} offered`,
        );
        results.push(result);
      }
    }
    return [finding(rates.get(reference)!, rates.get(director)!)];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) await runBench(measure);
