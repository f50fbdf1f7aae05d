/**
 * Keeps a datapath working: started anew when its interface has changed, given up when it hangs.
 *
 * @module
 */

import {
  Datapath,
  type DatapathEvent,
  type DatapathOptions,
  faultError,
  type ForwardingTableData,
  type InterfaceOptions,
  type SharingClients,
} from "../datapath/mod.ts";
import type { EthernetLink } from "../host/ethernet_link.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Attachment } from "./attachment.ts";
import { HeartbeatWatch, LOOK_MS, START_PATIENCE_LOOKS } from "./heartbeat_watch.ts";

/** What stays the same from one datapath to the next. */
export type LastingOptions = Omit<DatapathOptions, keyof InterfaceOptions | "uplinks" | "table">;

export interface SupervisorListener {
  /** A datapath reports something, also while it starts. */
  onEvent(event: Exclude<DatapathEvent, { kind: "fault" }>): void;
  /** It has failed at work, for good. */
  onFault(error: Error): void;
  /** It makes no progress any more, for good; also one that starts. */
  onHang(): void;
}

export class DatapathSupervisor {
  readonly #options: LastingOptions;
  readonly #listener: SupervisorListener;
  #current: Datapath | null = null;
  /** What the workers were told of the clients they share. */
  #steeredBy: readonly SharingClients[] = [];
  #watchdog: ReturnType<typeof setInterval> | undefined;
  /** Resolved when it hangs. */
  readonly #hung = Promise.withResolvers<void>();
  #isHanging = false;

  private constructor(options: LastingOptions, listener: SupervisorListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /**
   * Starts the first datapath.
   *
   * @throws {OperatorError} If the host lacks something it needs.
   */
  static async start(
    options: LastingOptions,
    attachment: Attachment,
    table: ForwardingTableData,
    listener: SupervisorListener,
  ): Promise<DatapathSupervisor> {
    const supervisor = new DatapathSupervisor(options, listener);
    await supervisor.#start(attachment, table);
    return supervisor;
  }

  /** The datapath at work. */
  get datapath(): Datapath {
    return this.#current!;
  }

  /** The services by which its workers share clients out: those it was started with, whatever has been reloaded. */
  get steeredBy(): readonly SharingClients[] {
    return this.#steeredBy;
  }

  /**
   * Ends the datapath and starts another one, which adopts its connections. Meanwhile frames are lost, for some tenths
   * of a second. After a failure it can be called again.
   *
   * @param table Makes the table to start with, when the old datapath has ended.
   * @returns Whether there is another one; there is none where the old one hangs, as the listener has heard.
   * @throws {OperatorError} If the host lacks something it needs; there is no datapath at work then.
   */
  async restart(attachment: Attachment, table: () => ForwardingTableData): Promise<boolean> {
    await this.stop();
    if (this.#isHanging) return false;
    await this.#start(attachment, table());
    return true;
  }

  /** Ends the datapath. One that hangs, or begins to, is not waited for: it ends with this process. Idempotent. */
  async stop(): Promise<void> {
    await Promise.race([this.#current?.stop(), this.#hung.promise]);
    clearInterval(this.#watchdog);
  }

  async #start(attachment: Attachment, table: ForwardingTableData): Promise<void> {
    let isStarted = false;
    const starting = Datapath.start({
      ...this.#options,
      ...interfaceOptions(attachment),
      uplinks: attachment.interfaces.slice(1).map(interfaceOptions),
      table,
    }, (event) => {
      if (event.kind !== "fault") this.#listener.onEvent(event);
      // Before that, the fault is thrown from here.
      else if (isStarted) this.#listener.onFault(faultError(event));
    });
    this.#watch(new HeartbeatWatch(START_PATIENCE_LOOKS), () => [0]);
    try {
      const datapath = await Promise.race([starting, this.#hung.promise]);
      if (datapath === undefined) throw stuck();
      isStarted = true;
      this.#current = datapath;
      this.#steeredBy = table.services;
    } finally {
      clearInterval(this.#watchdog);
    }
    this.#watch(new HeartbeatWatch(), () => this.datapath.heartbeats());
  }

  #watch(watch: HeartbeatWatch, beats: () => readonly number[]): void {
    this.#watchdog = setInterval(() => {
      if (!watch.look(beats())) return;
      clearInterval(this.#watchdog);
      this.#isHanging = true;
      this.#hung.resolve();
      this.#listener.onHang();
    }, LOOK_MS);
  }
}

function stuck(): OperatorError {
  return new OperatorError("The datapath does not start: its thread hangs", ExitCode.FAILED, {
    remedy: "See what holds it up on this host: dmesg",
  });
}

function interfaceOptions(link: EthernetLink): InterfaceOptions {
  return {
    device: link.name,
    interfaceIndex: link.index,
    mac: link.mac,
    mtu: link.mtu,
    addresses: [...link.addresses, ...link.ipv6Addresses],
  };
}
