/**
 * What a director takes when nobody asks anything of it: its processor time and its memory, with one service, two
 * real servers and their health checks.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { RealCluster, VIP } from "../lab/real_cluster.ts";
import { unwindOnInterrupt } from "./interruption.ts";
import { type Finding, progress, runBench } from "./report.ts";

const SETTLE_MS = 3_000;
const MEASURE_MS = 20_000;
/** USER_HZ, which is 100 on every architecture lvsdr runs on. */
const TICKS_PER_SECOND = 100;
const WANTED_PERCENT = 1;

async function measure(): Promise<Finding[]> {
  const signal = unwindOnInterrupt();
  await using cluster = await RealCluster.create({ realServers: 2 });
  const { pid } = await cluster.startDirector([
    { name: "web", vip: VIP, protocol: "tcp", port: 80, servers: cluster.servers() },
  ]);
  await sleep(SETTLE_MS, undefined, { signal });
  progress(`watching it for ${MEASURE_MS / 1_000} s`);
  const [ticksBefore, startedAt] = [ticks(pid), performance.now()];
  await sleep(MEASURE_MS, undefined, { signal });
  const seconds = (performance.now() - startedAt) / 1_000;
  const percent = (ticks(pid) - ticksBefore) / TICKS_PER_SECOND / seconds * 100;
  const residentMegabytes = residentBytes(pid) / 1e6;
  return [
    {
      what: "processor time of an idle director",
      result: `${percent.toFixed(2)} % of a core`,
      bar: { wanted: `below ${WANTED_PERCENT} %`, isMet: percent < WANTED_PERCENT },
      figures: { percent },
    },
    {
      what: "resident memory of an idle director, capture rings included",
      result: `${residentMegabytes.toFixed(0)} MB`,
      figures: { residentMegabytes },
    },
  ];
}

/** Processor time of all threads of a process (proc_pid_stat(5)). */
function ticks(pid: number): number {
  const stat = readProc(pid, "stat");
  // The name before it may hold anything. utime and stime are the 14th and 15th field, 12th and 13th from here.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readProc(pid, "status"))![1]) * 1_024;
}

/** By cat(1): Deno itself reads nothing below /proc unless everything is permitted. */
function readProc(pid: number, file: string): string {
  return execFileSync("cat", [`/proc/${pid}/${file}`], { encoding: "utf8" });
}

if (import.meta.main) await runBench(measure);
