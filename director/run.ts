/**
 * The life of a director: everything is opened in one order and closed in the reverse one.
 *
 * @module
 */

import { resolve } from "node:path";
import manifest from "../deno.json" with { type: "json" };
import { loadConfig } from "../config/parse_config.ts";
import { checkLibraries } from "../datapath/mod.ts";
import { readBootId } from "../host/boot_id.ts";
import { undoSteps } from "../host/change_host.ts";
import { Journal } from "../host/journal.ts";
import { readLinks } from "../host/links.ts";
import { notifyReady, notifyStopping } from "../host/service_manager.ts";
import { type Config, vipsOf } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { hostOfUrl } from "../model/ip_address.ts";
import { inOneLine, OperatorError } from "../model/operator_error.ts";
import { createApp } from "../status/app.tsx";
import { serveStatus } from "../status/serve.ts";
import type { Attachment } from "./attachment.ts";
import { DatapathSupervisor, type SupervisorListener } from "./datapath_supervisor.ts";
import { DirectRouting } from "./direct_routing.ts";
import { Director } from "./director.ts";
import { EventLog } from "./events.ts";
import { watchGuard } from "./guard_watch.ts";
import { hashKey } from "./hash_key.ts";
import { watchInterfaces } from "./interface_watch.ts";
import { KernelGuard } from "./kernel_guard.ts";
import { type LogFormat, openLog } from "./log.ts";
import { disableOffloads } from "./offloads.ts";
import { Orders } from "./orders.ts";
import { findAttachment, RunningDirector, servicesText } from "./running_director.ts";
import { journalPathIn } from "./undo.ts";
import { letVlansIn, openedText, watchVlanFilter } from "./vlan_filter.ts";
import { WireSentinel } from "./wire_sentinel.ts";

export interface DirectorOptions {
  /** Path of the configuration. */
  readonly config: string;
  readonly runDir: string;
  readonly logFormat: LogFormat;
}

export interface DirectorIo {
  writeError(text: string): void;
}

/**
 * Runs a director until SIGTERM, Ctrl-C or a fault of its datapath.
 *
 * @throws {OperatorError} If it cannot start; the host is then as it was.
 */
