/**
 * The Worker of a datapath: owns a port, the tables and the breath loop. Messages are read between breaths only.
 *
 * @module
 */

import { macToText } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { ArpSender } from "./arp_sender.ts";
import { CounterWriter } from "./counters.ts";
import { Destinations } from "./destinations.ts";
import { BATCH_FRAMES, Engine } from "./engine.ts";
import { type Libc, monotonicMs, openLibc } from "./ffi/libc.ts";
import { Forwarder } from "./forward.ts";
import { type ForwardingContext, ForwardingTable } from "./forwarding_table.ts";
import { FragmentTable } from "./fragment_table.ts";
import { FrameRing } from "./frame_ring.ts";
import { KeyedHash } from "./keyed_hash.ts";
import {
  Control,
  type ForwardingTableData,
  type FromDatapath,
  type StartData,
  type ToDatapath,
} from "./messages.ts";
import { type NeighborChange, NeighborTable } from "./neighbor_table.ts";
import { PcapPort } from "./pcap_port.ts";
import { ConnectionScheduler } from "./schedule.ts";
import { SendQueue, SPARE_SLOTS } from "./send_queue.ts";
import { openTableFile, type TableFile } from "./table_file.ts";

/** Slots for frames the director sends of its own accord, behind those of a batch. */
const OWN_SLOTS = 32;
/** Requests for real servers in one tick: a thousand servers are asked for within two seconds, without a burst. */
const REQUESTS_PER_TICK = 64;

declare const self: DedicatedWorkerGlobalScope;

class Datapath {
  readonly #control: Int32Array;
  readonly #clock: () => number;
  readonly #port: PcapPort;
  readonly #file: TableFile;
  readonly #destinations = new Destinations();
  readonly #neighbors: NeighborTable;
  readonly #arp: ArpSender;
  readonly #context: ForwardingContext;
  readonly #scheduler: ConnectionScheduler;
  readonly #forwarder: Forwarder;
  readonly #engine: Engine;
  readonly #counters: CounterWriter;
  #table: ForwardingTable;

