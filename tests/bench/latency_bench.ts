/**
 * What the director adds to a round trip: small datagrams from a client to a real server and straight back, one at a
 * time, on a direct path, through a C program of the same shape and through lvsdr, in alternation. Client and real
 * server share one CPU, the forwarders have the other.
 *
 * @module
 */

import { VIP } from "../lab/real_cluster.ts";
import { compile } from "./compile.ts";
import { unwindOnInterrupt } from "./interruption.ts";
import { type Finding, median, progress, runBench } from "./report.ts";
import { type Path, PATHS, ThreePaths } from "./three_paths.ts";

const PORT = 7_000;
const ROUNDS = 11;
const ROUND_TRIPS = 5_000;
/** V8 has optimised the forwarding path well before this. */
const WARM_UP_ROUND_TRIPS = 30_000;
const CLIENT_CPU = 0;
const FORWARDER_CPU = 1;
/** What lvsdr may add to the 99th percentile, as a multiple of what the C program adds. */
const WANTED_RATIO = 2;

/** Percentiles of one round, in microseconds. */
interface RoundTrips {
  readonly p50: number;
  readonly p99: number;
}

async function measure(): Promise<Finding[]> {
  const signal = unwindOnInterrupt();
  const service = { name: "echo", vip: VIP, protocol: "udp", port: PORT, health: "none" } as const;
  await using paths = await ThreePaths.create([service], FORWARDER_CPU);
  const program = compile("ping_pong", paths.cluster.folder);
  const onClientCpu = ["-c", String(CLIENT_CPU), program];
  paths.cluster.spawn(paths.server, "taskset", [...onClientCpu, "serve", VIP, String(PORT)]);
  await paths.cluster.until(
    "the echo server listens",
    async () => (await paths.server.namespace.require("ss", ["-Huln"])).includes(`${VIP}:${PORT}`),
  );
  const ask = async (path: Path, count: number): Promise<RoundTrips> => {
    signal.throwIfAborted();
    await paths.take(path);
    const words = ["ask", VIP, String(PORT), String(count)];
    const output = await paths.client.namespace.require("taskset", [...onClientCpu, ...words]);
    const [p50, p99] = output.trim().split(" ").map((nanoseconds) => Number(nanoseconds) / 1_000);
    return { p50: p50!, p99: p99! };
  };

  for (const path of PATHS) await ask(path, WARM_UP_ROUND_TRIPS);
  const rounds: Record<Path, RoundTrips>[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const times = {
      direct: await ask("direct", ROUND_TRIPS),
      reference: await ask("reference", ROUND_TRIPS),
      lvsdr: await ask("lvsdr", ROUND_TRIPS),
    };
    progress(`round ${round}: ${PATHS.map((path) => `${path} ${text(times[path])}`).join("; ")}`);
    rounds.push(times);
  }
  return [finding(rounds, "p50"), finding(rounds, "p99")];
}

function text({ p50, p99 }: RoundTrips): string {
  return `p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs`;
}

function finding(rounds: readonly Record<Path, RoundTrips>[], percentile: keyof RoundTrips): Finding {
  const of = (path: Path) => median(rounds.map((times) => times[path][percentile]));
  const added = (path: Path) =>
    median(rounds.map((times) => times[path][percentile] - times.direct[percentile]));
  const ratio = added("lvsdr") / added("reference");
  const microseconds = (path: Path) => `${added(path).toFixed(1)} µs`;
  return {
    what: `what a forwarder adds to a round trip, ${percentile}`,
    result: `${microseconds("lvsdr")}, ${ratio.toFixed(2)} of what the C program adds, ${
      microseconds("reference")
    }`,
    ...(percentile === "p99" &&
      { bar: { wanted: `at most ${WANTED_RATIO}`, isMet: ratio <= WANTED_RATIO } }),
    figures: {
      addedRatio: ratio,
      directMicroseconds: of("direct"),
      referenceMicroseconds: of("reference"),
      lvsdrMicroseconds: of("lvsdr"),
    },
  };
}

if (import.meta.main) await runBench(measure);
