/**
 * `lvsdr lab`: a whole cluster in network namespaces of this machine, and proofs from its own traffic that direct
 * routing works. The life of one lab: built, shown, perhaps left running, removed.
 *
 * @module
 */

import type { Method } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { BreakCourse, type BreakReport, isAsExpected } from "./break_course.ts";
import { BREAK_NAMES, type BreakName } from "./break_name.ts";
import { BREAKS } from "./breaks.ts";
import { isCalm, keepCalm } from "./calm.ts";
import { Cluster } from "./cluster.ts";
import { countDirectorTraffic } from "./counters.ts";
import { Interruption, isInterrupted } from "./interruption.ts";
import { LabDirectory } from "./lab_directory.ts";
import { Namespace } from "./namespace.ts";
import type { Output } from "./output.ts";
import { extendPath, requirePrograms } from "./prerequisites.ts";
import { Report } from "./report.ts";
import { selfCommandForPeople } from "./self_command.ts";
import { StatusForward } from "./status_forward.ts";
import { holds, isStolen, Story, type StoryStage } from "./story.ts";
import { type Shown, summary } from "./summary.ts";
import { Terminal } from "./terminal.ts";
import { buildTopology, INTERFACE, type LabHost } from "./topology.ts";
import { urlOf } from "./traffic.ts";
import { enterCommand, type Outside, outside, outsideIsGone, runInUserNamespace } from "./user_namespace.ts";
import { Witnesses } from "./witnesses.ts";

export interface LabOptions {
  /** Real servers, 1 to 20. */
  readonly servers: number;
  readonly method: Method | "auto";
  /** Whether VIP, clients and servers are on IPv6 instead of IPv4. */
  readonly ipv6: boolean;
  /** Requests of one round of traffic. */
  readonly requests: number;
  /** Mistakes to make and to mend, in place of the usual story. */
  readonly breaks: readonly BreakName[];
  /** How many times all neighbor caches are flushed to show that nothing is found; `null` means not at all. */
  readonly flushes: number | null;
  /** Whether the cluster is left running until a signal. */
  readonly stay: boolean;
  readonly json: boolean;
}

export interface LabIo {
  write(text: string): void;
  writeError(text: string): void;
  readonly isTerminal: boolean;
}

/** Of terminals that do not know how wide they are. */
const USUAL_COLUMNS = 80;

/**
 * Runs a lab from beginning to end. Whatever happens, nothing of it is left on the machine.
 *
 * @returns `OK` only if every proof holds in a cluster that should work, and the ARP problem shows in the one that
 * should not; the code of an interruption if a signal came before that was known.
 * @throws {OperatorError} If a program or a privilege is missing, or a role does not start.
 */
