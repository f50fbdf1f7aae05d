/**
 * What runs in a Worker: owns a port, the tables and the breath loop. Messages are read between breaths only.
 *
 * @module
 */

import type { ExplainQuestion } from "../model/explanation.ts";
import { macFromText, macToText } from "../model/ip_address.ts";
import { SourceLimits } from "./admission.ts";
import { CounterWriter } from "./counters.ts";
import { Destinations } from "./destinations.ts";
import { BATCH_FRAMES, Engine } from "./engine.ts";
import { Explainer } from "./explain.ts";
import { bindThread } from "./ffi/affinity.ts";
import { GroupMembership } from "./ffi/group_membership.ts";
import { type Libc, monotonicMs, openLibc } from "./ffi/libc.ts";
import { Forwarder } from "./forward.ts";
import { type ForwardingContext, ForwardingTable } from "./forwarding_table.ts";
import { FragmentTable } from "./fragment_table.ts";
import { FrameRing } from "./frame_ring.ts";
import { ingressFilter } from "./ingress_filter.ts";
import { KeyedHash } from "./keyed_hash.ts";
import type { LocalInterface } from "./local_interface.ts";
import {
  Control,
  type ForwardingTableData,
  type FromDatapath,
  type InterfaceData,
  type LoadCellsOfTable,
  type StartData,
  type ToDatapath,
  type WorkerShare,
} from "./messages.ts";
import { MembershipReports } from "./membership_reports.ts";
import type { NeighborChange, NeighborId } from "./neighbor_table.ts";
import { Neighborhood } from "./neighborhood.ts";
import type { PortStatistics } from "./frame_port.ts";
import { OwnFrames } from "./own_frames.ts";
import { PcapPort } from "./pcap_port.ts";
import { RandomNumbers } from "./random_numbers.ts";
import { ResolutionSender } from "./resolution_sender.ts";
import { ConnectionScheduler } from "./schedule.ts";
import { SendQueue, SPARE_SLOTS } from "./send_queue.ts";
import { SharedLoads } from "./shared_loads.ts";
import { steeringProgram } from "./steering.ts";
import { openTableFile, type TableFile } from "./table_file.ts";
import { Uplink } from "./uplink.ts";
import { UplinkNeighbors } from "./uplink_neighbors.ts";
import { VipGroups } from "./vip_groups.ts";

/** Slots for frames the director sends of its own accord, behind those of a batch. */
const OWN_SLOTS = 32;
/** Requests for real servers in one tick: a thousand servers are asked for within two seconds, without a burst. */
const REQUESTS_PER_TICK = 64;

/**
 * How long it looks for the next frame before it sleeps. To be woken takes longer than to forward: without this, what
 * the director adds to a round trip was 1.5 times as long (measured, median). Without traffic it costs nothing.
 */
const SPIN_MS = 0.05;

/** What is read between two breaths. */
export type BetweenBreaths = Exclude<ToDatapath, { kind: "start" | "forward" | "close" }>;

export class WorkerDatapath {
  readonly #post: (message: FromDatapath) => void;
  readonly #control: Int32Array;
  readonly #clock: () => number;
  readonly #port: PcapPort;
  readonly #file: TableFile;
  readonly #share: WorkerShare;
  readonly #loads: SharedLoads | null;
  readonly #destinations: Destinations;
  readonly #uplinks: readonly Uplink[];
  readonly #neighbors: Neighborhood;
  readonly #resolution: ResolutionSender;
  /** Of the first Worker only. */
  readonly #uplinkNeighbors: readonly UplinkNeighbors[];
  readonly #membership: GroupMembership;
  readonly #groups: VipGroups;
  readonly #reports: MembershipReports;
  readonly #context: ForwardingContext;
  readonly #explainer: Explainer;
  readonly #localUplinks: readonly LocalInterface[];
  readonly #scheduler: ConnectionScheduler;
  readonly #forwarder: Forwarder;
  readonly #engine: Engine;
  readonly #counters: CounterWriter;
  /** A typed array: V8 would make an object of the number every time. */
  readonly #awakeUntilMs = new Float64Array(1);
  /** Files, sockets and memory, which nobody frees with the Worker. */
  readonly #open: DisposableStack;
  #table: ForwardingTable;

