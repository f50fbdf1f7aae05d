/**
 * `lvsdr lab`: a whole cluster in network namespaces of this machine, and proofs from its own traffic that direct
 * routing works. The life of one lab: built, shown, perhaps left running, removed.
 *
 * @module
 */

import type { Method } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { Cluster } from "./cluster.ts";
import { countDirectorTraffic } from "./counters.ts";
import { LabDirectory } from "./lab_directory.ts";
import { Namespace } from "./namespace.ts";
import { extendPath, requirePrograms } from "./prerequisites.ts";
import { Report } from "./report.ts";
import { selfCommandForPeople } from "./self_command.ts";
import { StatusForward } from "./status_forward.ts";
import { type Act, holds, isStolen, Story } from "./story.ts";
import { buildTopology, INTERFACE, type LabHost, type Topology, VIP } from "./topology.ts";
import { enterCommand, type Outside, outside, outsideIsGone, runInUserNamespace } from "./user_namespace.ts";

export interface LabOptions {
  /** Real servers, 1 to 20. */
  readonly servers: number;
  readonly method: Method;
  /** Requests of one round of traffic. */
  readonly requests: number;
  /** `arp`: begin with a real server that is not hardened. */
  readonly break: "arp" | null;
  /** Whether the cluster is left running until a signal. */
  readonly stay: boolean;
  readonly json: boolean;
}

export interface LabIo {
  write(text: string): void;
  writeError(text: string): void;
  readonly isTerminal: boolean;
}

const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a lab from beginning to end. Whatever happens, nothing of it is left on the machine.
 *
 * @returns `OK` only if every proof holds in a cluster that should work, and the ARP problem shows in the one that
 * should not.
 * @throws {OperatorError} If a program or a privilege is missing, or a role does not start.
 */
export async function runLab(options: LabOptions, io: LabIo): Promise<ExitCode> {
  extendPath();
  requirePrograms(options.method);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of SIGNALS) Deno.addSignalListener(signal, onSignal);
  try {
    const told = outside();
    if (told === null && Deno.uid() !== 0) {
      return await runInUserNamespace(labArguments(options), options.stay, stop.signal);
    }
    if (told !== null) outsideIsGone().then(onSignal);
    return await runLabHere(options, io, told, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    io.writeError("\nInterrupted; nothing is left behind\n");
    return ExitCode.FAILED;
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, onSignal);
  }
}

async function runLabHere(
  options: LabOptions,
  io: LabIo,
  told: Outside | null,
  signal: AbortSignal,
): Promise<ExitCode> {
  const output = options.json ? { write: () => {}, isTerminal: false } : io;
  const report = new Report(output);
  const leftovers = await LabDirectory.removeLeftovers();
  if (leftovers.length > 0) report.line(`Removed what a crashed lab had left: ${leftovers.join(", ")}`);
  const directory = await LabDirectory.create();
  let cluster: Cluster | null = null;
  try {
    report.heading(`Lab ${directory.id}: ${options.servers} real servers, method ${options.method}`);
    const topology = await report.step(
      "build the network",
      () => buildTopology(directory.id, options.servers),
    );
    // A transfer that waits for a cluster that is being stopped would wait long.
    signal.addEventListener("abort", () => Namespace.killProcesses(topology.client.namespace.name));
    cluster = new Cluster(topology, options.method, directory, signal);
    await startCluster(cluster, report);
    report.sketch(topology);

    const story = new Story(cluster, directory, report, options.requests, signal);
    const { acts, code } = await tell(story, options);
    if (options.json) io.write(JSON.stringify(summary(options, topology, acts, code), null, 2) + "\n");
    report.heading(closingWords(acts, code));
    if (options.stay) {
      using forward = told === null ? StatusForward.open(cluster.directorSocket) : null;
      explainStay(report, cluster, directory, forward?.url ?? told?.statusUrl ?? "", told);
      await aborted(signal);
    }
    return code;
  } finally {
    await cluster?.stop();
    await directory.remove();
  }
}

async function startCluster(cluster: Cluster, report: Report): Promise<void> {
  const { realServers, director } = cluster.topology;
  await report.step("start a web server on every real server", () => cluster.startServers());
  await report.step(
    `harden them: lvsdr realserver --vip ${VIP} --method ${cluster.method}`,
    () => Promise.all(realServers.map((server) => cluster.harden(server))),
  );
  await report.step("start the director; every real server is up", () => cluster.startDirector());
  await countDirectorTraffic(director);
}