export async function runLab(options: LabOptions, io: LabIo): Promise<ExitCode> {
  assertPossible(options);
  extendPath();
  requirePrograms(options.method);
  using interruption = new Interruption();
  const { signal } = interruption;
  try {
    const told = outside();
    if (told === null && Deno.uid() !== 0) {
      const code = await runInUserNamespace(labArguments(options), options.stay, signal);
      // Which signal it was, the lab inside cannot know.
      return isInterrupted(code) && signal.aborted ? interruption.exitCode : code;
    }
    if (told !== null) outsideIsGone().then(() => interruption.stop("SIGTERM"));
    return await runLabHere(options, io, told, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    io.writeError("\nInterrupted; nothing is left behind\n");
    return interruption.exitCode;
  }
}

async function runLabHere(
  options: LabOptions,
  io: LabIo,
  told: Outside | null,
  signal: AbortSignal,
): Promise<ExitCode> {
  const report = new Report(outputOf(options, io));
  const leftovers = await LabDirectory.removeLeftovers();
  if (leftovers.length > 0) report.line(`Removed what a crashed lab had left: ${leftovers.join(", ")}`);
  const directory = await LabDirectory.create();
  let cluster: Cluster | null = null;
  try {
    const protocol = options.ipv6 ? "IPv6" : "IPv4";
    report.heading(
      `Lab ${directory.id}: ${options.servers} real servers, ${protocol}, method ${options.method}`,
    );
    const topology = await report.step(
      "build the network",
      () =>
        buildTopology(directory.id, options.servers, {
          family: options.ipv6 ? 6 : 4,
          hasSpare: options.breaks.some((name) => BREAKS[name].culprit === "spare"),
        }),
    );
    // A transfer that waits for a cluster that is being stopped would wait long.
    signal.addEventListener("abort", () => Namespace.killProcesses(topology.client.namespace.name));
    cluster = new Cluster(topology, options.method, directory, signal);
    await startCluster(cluster, report);
    report.sketch(topology);

    const shown = await show({ cluster, directory, report, signal }, options);
    if (options.json) io.write(JSON.stringify(summary(cluster, shown), null, 2) + "\n");
    report.heading(closingWords(shown, options.stay));
    if (options.stay) {
      using forward = told === null ? StatusForward.open(cluster.directorSocket) : null;
      const { realServers, spare } = topology;
      const culprit = [...realServers, spare].find((host) => host?.name === shown.breaks[0]?.host);
      const place = { cluster, directory, host: culprit ?? realServers.at(-1)! };
      explainStay(report, place, forward?.url ?? told?.statusUrl ?? "", told);
      await aborted(signal);
    }
    return shown.ok ? ExitCode.OK : ExitCode.FAILED;
  } finally {
    await cluster?.stop();
    await directory.remove();
  }
}

function outputOf({ json }: LabOptions, { write, isTerminal }: LabIo): Output {
  if (json) return { write: () => {}, isTerminal: false, columns: Infinity };
  return {
    write,
    isTerminal,
    // Read anew for each line: windows change.
    get columns() {
      return isTerminal ? terminalColumns() : Infinity;
    },
  };
}

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS; // it was closed: what is cleaned up meanwhile is told to nobody
  }
}

/** What a lab is made of while it is shown. */
type Stage = Omit<StoryStage, "terminal">;

/** @throws {OperatorError} If the options contradict each other. */
function assertPossible({ breaks, method, ipv6, servers, stay }: LabOptions): void {
  const refuse = (problem: string, remedy: string) => {
    throw new OperatorError(problem, ExitCode.USAGE, { remedy });
  };
  if (method === "arptables" && ipv6) {
    refuse("Method arptables is for IPv4 only", "Use --method nft, which has the same rules for both");
  }
  if (breaks.length === 0) return;
  const family = ipv6 ? 6 : 4;
  const missing = breaks.filter((name) => !BREAKS[name].families.includes(family));
  if (missing.length > 0) {
    const possible = BREAK_NAMES.filter((name) => BREAKS[name].families.includes(family));
    refuse(
      `IPv6 has no such mistake as ${missing.join(", ")}`,
      `With --ipv6 there are ${possible.join(", ")}`,
    );
  }
  if (method !== "loopback" && method !== "auto") {
    refuse(
      `Mistakes are made with the VIP on lo, where method ${method} does not put it`,
      "Use --method loopback",
    );
  }
  if (servers < 2) refuse("A mistake needs one real server more, which is right", "Use --servers 2 or more");
  if (stay && breaks.length > 1) refuse("Only one mistake can stay", "Use --break once");
}

async function startCluster(cluster: Cluster, report: Report): Promise<void> {
  const { realServers, director } = cluster.topology;
  await report.step("start a web server on every real server", () => cluster.startServers());
  await report.step(
    `harden them: lvsdr realserver --vip ${cluster.topology.vip} --method ${cluster.method}`,
    () => Promise.all(realServers.map((server) => cluster.harden(server))),
  );
  await report.step("start the director; every real server is up", () => cluster.startDirector());
  await countDirectorTraffic(director, cluster.topology.vip);
}

/** Plays what the options ask for. */
async function show(stage: Stage, options: LabOptions): Promise<Shown> {
  const { cluster, directory, report, signal } = stage;
  const terminal = await Terminal.open(directory, signal);
  if (options.breaks.length === 0 && options.flushes === null) {
    const story = new Story({ ...stage, terminal }, options.requests);
    return { breaks: [], calm: null, ...await tell(story, options) };
  }
  const witnesses = new Witnesses(cluster, terminal);
  const calm = options.flushes === null
    ? null
    : await keepCalm(cluster, witnesses, options.flushes, report, signal);
  const course = new BreakCourse(cluster, terminal, witnesses, report, signal);
  const breaks: BreakReport[] = [];
  for (const name of BREAK_NAMES.filter((known) => options.breaks.includes(known))) {
    breaks.push(await course.run(name, options.stay));
  }
  const areBreaksFine = breaks.every((told) =>
    options.stay ? told.suffers && told.isNamed : isAsExpected(told)
  );
  return { acts: [], breaks, calm, ok: areBreaksFine && (calm === null || isCalm(calm)) };
}

