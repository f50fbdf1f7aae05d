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
} from "../datapath/mod.ts";
import type { Attachment } from "./attachment.ts";
import { HeartbeatWatch, LOOK_MS } from "./heartbeat_watch.ts";

/** What stays the same from one datapath to the next. */
export type LastingOptions = Omit<
  DatapathOptions,
  "device" | "interfaceIndex" | "mac" | "mtu" | "addresses" | "table"
>;

export interface SupervisorListener {
  /** A datapath reports something, also while it starts. */
  onEvent(event: Exclude<DatapathEvent, { kind: "fault" }>): void;
  /** It has failed at work, for good. */
  onFault(error: Error): void;
  /** It makes no progress any more, for good. */
  onHang(): void;
}

export class DatapathSupervisor {
  readonly #options: LastingOptions;
  readonly #listener: SupervisorListener;
  #current: Datapath | null = null;
  #watchdog: ReturnType<typeof setInterval> | undefined;
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

  /**
   * Ends the datapath and starts another one, which adopts its connections. Meanwhile frames are lost, for some tenths
   * of a second.
   *
   * @param table Makes the table to start with, when the old datapath has ended.
   * @throws {OperatorError} If the host lacks something it needs.
   */
  async restart(attachment: Attachment, table: () => ForwardingTableData): Promise<void> {
    await this.stop();
    await this.#start(attachment, table());
  }

  /** Ends the datapath. One that hangs cannot be waited for: it ends with this process. */
  async stop(): Promise<void> {
    clearInterval(this.#watchdog);
    if (!this.#isHanging) await this.#current?.stop();
  }

  async #start(attachment: Attachment, table: ForwardingTableData): Promise<void> {
    let isStarted = false;
    const datapath = await Datapath.start({
      ...this.#options,
      device: attachment.name,
      interfaceIndex: attachment.index,
      mac: attachment.mac,
      mtu: attachment.mtu,
      addresses: [...attachment.addresses, ...attachment.ipv6Addresses],
      table,
    }, (event) => {
      if (event.kind !== "fault") this.#listener.onEvent(event);
      // Before that, the fault is thrown from here.
      else if (isStarted) this.#listener.onFault(faultError(event));
    });
    isStarted = true;
    this.#current = datapath;
    this.#watch(datapath);
  }

  #watch(datapath: Datapath): void {
    const watch = new HeartbeatWatch();
    this.#watchdog = setInterval(() => {
      if (!watch.look(datapath.heartbeats())) return;
      clearInterval(this.#watchdog);
      this.#isHanging = true;
      this.#listener.onHang();
    }, LOOK_MS);
  }
}