/** Plays the acts that the options ask for. */
async function tell(
  story: Story,
  options: LabOptions,
): Promise<{ readonly acts: readonly Act[]; readonly code: ExitCode }> {
  if (options.break === "arp") {
    const broken = await story.broken();
    const acts = options.stay ? [broken] : [broken, await story.mended()];
    return { acts, code: acts.every(holds) ? ExitCode.OK : ExitCode.FAILED };
  }
  const hardened = await story.hardened();
  if (options.stay) return { acts: [hardened], code: holds(hardened) ? ExitCode.OK : ExitCode.FAILED };
  const broken = await story.broken();
  const mended = await story.mended();
  const isAsExpected = holds(hardened) && isStolen(broken, story.thief) && holds(mended);
  return { acts: [hardened, broken, mended], code: isAsExpected ? ExitCode.OK : ExitCode.FAILED };
}

function closingWords(acts: readonly Act[], code: ExitCode): string {
  const failed = acts.filter((act) => act.name !== "broken" && !holds(act));
  if (failed.length > 0) {
    return `A proof fails where all should hold: ${failed.map(({ name }) => name).join(", ")}`;
  }
  if (acts.every((act) => act.name !== "broken")) return "Every proof holds";
  if (code === ExitCode.OK) {
    return "Every proof holds, fails while one real server steals the VIP, and holds again";
  }
  return acts.length === 1
    ? "Proofs fail while one real server steals the VIP"
    : "Proofs fail while one real server steals the VIP, and hold once it is hardened";
}

function summary(options: LabOptions, topology: Topology, acts: readonly Act[], code: ExitCode): unknown {
  const host = ({ name, address, mac }: { name: string; address: string; mac: string }) => ({
    name,
    address,
    mac,
  });
  return {
    ok: code === ExitCode.OK,
    method: options.method,
    vip: VIP,
    client: host(topology.client),
    director: host(topology.director),
    realServers: topology.realServers.map((server) => ({ ...host(server), weight: server.weight })),
    acts: acts.map((act) => ({
      name: act.name,
      holds: holds(act),
      answered: Object.fromEntries(
        topology.realServers.map(({ name }) => [
          name,
          act.measurement.results.filter((result) => result.server === name).length,
        ]),
      ),
      learntMacs: act.measurement.learntMacs,
      proofs: act.proofs,
    })),
  };
}

function explainStay(
  report: Report,
  cluster: Cluster,
  directory: LabDirectory,
  statusUrl: string,
  told: Outside | null,
): void {
  const { client, director, realServers } = cluster.topology;
  const last = realServers.at(-1)!;
  const inside = (host: LabHost, command: string) => `ip netns exec ${host.namespace.name} ${command}`;
  const self = selfCommandForPeople();
  const lines = [
    ["status page", statusUrl],
    ...(told === null ? [] : [["enter the lab", enterCommand(told)]]),
    ["a request", inside(client, `curl http://${VIP}/`)],
    ["who has the VIP", inside(client, `ip neigh show to ${VIP}`)],
    // Root of a user namespace cannot run it: tcpdump gives up rights that it may not give up there.
    ...(told === null
      ? [["the director's wire", inside(director, `tcpdump -i ${INTERFACE} -nn -e host ${VIP}`)]]
      : []),
    ["director's state", `${self} status --run-dir ${directory.file("director")}`],
    ["audit a real server", inside(last, `${self} ${cluster.hardenArguments(last).join(" ")} --check`)],
    ["logs", `tail -n 20 ${directory.file("*.log")}`],
  ];
  report.heading("The cluster stays until Ctrl-C. Things to try:");
  for (const [what, command] of lines) report.line(`  ${what!.padEnd(20)} ${report.paint(command!, "cyan")}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function labArguments(options: LabOptions): string[] {
  return [
    ...["lab", "--servers", String(options.servers), "--method", options.method],
    ...["--requests", String(options.requests)],
    ...(options.break === null ? [] : ["--break", options.break]),
    ...(options.stay ? ["--stay"] : []),
    ...(options.json ? ["--json"] : []),
  ];
}
