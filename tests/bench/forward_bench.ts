/**
 * Frames a second that `lvsdr director` forwards, beside a C program of the same shape, in alternation on the same
 * veth pair. Generator and forwarder have one CPU each; the frames that come out are counted by the interface.
 * Run by `./dev bench`; needs root, two CPUs, gcc and the headers of libpcap.
 *
 * @module
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { selfCommand } from "../../lab/self_command.ts";
import { CONFIG, FORWARDER_DEVICE, ForwardNetwork, VIP } from "./forward_network.ts";

const ROUNDS = 5;
/** V8 has optimised the forwarding path well before this. */
const WARM_UP_MS = 2_000;
const MEASURE_MS = 3_000;
const LONGEST_START_MS = 30_000;
/** So many frames forwarded mean that it is running. */
const STARTED_FRAMES = 1_000;
/** What lvsdr is to reach, as a share of the C program. */
const WANTED_RATIO = 0.8;

/** Ctrl-C ends the waiting, so that the namespaces are still removed. */
const interruption = new AbortController();

interface Rates {
  readonly offeredPerSecond: number;
  readonly forwardedPerSecond: number;
}

interface Forwarder {
  readonly name: string;
  readonly command: readonly string[];
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function pause(milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: interruption.signal });
}

function compile(program: string, directory: string, ...libraries: string[]): string {
  const output = join(directory, program);
  const source = fileURLToPath(new URL(`./${program}.c`, import.meta.url));
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-o", output, source, ...libraries], { stdio: "inherit" });
  return output;
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

async function measure(network: ForwardNetwork): Promise<Rates> {
  const before = network.counters();
  const startedAt = performance.now();
  await pause(MEASURE_MS);
  const after = network.counters();
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    offeredPerSecond: (after.offered - before.offered) / seconds,
    forwardedPerSecond: (after.forwarded - before.forwarded) / seconds,
  };
}

/** Waits until frames come out, and fails with the forwarder's own words if they do not. */
async function waitForFrames(network: ForwardNetwork, child: ChildProcess, log: string): Promise<void> {
  const before = network.counters().forwarded;
  const giveUpAt = performance.now() + LONGEST_START_MS;
  while (network.counters().forwarded - before < STARTED_FRAMES) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      throw new Error(`Nothing was forwarded; the forwarder said:\n${readFileSync(log, "utf8")}`);
    }
    await pause(100);
  }
}

async function runRound(
  network: ForwardNetwork,
  forwarder: Forwarder,
  generator: readonly string[],
  log: string,
): Promise<Rates> {
  const forwarding = start([...network.onForwarder, ...forwarder.command], log);
  const flooding = start([...network.onGenerator, ...generator], `${log}.generator`);
  try {
    await waitForFrames(network, forwarding, log);
    await pause(WARM_UP_MS);
    return await measure(network);
  } finally {
    await stop(flooding);
    await stop(forwarding);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function summary(name: string, rates: readonly Rates[]): string {
  const forwarded = rates.map((rate) => rate.forwardedPerSecond);
  const [middle, least, most] = [median(forwarded), Math.min(...forwarded), Math.max(...forwarded)].map(
    thousands,
  );
  const offered = thousands(median(rates.map((rate) => rate.offeredPerSecond)));
  return `  ${name.padEnd(12)} ${middle}k frames/s forwarded (${least}k to ${most}k), ${offered}k offered`;
}

function thousands(perSecond: number): string {
  return (perSecond / 1_000).toFixed(0);
}

function report(reference: readonly Rates[], director: readonly Rates[]): void {
  const ratios = director.map((rates, round) =>
    rates.forwardedPerSecond / reference[round]!.forwardedPerSecond
  );
  print(`Median of ${ROUNDS} rounds of ${MEASURE_MS / 1_000} s each, 60-byte UDP frames of 256 flows:`);
  print(summary("C + libpcap", reference));
  print(summary("lvsdr", director));
  const ratio = median(ratios);
  const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  print(`  ratio        ${ratio.toFixed(2)} (${spread}); ${WANTED_RATIO} is wanted`);
  for (const rates of [reference, director]) {
    if (rates.some((rate) => rate.forwardedPerSecond > 0.98 * rate.offeredPerSecond)) {
      print(`  the generator was the limit of ${rates === director ? "lvsdr" : "C + libpcap"} in some round`);
    }
  }
}

async function main(): Promise<void> {
  if (Deno.uid() !== 0) throw new Error("The bench needs root: it makes network namespaces");
  if (availableParallelism() < 2) throw new Error("The bench needs two CPUs: one floods, one forwards");
  const directory = mkdtempSync(join(tmpdir(), "lvsdr-bench-"));
  try {
    using network = new ForwardNetwork();
    const generator = [compile("forward_generator", directory), ...network.generatorArguments];
    const config = join(directory, "bench.yaml");
    writeFileSync(config, CONFIG);
    const forwarders: Forwarder[] = [
      {
        name: "C + libpcap",
        command: [
          ...[compile("forward_reference", directory, "-lpcap"), FORWARDER_DEVICE],
          ...[VIP, network.realServerMac],
        ],
      },
      {
        name: "lvsdr",
        command: selfCommand(["director", "-c", config, "--run-dir", join(directory, "run")]),
      },
    ];
    const rates: Rates[][] = [[], []];
    print(`Forwarding: ${ROUNDS} rounds, about a minute and a half`);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [index, forwarder] of forwarders.entries()) {
        const log = join(directory, "forwarder.log");
        const result = await runRound(network, forwarder, generator, log);
        print(`round ${round}: ${forwarder.name} ${thousands(result.forwardedPerSecond)}k frames/s`);
        rates[index]!.push(result);
      }
    }
    report(rates[0]!, rates[1]!);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) {
  Deno.addSignalListener("SIGINT", () => interruption.abort());
  await main();
}