async function tell(story: Story, options: LabOptions): Promise<Pick<Shown, "acts" | "ok">> {
  const hardened = await story.hardened();
  if (options.stay) return { acts: [hardened], ok: holds(hardened) };
  const { act: broken, alarm } = await story.broken();
  // Without an alarm nobody knows what to type.
  if (alarm === null) return { acts: [hardened, broken], ok: false };
  const mended = await story.mended(alarm);
  const isAsExpected = holds(hardened) && isStolen(broken, story.thief) && holds(mended);
  return { acts: [hardened, broken, mended], ok: isAsExpected };
}

function closingWords({ acts, breaks, calm, ok }: Shown, stays: boolean): string {
  const failed = acts.filter((act) => act.name !== "broken" && !holds(act));
  if (failed.length > 0) {
    return `A proof fails where all should hold: ${failed.map(({ name }) => name).join(", ")}`;
  }
  if (breaks.length > 0) {
    if (!ok) return "Something was not as it must be, see FAILS above";
    if (stays) return "The client suffers, and lvsdr says why";
    const count = breaks.length === 1 ? "The mistake was" : `Each of ${breaks.length} mistakes was`;
    return `${count} suffered from, named by lvsdr, and mended by typing what it says`;
  }
  if (calm !== null) return ok ? "All is quiet" : "Something was found although nothing is broken";
  if (acts.every((act) => act.name !== "broken")) return "Every proof holds";
  if (ok) return "Every proof holds, fails while one real server steals the VIP, and holds again";
  return acts.some((act) => act.name === "mended")
    ? "The ARP problem did not show"
    : "The director did not notice the ARP problem";
}

function explainStay(
  report: Report,
  { cluster, directory, host }: {
    readonly cluster: Cluster;
    readonly directory: LabDirectory;
    /** Where there is most to type. */
    readonly host: LabHost;
  },
  statusUrl: string,
  told: Outside | null,
): void {
  const { vip, client, director, realServers } = cluster.topology;
  const last = realServers.at(-1)!;
  const inside = (host: LabHost, command: string) => `ip netns exec ${host.namespace.name} ${command}`;
  const self = selfCommandForPeople();
  const lines = [
    ["status page", statusUrl],
    ...(told === null ? [] : [["enter the lab", enterCommand(told)]]),
    ["a request", inside(client, `curl ${urlOf(vip)}/`)],
    ["who has the VIP", inside(client, `ip neigh show to ${vip}`)],
    // Root of a user namespace cannot run it: tcpdump gives up rights that it may not give up there.
    ...(told === null
      ? [["the director's wire", inside(director, `tcpdump -i ${INTERFACE} -nn -e host ${vip}`)]]
      : []),
    ["director's state", `${self} status --run-dir ${directory.file("director")}`],
    ["audit a real server", inside(last, `${self} ${cluster.hardenArguments(last).join(" ")} --check`)],
    // As it is typed by the lab itself.
    [
      `a shell on ${host.name}`,
      inside(
        host,
        `env PATH="${directory.file("bin")}:$PATH" LVSDR_RUN_DIR=${directory.file(host.name)} bash`,
      ),
    ],
    ["logs", `tail -n 20 ${directory.file("*.log")}`],
  ];
  report.heading("The cluster stays until Ctrl-C. Things to try in another terminal:");
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
    ...(options.ipv6 ? ["--ipv6"] : []),
    ...options.breaks.flatMap((name) => ["--break", name]),
    ...(options.flushes === null ? [] : ["--flush", String(options.flushes)]),
    ...(options.stay ? ["--stay"] : []),
    ...(options.json ? ["--json"] : []),
  ];
}
