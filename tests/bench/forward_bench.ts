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
import { CONFIG, FORWARDER_DEVICE, ForwardNetwork, REFERENCE_VIP, VIP } from "./forward_network.ts";
import { unwindOnInterrupt } from "./interruption.ts";
import { type Finding, median, middleHalf, progress, runBench } from "./report.ts";

/** One after the other without a pause between: what else the machine does meets both alike. */
const COUNTED_ROUNDS = 30;
/** Rounds after which it gives up on a machine that does not make frames fast enough. */
const MOST_ROUNDS = 240;
/** Rounds between two words of progress. */
const REPORTED_ROUNDS = 10;
/** V8 has optimised the forwarding path well before this. */
const WARM_UP_MS = 3_000;
/** From the first frame of a round on, until queues and caches are as they stay. */
const SETTLE_MS = 50;
const MEASURE_MS = 200;
/** Time in which a forwarder that has frames left sends some. */
const DRAIN_MS = 20;
const LONGEST_START_MS = 30_000;
/** So many frames forwarded mean that it is running. */
const STARTED_FRAMES = 1_000;
/** What lvsdr is to reach, as a share of the C program. */
const WANTED_RATIO = 0.9;

/** Frames forwarded of those offered, from which on the generator may have been the slower one. */
const BUSY_SHARE = 0.98;

interface Rates {
  readonly offeredPerSecond: number;
  readonly forwardedPerSecond: number;
}

interface Round {
  readonly reference: Rates;
  readonly director: Rates;
}

interface ForwarderParts {
  readonly name: string;
  /** VIP whose frames it forwards; they are all that it takes in. */
  readonly vip: string;
  readonly command: readonly string[];
  /** Path of the program that floods it. */
  readonly generator: string;
}

/** A forwarder, and the generator of its frames, which is stopped unless it is the turn of this one. */
class Contender implements AsyncDisposable {
  readonly name: string;
  readonly #network: ForwardNetwork;
  readonly #forwarding: ChildProcess;
  readonly #flooding: ChildProcess;
  readonly #log: string;
  readonly #signal: AbortSignal;

  constructor(parts: ForwarderParts, network: ForwardNetwork, directory: string, signal: AbortSignal) {
    this.name = parts.name;
    this.#network = network;
    this.#log = join(directory, `${parts.vip}.log`);
    this.#signal = signal;
    this.#forwarding = start([...network.onForwarder, ...parts.command], this.#log);
    const flood = [...network.onGenerator, parts.generator, ...network.generatorArguments(parts.vip)];
    this.#flooding = start(flood, `${this.#log}.generator`);
  }

  /** Waits until frames come out and a while longer, and fails with the forwarder's own words if none do. */
  async warmUp(): Promise<void> {
    const before = (await this.#network.counters()).forwarded;
    const giveUpAt = performance.now() + LONGEST_START_MS;
    while ((await this.#network.counters()).forwarded - before < STARTED_FRAMES) {
      if (this.#forwarding.exitCode !== null || performance.now() > giveUpAt) {
        throw new Error(`Nothing was forwarded; the forwarder said:\n${readFileSync(this.#log, "utf8")}`);
      }
      await this.#pause(100);
    }
    await this.#pause(WARM_UP_MS);
    await this.#endRound();
  }

  async runRound(): Promise<Rates> {
    Deno.kill(this.#flooding.pid!, "SIGCONT");
    await this.#pause(SETTLE_MS);
    const before = await this.#network.counters();
    const startedAt = performance.now();
    await this.#pause(MEASURE_MS);
    const after = await this.#network.counters();
    const seconds = (performance.now() - startedAt) / 1_000;
    await this.#endRound();
    return {
      offeredPerSecond: (after.offered - before.offered) / seconds,
      forwardedPerSecond: (after.forwarded - before.forwarded) / seconds,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#flooding);
    await stop(this.#forwarding);
  }

  /** Stops the flood, and waits until what is left of it is forwarded: the next one is to have the CPU to itself. */
  async #endRound(): Promise<void> {
    Deno.kill(this.#flooding.pid!, "SIGSTOP");
    let forwarded: number;
    do {
      ({ forwarded } = await this.#network.counters());
      await this.#pause(DRAIN_MS);
    } while ((await this.#network.counters()).forwarded > forwarded);
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
  // One that is stopped heeds nothing else.
  Deno.kill(child.pid!, "SIGCONT");
  await exited;
}

function thousands(perSecond: number): string {
  return `${(perSecond / 1_000).toFixed(0)}k`;
}

/** Whether frames were there all the time: without them nothing is learnt of the forwarder. */
function isBusy({ offeredPerSecond, forwardedPerSecond }: Rates): boolean {
  return forwardedPerSecond < BUSY_SHARE * offeredPerSecond;
}

/** What is in the middle of the rounds, each for itself. */
function medians(rounds: readonly Round[]): [reference: number, director: number] {
  return [
    median(rounds.map(({ reference }) => reference.forwardedPerSecond)),
    median(rounds.map(({ director }) => director.forwardedPerSecond)),
  ];
}

function finding(rounds: readonly Round[]): Finding {
  const ratios = rounds.map(({ reference, director }) =>
    director.forwardedPerSecond / reference.forwardedPerSecond
  );
  const [ofReference, ofDirector] = medians(rounds);
  return {
    what: "forwarding 60-byte frames of 256 flows over one veth pair, beside the C program",
    result: `${middleHalf(ratios)} of its frames/s`,
    bar: { wanted: `at least ${WANTED_RATIO}`, isMet: median(ratios) >= WANTED_RATIO },
    figures: {
      ratio: median(ratios),
      lvsdrFramesPerSecond: ofDirector,
      referenceFramesPerSecond: ofReference,
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
    const config = join(directory, "bench.yaml");
    writeFileSync(config, CONFIG);
    const generator = compile("forward_generator", directory);
    await using reference = new Contender(
      {
        name: "the C program",
        vip: REFERENCE_VIP,
        command: [
          compile("forward_reference", directory, "-lpcap"),
          FORWARDER_DEVICE,
          REFERENCE_VIP,
          network.realServerMac,
        ],
        generator,
      },
      network,
      directory,
      signal,
    );
    await reference.warmUp();
    await using director = new Contender(
      {
        name: "lvsdr",
        vip: VIP,
        command: selfCommand(["director", "-c", config, "--run-dir", join(directory, "run")]),
        generator,
      },
      network,
      directory,
      signal,
    );
    await director.warmUp();
    const rounds: Round[] = [];
    let run = 0;
    for (; run < MOST_ROUNDS && rounds.length < COUNTED_ROUNDS; run++) {
      const round = { reference: await reference.runRound(), director: await director.runRound() };
      if (!isBusy(round.reference) || !isBusy(round.director)) continue;
      rounds.push(round);
      if (rounds.length % REPORTED_ROUNDS === 0) {
        const [ofReference, ofDirector] = medians(rounds.slice(-REPORTED_ROUNDS));
        progress(
          `round ${rounds.length} of ${COUNTED_ROUNDS}: ${reference.name} ${
            thousands(ofReference)
          } frames/s, ` +
            `${director.name} ${thousands(ofDirector)}`,
        );
      }
    }
    if (rounds.length < COUNTED_ROUNDS) {
      throw new OperatorError(
        `In ${run - rounds.length} of ${run} rounds frames were made more slowly than they were forwarded`,
        ExitCode.UNAVAILABLE,
        { remedy: "Measure again when nothing else works on this machine" },
      );
    }
    progress(`${run - rounds.length} more do not count: frames were made more slowly than forwarded`);
    return [finding(rounds)];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) await runBench(measure);
