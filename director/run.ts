/**
 * The life of a director: everything is opened in one order and closed in the reverse one.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };
import { loadConfig } from "../config/parse_config.ts";
import { checkLibraries, Datapath, type DatapathEvent, faultError } from "../datapath/mod.ts";
import { readBootId } from "../host/boot_id.ts";
import { undoSteps } from "../host/change_host.ts";
import { Journal } from "../host/journal.ts";
import { readLinks } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { createApp } from "../status/app.tsx";
import { serveStatus } from "../status/serve.ts";
import { attach, type Attachment } from "./attachment.ts";
import { Director } from "./director.ts";
import { EventLog } from "./events.ts";
import { hashKey } from "./hash_key.ts";
import { installGuard, replaceGuard } from "./kernel_guard.ts";
import { type LogFormat, openLog } from "./log.ts";
import { Orders } from "./orders.ts";
import { refuseLostSettings, refuseOtherInterface } from "./reload.ts";

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
  const log = await openLog(options.logFormat, io.writeError);
  // Disposed last: a signal during the start or the end waits instead of killing.
  using orders = new Orders();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(log.close);
  const events = new EventLog(log.sink);

  const links = await readLinks();
  checkLibraries();
  const attachment = attach(config, links);
  const director = new Director(config, {
    version: manifest.version,
    startedAtMs: Date.now(),
    interface: { name: attachment.name, mac: attachment.mac, mtu: attachment.mtu },
    tableCapacity: config.director.maxConnections,
  }, events);

  const status = await serveStatus({
    app: createApp({
      snapshot: () => director.snapshot(),
      token: config.status.token,
      isReady: () => director.isReady,
    }),
    listen: config.status.listen,
    token: config.status.token,
    socketPath: `${options.runDir}/director.sock`,
  });
  cleanup.defer(() => status.close());

  const journal = await Journal.open(`${options.runDir}/director.journal`);
  cleanup.defer(() => journal.close());
  const isGuarded = await installGuard(journal, attachment.name, vipsOf(config), links);
  cleanup.defer(() => undoSteps(journal, "all", () => {}));

  const datapath = await Datapath.start({
    device: attachment.name,
    interfaceIndex: attachment.index,
    mac: attachment.mac,
    mtu: attachment.mtu,
    addresses: attachment.addresses,
    tableFile: `${options.runDir}/connections`,
    maxConnections: config.director.maxConnections,
    bootId: await readBootId(),
    hashKey: hashKey(config.director.hashKey, `${options.runDir}/hash_key`),
    table: director.firstTable(),
  }, (event) => datapathReported(event, director, events, orders));
  cleanup.defer(() => datapath.stop());
  director.start(datapath);
  cleanup.defer(() => director.stop());

  const reload = async () => {
    try {
      const next = await loadConfig(options.config);
      refuseLostSettings(director.config, next);
      refuseOtherInterface(attachment, attach(next, await readLinks()));
      if (isGuarded) await replaceGuard(attachment.name, vipsOf(next));
      director.reload(next);
      events.report("info", "config.loaded", `${options.config}: ${servicesText(next)}`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const remedy = error.remedy === null ? "" : ` (${error.remedy})`;
      events.report("error", "config.refused", `The configuration in use stays: ${error.message}${remedy}`);
    }
  };
  events.report("info", "director.started", startText(attachment, config, status.address));
  let order = await orders.next();
  for (; order.kind === "reload"; order = await orders.next()) await reload();
  events.report(
    "info",
    "director.stopping",
    "VIPs are not answered any more, the host is put back as it was",
  );
  return order.code;
}

function datapathReported(
  event: DatapathEvent,
  director: Director,
  events: EventLog,
  orders: Orders,
): void {
  if (event.kind !== "fault") return director.datapathReported(event);
  const error = faultError(event);
  events.report("error", "datapath.fault", error.message);
  orders.end(error instanceof OperatorError ? error.exitCode : ExitCode.FAILED);
}

function vipsOf(config: Config): string[] {
  return [...new Set(config.services.map(({ vip }) => vip))];
}

function servicesText(config: Config): string {
  return config.services.map(({ name, servers }) => `${name} with ${servers.length} real servers`).join(", ");
}

function startText(
  attachment: Attachment,
  config: Config,
  statusAddress: { readonly host: string; readonly port: number } | null,
): string {
  const page = statusAddress === null
    ? ""
    : `; status page at http://${statusAddress.host}:${statusAddress.port}/`;
  return `${vipsOf(config).join(", ")} on ${attachment.name} (${attachment.mac}); ${
    servicesText(config)
  }${page}`;
}
