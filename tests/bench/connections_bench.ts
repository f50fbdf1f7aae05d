/**
 * New TCP connections a second: wrk(1) asks nginx for a few bytes, each time over a connection of its own, on a direct
 * path, through a C program of the same shape and through lvsdr, in alternation. Everything shares the machine's CPUs,
 * so that what a forwarder costs the others is part of the result.
 *
 * @module
 */

import { HTTP_PORT, type LabHost } from "../../lab/topology.ts";
import { VIP } from "../lab/real_cluster.ts";
import { unwindOnInterrupt } from "./interruption.ts";
import { type Finding, median, progress, runBench, spread } from "./report.ts";
import { type Path, PATHS, ThreePaths } from "./three_paths.ts";

const ROUNDS = 5;
const ROUND_SECONDS = 2;
const WARM_UP_SECONDS = 2;
const CONNECTIONS_AT_A_TIME = 16;

async function measure(): Promise<Finding[]> {
  const signal = unwindOnInterrupt();
  const service = { name: "web", vip: VIP, protocol: "tcp", port: HTTP_PORT, health: "none" } as const;
  await using paths = await ThreePaths.create([service]);
  await forgetClosedConnections([paths.client, paths.server]);
  const perSecond = async (path: Path, seconds: number): Promise<number> => {
    signal.throwIfAborted();
    await paths.take(path);
    const output = await paths.client.namespace.require("wrk", [
      ...["-t1", `-c${CONNECTIONS_AT_A_TIME}`, `-d${seconds}s`],
      ...["-H", "Connection: close", `http://${VIP}/`],
    ]);
    // wrk counts a connection that its server has closed, as it was asked to, as a read error at times; not this one.
    if (/connect [1-9]|timeout [1-9]|Non-2xx/.test(output)) throw new Error(`Connections failed:\n${output}`);
    return Number(/Requests\/sec:\s*([\d.]+)/.exec(output)?.[1] ?? NaN);
  };

  for (const path of PATHS) await perSecond(path, WARM_UP_SECONDS);
  const rounds: Record<Path, number>[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const rates = {
      direct: await perSecond("direct", ROUND_SECONDS),
      reference: await perSecond("reference", ROUND_SECONDS),
      lvsdr: await perSecond("lvsdr", ROUND_SECONDS),
    };
    progress(
      `round ${round}: ${PATHS.map((path) => `${path} ${rates[path].toFixed(0)}`).join(", ")} a second`,
    );
    rounds.push(rates);
  }
  return [finding(rounds, "direct", "the direct path"), finding(rounds, "reference", "the C program")];
}

/** A port that waits to be used again, for a minute, is none that the next connection can have: they last for two seconds. */
async function forgetClosedConnections(hosts: readonly LabHost[]): Promise<void> {
  for (const { namespace } of hosts) {
    await namespace.setSysctls({
      "net.ipv4.tcp_max_tw_buckets": 0,
      "net.ipv4.ip_local_port_range": "1024 65535",
    });
  }
}

function finding(rounds: readonly Record<Path, number>[], other: Path, name: string): Finding {
  const ratios = rounds.map((rates) => rates.lvsdr / rates[other]);
  return {
    what: `new TCP connections/s through the VIP (wrk, nginx), beside ${name}`,
    result: `${spread(ratios)} of its rate`,
    figures: {
      ratio: median(ratios),
      lvsdrPerSecond: median(rounds.map(({ lvsdr }) => lvsdr)),
      otherPerSecond: median(rounds.map((rates) => rates[other])),
    },
  };
}

if (import.meta.main) await runBench(measure);