  /**
   * @param post Tells the control plane.
   * @throws {OperatorError} If the host lacks something. Then nothing is left open.
   */
  constructor(start: StartData, post: (message: FromDatapath) => void) {
    this.#post = post;
    const libc = openLibc();
    const { share } = start;
    const { number, steering: { workers } } = share;
    if (share.cpu !== null) bindThread(libc, share.cpu);
    this.#share = share;
    this.#loads = share.loads === null ? null : new SharedLoads(share.loads, number, workers);
    this.#loads?.useCells(start.cells);
    this.#destinations = new Destinations(this.#loads);
    this.#control = new Int32Array(start.control);
    this.#clock = sharedClock(libc);
    const nowMs = this.#clock();
    const local = localInterface(start);
    // A wire brings nothing larger than the VIPs' interface takes: what is larger was merged, and is cut as it came.
    this.#localUplinks = start.uplinks.map((uplink) =>
      localInterface({ ...uplink, mtu: Math.min(uplink.mtu, start.mtu) })
    );
    // What is open is closed again if something else is not to be had: the control plane tries again and again.
    using opening = new DisposableStack();
    this.#file = opening.use(openTableFile(
      libc,
      {
        path: start.tableFile,
        maximum: start.maxConnections,
        bootId: start.bootId,
        worker: number,
        steering: share.steering,
      },
      this.#destinations,
      nowMs,
    ));
    const ring = new FrameRing(BATCH_FRAMES + OWN_SLOTS + SPARE_SLOTS);
    const fanOut = workers === 1 ? null : { program: steeringProgram(share.steering), groups: share.groups };
    this.#port = opening.adopt(
      new PcapPort(start.device, start.interfaceIndex, start.mtu, ring, start.wakeFd, fanOut),
      (port) => port.close(),
    );
    this.#uplinks = start.uplinks.map(({ interfaceIndex }) =>
      opening.adopt(new Uplink(libc, interfaceIndex, ring), (uplink) => uplink.close())
    );
    this.#neighbors = new Neighborhood(start, start.uplinks, (change) => this.#neighborChanged(change));
    const ownSlots = { first: BATCH_FRAMES, count: OWN_SLOTS };
    const ownFrames = new OwnFrames(this.#port, ring, ownSlots, local);
    this.#resolution = new ResolutionSender(ownFrames, local);
    this.#uplinkNeighbors = !this.#isFirst ? [] : start.uplinks.map(({ device }, index) => {
      const uplink = this.#localUplinks[index]!;
      const sender = new ResolutionSender(
        new OwnFrames(this.#uplinks[index]!, ring, ownSlots, uplink),
        uplink,
      );
      const table = this.#neighbors.tables[index + 1]!;
      return opening.adopt(
        new UplinkNeighbors({ libc, device, local: uplink, table, sender }),
        (neighbors) => neighbors.close(),
      );
    });
    this.#membership = opening.adopt(
      new GroupMembership(libc, start.device, start.interfaceIndex),
      (membership) => membership.close(),
    );
    this.#reports = new MembershipReports(ownFrames);
    this.#groups = new VipGroups(this.#membership, post);
    const random = new RandomNumbers();
    this.#context = {
      destinations: this.#destinations,
      registry: this.#file.registry,
      hashKey: start.hashKey,
      random: () => random.next(),
      macOf: ({ address, vlan }) => this.#neighbors.macOf(address, vlan),
      isSought: ({ address, vlan }, atMs) => this.#neighbors.isSought(address, vlan, atMs),
    };
    const { connections } = this.#file;
    this.#neighbors.reconcile(start.table.services, nowMs);
    this.#table = new ForwardingTable(start.table, this.#context, null);
    const limits = new SourceLimits(new KeyedHash(crypto.getRandomValues(new Uint32Array(2))));
    this.#scheduler = new ConnectionScheduler(connections, this.#destinations, this.#table, limits);
    this.#explainer = new Explainer({
      local,
      uplinks: this.#localUplinks,
      connections,
      destinations: this.#destinations,
      neighbors: this.#neighbors,
      limits,
      random,
      worker: number,
    });
    const queue = new SendQueue(this.#port, ring, BATCH_FRAMES + OWN_SLOTS, this.#uplinks);
    this.#forwarder = new Forwarder({
      ring,
      queue,
      fragments: new FragmentTable(new KeyedHash(crypto.getRandomValues(new Uint32Array(2)))),
      local,
      uplinks: this.#localUplinks,
      connections,
      destinations: this.#destinations,
      neighbors: this.#neighbors.tables[0],
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
    // Where IPv6 is off, this is a reason not to start.
    if (this.#isFirst) this.#membership.set(this.#table.vips);
    this.#open = opening.move();
    this.#post({
      kind: "started",
      groups: this.#port.groups,
      adoption: this.#file.adoption,
      bytesPerConnection: connections.slotCount * 32 / connections.maximum,
    });
  }

  /** Breathes until it is told to stop. */
  async run(inbox: BetweenBreaths[]): Promise<void> {
    let read = 0;
    // A start that fails ends those Workers that have started.
    if (!this.#hasToStop) this.#settle([], this.#clock());
    while (!this.#hasToStop) {
      const written = Atomics.load(this.#control, Control.MAILBOX);
      if (written !== read) {
        // Messages arrive only while this thread is in its event loop.
        await new Promise((resolve) => setTimeout(resolve, 0));
        for (const message of inbox.splice(0)) {
          read += 1;
          this.#read(message);
        }
      }
      const nowMs = this.#clock();
      if (this.#engine.breathe(nowMs) > 0) {
        this.#awakeUntilMs[0] = performance.now() + SPIN_MS;
      } else if (performance.now() >= this.#awakeUntilMs[0]!) {
        const idleMs = this.#engine.idleMs(nowMs);
        if (idleMs > 0) this.#port.wait(idleMs);
      }
    }
  }

  close(): void {
    this.#open.dispose();
  }

  /** Whether it speaks for the director: it alone resolves neighbours, joins the groups of VIPs and announces them. */
  get #isFirst(): boolean {
    return this.#share.number === 0;
  }

  get #hasToStop(): boolean {
    return Atomics.load(this.#control, Control.STOP) !== 0;
  }

  #read(message: BetweenBreaths): void {
    if (message.kind === "table") return this.#adopt(message.table, message.cells);
    if (message.kind === "announce") return this.#announce(message.vip);
    if (message.kind === "explain") return this.#explain(message.number, message.question);
    this.#neighbors.adopt(message, message.mac === null ? null : macFromText(message.mac));
  }

  #adopt(data: ForwardingTableData, cells: LoadCellsOfTable): void {
    const before = this.#table.placedVips;
    this.#loads?.useCells(cells);
    // First: a server that is reached by another interface now is not resolved there yet.
    this.#neighbors.reconcile(data.services, this.#clock());
    this.#table = new ForwardingTable(data, this.#context, this.#table);
    this.#scheduler.adopt(this.#table);
    this.#forwarder.adopt(this.#table);
    this.#settle(before, this.#clock());
  }

  #announce(address: string): void {
    const vip = this.#table.placedVips.find((placed) => placed.address === address);
    // A newer table may be without it.
    if (vip !== undefined) this.#resolution.announceOnce(vip, this.#clock());
  }

  #explain(number: number, question: ExplainQuestion): void {
    this.#post({
      kind: "explained",
      number,
      decision: this.#explainer.explain(this.#table, question, this.#clock()),
    });
  }

  /** Brings filter, multicast groups and announcements in line with the table. */
  #settle(vipsBefore: readonly NeighborId[], nowMs: number): void {
    const { vips, placedVips, generation } = this.#table;
    this.#port.setFilter(ingressFilter(vips));
    if (this.#isFirst) {
      this.#groups.follow(vips, nowMs);
      this.#reports.follow(placedVips, nowMs);
    }
    this.#resolution.retain(placedVips);
    for (const vip of placedVips) {
      const isNew = !vipsBefore.some(({ address, vlan }) => address === vip.address && vlan === vip.vlan);
      if (this.#isFirst && isNew) this.#resolution.announce(vip, nowMs);
    }
    this.#post({ kind: "applied", generation });
  }

  #tick(nowMs: number): void {
    if (this.#isFirst) {
      this.#groups.tick(nowMs);
      this.#reports.tick(nowMs);
      this.#resolution.tick(nowMs, this.#neighbors.tables[0].due(nowMs, REQUESTS_PER_TICK));
    }
    for (const uplink of this.#uplinkNeighbors) {
      uplink.tick(nowMs, REQUESTS_PER_TICK, this.#engine.verdicts);
    }
    this.#table.reviseSchedulers(nowMs);
    const { connections } = this.#file;
    this.#counters.commit(
      this.#table,
      this.#destinations,
      this.#engine.verdicts,
      connections.used,
      this.#statistics(),
    );
    Atomics.add(this.#control, Control.HEARTBEAT, 1);
  }

  /** Of all interfaces together. */
  #statistics(): PortStatistics {
    const ofPort = this.#port.statistics();
    if (this.#uplinks.length === 0) return ofPort;
    return {
      captureDrops: this.#uplinkNeighbors.reduce(
        (sum, uplink) => sum + uplink.captureDrops,
        ofPort.captureDrops,
      ),
      transmitErrors: this.#uplinks.reduce((sum, { errors }) => sum + errors, ofPort.transmitErrors),
    };
  }

  #neighborChanged(change: NeighborChange): void {
    this.#table.neighborChanged(change);
    if (!this.#isFirst) return;
    const { address, vlan } = change;
    if (change.kind === "lost") {
      this.#post({ kind: "neighborLost", address, vlan });
    } else {
      const before = change.before === null ? null : macToText(change.before);
      this.#post({ kind: "neighborLearnt", address, vlan, mac: macToText(change.mac), before });
    }
  }
}

function localInterface({ mac, mtu }: InterfaceData): LocalInterface {
  return { macHigh: mac.high, macLow: mac.low, mtu };
}

/** Milliseconds of CLOCK_MONOTONIC, which a later process shares, for the price of `performance.now()`. */
function sharedClock(libc: Libc): () => number {
  const offsetMs = monotonicMs(libc) - performance.now();
  return () => Math.trunc(performance.now() + offsetMs);
}