export async function runDirector(options: DirectorOptions, io: DirectorIo): Promise<ExitCode> {
  const config = await loadConfig(options.config);
  // Commands for other hosts name it.
  const path = resolve(options.config);
  const log = await openLog(options.logFormat, io.writeError);
  // Disposed last: a signal during the start or the end waits instead of killing.
  using orders = new Orders();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(log.close);
  const events = new EventLog(log.sink);

  checkLibraries();
  const attachment = await findAttachment(config, await readLinks());
  const routing = new DirectRouting({ config, path }, attachment.name, events);
  const useRouting = await routing.prepare(config);
  const director = new Director(
    config,
    {
      version: manifest.version,
      startedAtMs: performance.now(),
      attachment,
      tableCapacity: config.director.maxConnections,
    },
    events,
    routing,
  );

  let running: RunningDirector | null = null;
  const status = await serveStatus({
    app: createApp({
      snapshot: () => director.snapshot(),
      token: config.status.token,
      isReady: () => director.isForwarding,
      audit: () => routing.audit(),
      explain: (words) => {
        if (running === null) throw stillStarting();
        return running.explain(words);
      },
    }),
    listen: config.status.listen,
    token: config.status.token,
    socketPath: `${options.runDir}/director.sock`,
  });
  cleanup.defer(() => status.close());

  const journal = await Journal.open(journalPathIn(options.runDir));
  cleanup.defer(() => journal.close());
  // Before the first step: one that was made may still be followed by an error.
  cleanup.defer(() => undoSteps(journal, "all", () => {}));
  const [device, ...uplinks] = attachment.interfaces.map(({ name }) => name);
  const guard = await KernelGuard.install(journal, {
    device: device!,
    vips: config.services,
    uplinks,
    probes: () => routing.probeAddresses,
  });
  const offloads = config.director.offloads === "handle"
    ? "handled"
    : disabledText(await disableOffloads(journal, [device!, ...uplinks]));
  const opened = openedText(await letVlansIn(journal, device!, config.services));

  const sentinel = new WireSentinel({
    file: { config, path },
    events,
    announce: (vip) => {
      if (director.isForwarding) supervisor.datapath.announce(vip);
      return director.isForwarding;
    },
    onReport: (alarms, totals) => director.wireReported(alarms, totals),
  });
  const supervisor: DatapathSupervisor = await DatapathSupervisor.start(
    {
      tableFile: `${options.runDir}/connections`,
      maxConnections: config.director.maxConnections,
      bootId: await readBootId(),
      hashKey: hashKey(config.director.hashKey, `${options.runDir}/hash_key`),
      workers: config.director.workers,
      cpus: config.director.cpus,
    },
    attachment,
    director.firstTable(),
    listener(director, sentinel, events, orders),
  );
  cleanup.defer(() => supervisor.stop());
  cleanup.defer(() => routing.stop());
  useRouting();
  director.start(supervisor.datapath);
  cleanup.defer(() => director.stop());

  cleanup.use(sentinel);
  sentinel.open(attachment.name);

  const started = new RunningDirector(attachment, {
    configFile: options.config,
    journal,
    director,
    routing,
    sentinel,
    supervisor,
    guard,
    events,
  });
  running = started;
  const guardWatch = guard instanceof KernelGuard ? cleanup.use(watchGuard(guard, events)) : null;
  routing.start(() => {
    director.checksChanged();
    guardWatch?.lookSoon();
  });
  cleanup.use(
    watchVlanFilter(device!, () => director.config.services, () => orders.interfaceChanged()),
  );
  cleanup.use(watchInterfaces(started, () => orders.interfaceChanged()));
  events.report("info", "director.started", startText(attachment, config, offloads + opened, status.address));
  await notifyReady(
    `Answering for ${vipsOf(config).join(", ")}`,
    (message) => events.report("warning", "director.unheard", message),
  );
  const code = await carryOut(orders, started);
  await notifyStopping();
  events.report(
    "info",
    "director.stopping",
    "VIPs are not answered any more, the host is put back as it was",
  );
  return code;
}

/** Does what a director is told to until it is told to end. */
async function carryOut(orders: Orders, running: RunningDirector): Promise<ExitCode> {
  for (;;) {
    const order = await orders.next();
    if (order.kind === "end") return order.code;
    if (order.kind === "reload") await running.reload();
    else {
      const code = await running.followInterface();
      if (code !== null) return code;
    }
  }
}

function listener(
  director: Director,
  sentinel: WireSentinel,
  events: EventLog,
  orders: Orders,
): SupervisorListener {
  return {
    onEvent: (event) => {
      director.datapathReported(event);
      sentinel.datapathReported(event);
    },
    onFault: (error) => {
      const isKnown = error instanceof OperatorError;
      events.report("error", "datapath.fault", isKnown ? inOneLine(error) : error.message);
      orders.end(isKnown ? error.exitCode : ExitCode.FAILED);
    },
    onHang: () => {
      events.report(
        "error",
        "datapath.hung",
        "The datapath makes no progress any more; this director ends, so that it can be started again",
      );
      orders.end(ExitCode.FAILED);
    },
  };
}

function stillStarting(): OperatorError {
  return new OperatorError("The director is still starting", ExitCode.UNAVAILABLE, { remedy: "Ask again" });
}

function disabledText(features: readonly string[]): string {
  return features.length === 0 ? "none to disable" : `disabled (${features.join(" ")})`;
}

function startText(
  attachment: Attachment,
  config: Config,
  offloads: string,
  statusAddress: { readonly host: string; readonly port: number } | null,
): string {
  const page = statusAddress === null
    ? ""
    : `; status page at http://${hostOfUrl(statusAddress.host)}:${statusAddress.port}/`;
  const uplinks = attachment.interfaces.slice(1).map(({ name }) => `, real servers behind ${name}`).join("");
  return `${vipsOf(config).join(", ")} on ${attachment.name} (${attachment.mac}); ${
    servicesText(config)
  }${uplinks}; offloads: ${offloads}${page}`;
}