  constructor(start: StartData) {
    const libc = openLibc();
    this.#control = new Int32Array(start.control);
    this.#clock = sharedClock(libc);
    const nowMs = this.#clock();
    const local = { macHigh: start.mac.high, macLow: start.mac.low, mtu: start.mtu };
    const ring = new FrameRing(BATCH_FRAMES + OWN_SLOTS + SPARE_SLOTS);
    this.#port = new PcapPort(start.device, start.interfaceIndex, start.mtu, ring, start.wakeFd);
    this.#file = openTableFile(
      libc,
      start.tableFile,
      start.maxConnections,
      start.bootId,
      this.#destinations,
      nowMs,
    );
    this.#neighbors = new NeighborTable(start.addresses, (change) => this.#neighborChanged(change));
    this.#arp = new ArpSender(this.#port, ring, BATCH_FRAMES, local);
    const random = new Uint32Array(1);
    this.#context = {
      destinations: this.#destinations,
      registry: this.#file.registry,
      hashKey: start.hashKey,
      random: () => crypto.getRandomValues(random)[0]!,
      isResolved: (address) => this.#neighbors.macOf(address) !== null,
    };
    const { connections } = this.#file;
    this.#table = new ForwardingTable(start.table, this.#context, null);
    this.#scheduler = new ConnectionScheduler(connections, this.#destinations, this.#table);
    const queue = new SendQueue(this.#port, ring, BATCH_FRAMES + OWN_SLOTS);
    this.#forwarder = new Forwarder({
      ring,
      queue,
      fragments: new FragmentTable(new KeyedHash(crypto.getRandomValues(new Uint32Array(2)))),
      local,
      connections,
      destinations: this.#destinations,
      neighbors: this.#neighbors,
      scheduler: this.#scheduler,
    }, this.#table);
    this.#engine = new Engine({
      port: this.#port,
      ring,
      queue,
      forwarder: this.#forwarder,
      connections,
      scheduler: this.#scheduler,
      onTick: (tickMs) => this.#tick(tickMs),
    });
    this.#counters = new CounterWriter(start.counters);
    this.#settle(new Set(), nowMs);
    post({
      kind: "started",
      adoption: this.#file.adoption,
      bytesPerConnection: connections.slotCount * 32 / connections.maximum,
    });
  }

  /** Breathes until it is told to stop. */
  async run(inbox: ToDatapath[]): Promise<void> {
    let read = 0;
    while (Atomics.load(this.#control, Control.STOP) === 0) {
      const written = Atomics.load(this.#control, Control.MAILBOX);
      if (written !== read) {
        // Messages arrive only while this thread is in its event loop.
        await new Promise((resolve) => setTimeout(resolve, 0));
        for (const message of inbox.splice(0)) {
          read += 1;
          if (message.kind === "table") this.#adopt(message.table);
        }
      }
      const nowMs = this.#clock();
      if (this.#engine.breathe(nowMs) === 0) {
        const idleMs = this.#engine.idleMs(nowMs);
        if (idleMs > 0) this.#port.wait(idleMs);
      }
    }
  }

  close(): void {
    this.#port.close();
    this.#file[Symbol.dispose]();
  }

  #adopt(data: ForwardingTableData): void {
    const before = new Set(this.#table.vips);
    this.#table = new ForwardingTable(data, this.#context, this.#table);
    this.#scheduler.adopt(this.#table);
    this.#forwarder.adopt(this.#table);
    this.#settle(before, this.#clock());
  }

  /** Brings neighbours, filter and announcements in line with the table. */
  #settle(vipsBefore: ReadonlySet<string>, nowMs: number): void {
    const { vips, services, generation } = this.#table;
    const wanted = new Set(services.flatMap(({ set }) => set.ids));
    this.#neighbors.reconcile(wanted, nowMs);
    // A server that was in another service before is known already.
    for (const address of wanted) this.#adoptMac(address);
    this.#port.setFilter(`arp or (ip and (${vips.map((vip) => `dst host ${vip}`).join(" or ")}))`);
    this.#arp.retain(new Set(vips));
    for (const vip of vips) if (!vipsBefore.has(vip)) this.#arp.announce(vip, nowMs);
    post({ kind: "applied", generation });
  }

  #tick(nowMs: number): void {
    this.#arp.tick(nowMs, this.#neighbors.due(nowMs, REQUESTS_PER_TICK));
    const { connections } = this.#file;
    this.#counters.commit(
      this.#table,
      this.#destinations,
      this.#engine.verdicts,
      connections.used,
      this.#port.statistics(),
    );
    Atomics.add(this.#control, Control.HEARTBEAT, 1);
  }

  #neighborChanged(change: NeighborChange): void {
    this.#adoptMac(change.address);
    this.#table.neighborChanged(change.address);
    if (change.kind === "lost") {
      post({ kind: "neighborLost", address: change.address });
    } else {
      const before = change.before === null ? null : macToText(change.before);
      post({ kind: "neighborLearnt", address: change.address, mac: macToText(change.mac), before });
    }
  }

  #adoptMac(address: string): void {
    const mac = this.#neighbors.macOf(address);
    for (const { set, identities } of this.#table.services) {
      for (let index = 0; index < identities.length; index++) {
        if (set.ids[index] !== address) continue;
        this.#destinations.macHigh[identities[index]!] = mac?.high ?? 0;
        this.#destinations.macLow[identities[index]!] = mac?.low ?? 0;
      }
    }
  }
}

/** Milliseconds of CLOCK_MONOTONIC, which a later process shares, for the price of `performance.now()`. */
function sharedClock(libc: Libc): () => number {
  const offsetMs = monotonicMs(libc) - performance.now();
  return () => Math.trunc(performance.now() + offsetMs);
}

function post(message: FromDatapath): void {
  self.postMessage(message);
}

function postFault(error: unknown): void {
  if (error instanceof OperatorError) {
    post({ kind: "fault", message: error.message, remedy: error.remedy, exitCode: error.exitCode });
  } else {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    post({ kind: "fault", message, remedy: null, exitCode: null });
  }
}

const inbox: ToDatapath[] = [];
self.onmessage = async ({ data: message }: MessageEvent<ToDatapath>) => {
  if (message.kind !== "start") {
    inbox.push(message);
    return;
  }
  let datapath: Datapath | null = null;
  try {
    datapath = new Datapath(message.start);
    await datapath.run(inbox);
  } catch (error) {
    postFault(error);
  } finally {
    datapath?.close();
    post({ kind: "stopped" });
    self.close();
  }
};
