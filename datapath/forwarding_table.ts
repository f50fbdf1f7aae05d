/**
 * Which frames belong to which virtual service, and what a service does with them. Built from
 * {@linkcode ForwardingTableData} between two breaths and never edited after that, except for what neighbours do.
 *
 * @module
 */

import type { SchedulerOption } from "../model/config.ts";
import {
  addressBits,
  type AddressWords,
  addressWords,
  familyOf,
  type Mac,
  prefixMask,
} from "../model/ip_address.ts";
import { createScheduler } from "../scheduler/mod.ts";
import { ABSENT, type Scheduler, type ServerSet } from "../scheduler/scheduler.ts";
import { ClientRules } from "./admission.ts";
import { State } from "./connection_state.ts";
import { NONE } from "./connection_table.ts";
import { Condition, type Destinations } from "./destinations.ts";
import type { IdentityRegistry, IdentityUse } from "./identity_registry.ts";
import type { ForwardingTableData, ServiceData } from "./messages.ts";
import type { NeighborId } from "./neighbor_table.ts";
import { portMap, type ServedPorts, serviceOfPort } from "./port_map.ts";
import { UNTAGGED } from "./wire/ethernet.ts";
import { Protocol } from "./wire/ipv4.ts";

/** Idle timeouts IPVS does not let one set either, in milliseconds (net/netfilter/ipvs/ip_vs_proto_tcp.c). */
const SYN_RECEIVED_MS = 60_000;
const TIME_WAIT_MS = 120_000;
const CLOSE_MS = 10_000;

const NO_PORTS = portMap([]);

/** One virtual service with its scheduler. */
export class Service {
  readonly data: ServiceData;
  readonly vip: AddressWords;
  /** Stands for the service in templates. */
  readonly identity: number;
  /** Stands for its VIP in connections. */
  readonly vipIdentity: number;
  readonly scheduler: Scheduler;
  readonly rules: ClientRules;
  readonly set: ServerSet;
  /** Where each server of the set is. */
  readonly neighbors: readonly NeighborId[];
  /** Identity of each server of the set. */
  readonly identities: Uint16Array;
  /** Idle timeout by state, milliseconds. */
  readonly timeoutsMs: Uint32Array;
  /** Mask for the client address of a template. */
  readonly persistenceMask: Uint32Array;
  /** Whether the MAC of a server that could be used may become known any moment. */
  isResolving = false;

  constructor(
    data: ServiceData,
    scheduler: Scheduler,
    identity: { service: number; vip: number; destinations: Uint16Array },
  ) {
    this.data = data;
    this.vip = addressWords(data.vip);
    this.identity = identity.service;
    this.vipIdentity = identity.vip;
    this.identities = identity.destinations;
    this.scheduler = scheduler;
    this.rules = new ClientRules(data);
    this.neighbors = data.destinations.map(({ address, vlan }) => ({ address, vlan: vlan ?? UNTAGGED }));
    const count = data.destinations.length;
    this.set = {
      ids: data.destinations.map(({ address }) => address),
      weights: new Int32Array(count),
      active: new Int32Array(count),
      inactive: new Int32Array(count),
      overloaded: new Uint8Array(count),
    };
    this.timeoutsMs = new Uint32Array(State.Template + 1);
    this.timeoutsMs[State.SynReceived] = SYN_RECEIVED_MS;
    this.timeoutsMs[State.Established] = data.establishedMs;
    this.timeoutsMs[State.FinWait] = data.finMs;
    this.timeoutsMs[State.TimeWait] = TIME_WAIT_MS;
    this.timeoutsMs[State.Close] = CLOSE_MS;
    this.timeoutsMs[State.UdpFirst] = data.udpMs;
    this.timeoutsMs[State.Udp] = data.udpMs;
    this.timeoutsMs[State.Template] = data.persistenceMs;
    this.persistenceMask = Uint32Array.from(
      prefixMask(data.persistencePrefix + 128 - addressBits(familyOf(data.vip))),
    );
  }

  /** Whether it is too early to tell a client that nobody serves it: the client tries again by itself. */
  get isSettling(): boolean {
    return this.data.isSettling || this.isResolving;
  }

  /** The part of a client's address that its template has. */
  networkOf(client: Uint32Array): Uint32Array {
    return client.map((word, index) => word & this.persistenceMask[index]!);
  }
}

/** What builds a table, and outlives it. */
export interface ForwardingContext {
  readonly destinations: Destinations;
  readonly registry: IdentityRegistry;
  readonly hashKey: Uint32Array;
  /** 32 random bits. */
  readonly random: () => number;
  /** MAC of a neighbour, or `null` while it is not known. */
  readonly macOf: (neighbor: NeighborId) => Mac | null;
  /** Whether a neighbour whose MAC is not known was asked for just now. */
  readonly isSought: (neighbor: NeighborId, nowMs: number) => boolean;
}

export class ForwardingTable {
  readonly generation: number;
  readonly services: readonly Service[];
  /** Virtual addresses, each once. */
  readonly vips: readonly string[];
  /** The same, with the VLAN each is in. */
  readonly placedVips: readonly NeighborId[];
  /** VLAN that each virtual address is in; `UNTAGGED` for none. */
  readonly vipVlans: Uint16Array;
  /** Identity of each virtual address. */
  readonly vipIdentities: Uint16Array;
  readonly #context: ForwardingContext;
  readonly #vipWords: Int32Array;
  /** Which service has a port, for TCP and UDP of each VIP. */
  readonly #portMaps: readonly Uint16Array[];
  /** Where each neighbour is a real server. */
  readonly #uses = new Map<string, { readonly service: Service; readonly index: number }[]>();
  /** Services that have servers without a MAC, of which some may be about to answer. */
  readonly #resolving = new Set<Service>();
  /** Services whose schedulers are yet to be told of changes. */
  readonly #unrevised = new Set<Service>();

  /**
   * Builds a table and makes it the one {@linkcode Destinations} speaks of.
   *
   * @param before The table in use until now: its schedulers go on where the algorithm is the same.
   */
  constructor(data: ForwardingTableData, context: ForwardingContext, before: ForwardingTable | null) {
    const { registry, destinations } = context;
    this.#context = context;
    this.generation = data.generation;
    const vlans = new Map(data.services.map(({ vip, vlan }) => [vip, vlan ?? UNTAGGED]));
    this.vips = [...vlans.keys()];
    this.placedVips = [...vlans].map(([address, vlan]) => ({ address, vlan }));
    this.vipVlans = Uint16Array.from(vlans.values());
    this.#vipWords = Int32Array.from(this.vips.flatMap(addressWords));
    const wanted = new Set<number>();
    const use: IdentityUse = {
      isReferred: (number) => wanted.has(number) || destinations.isReferred(number),
      forget: (number) => destinations.forget(number),
    };
    const numberOf = (text: string) => {
      const number = registry.numberOf(text, use);
      wanted.add(number);
      return number;
    };
    this.services = data.services.map((service) =>
      new Service(service, schedulerFor(service, context, before), {
        service: numberOf(serviceText(service)),
        vip: numberOf(vipText(service.vip)),
        destinations: Uint16Array.from(
          service.destinations,
          (destination) => numberOf(`${serviceText(service)} ${destination.address}`),
        ),
      })
    );
    this.vipIdentities = Uint16Array.from(this.vips, (vip) => numberOf(vipText(vip)));
    destinations.clearPlaces();
    this.services.forEach((service, index) => this.#placeDestinations(service, index));
    this.#portMaps = this.#mapPorts();
  }

  /** Index of a VIP given as four signed words, or {@linkcode NONE}. Hot path. */
  vipIndex(a: number, b: number, c: number, d: number): number {
    const words = this.#vipWords;
    for (let at = 0; at < words.length; at += 4) {
      if (words[at + 3] === d && words[at + 2] === c && words[at + 1] === b && words[at] === a) {
        return at >>> 2;
      }
    }
    return NONE;
  }

  /** The service on a port of a VIP, or `null`. Hot path. */
  serviceAt(vipIndex: number, protocol: number, port: number): Service | null {
    const map = this.#portMaps[vipIndex * 2 + (protocol === Protocol.UDP ? 1 : 0)]!;
    const index = serviceOfPort(map, port);
    return index === NONE ? null : this.services[index]!;
  }

  /**
   * Adopts what is known of a neighbour for every service that uses it. Frames of known connections follow it at once,
   * schedulers when they are told.
   */
  neighborChanged(neighbor: NeighborId): void {
    for (const { service, index } of this.#uses.get(neighborText(neighbor)) ?? []) {
      this.#adoptNeighbor(service, index);
      this.#unrevised.add(service);
    }
  }

  /**
   * Tells schedulers which servers they may use since neighbours have changed. Some deal out a large table each time:
   * to be called for many changes at once.
   */
  reviseSchedulers(nowMs: number): void {
    for (const service of this.#unrevised) this.#reviseWeights(service);
    this.#unrevised.clear();
    for (const service of this.#resolving) {
      service.isResolving = service.neighbors.some((neighbor) => this.#context.isSought(neighbor, nowMs));
      if (!service.isResolving) this.#resolving.delete(service);
    }
  }

  #placeDestinations(service: Service, serviceIndex: number): void {
    service.data.destinations.forEach((destination, index) => {
      this.#context.destinations.place(service.identities[index]!, {
        service: serviceIndex,
        set: service.set,
        index,
      }, {
        vlan: service.neighbors[index]!.vlan,
        egress: destination.egress,
        maximum: destination.maxConnections,
        minimum: destination.minConnections,
      });
      const neighbor = neighborText(service.neighbors[index]!);
      const uses = this.#uses.get(neighbor) ?? [];
      this.#uses.set(neighbor, uses);
      uses.push({ service, index });
      this.#adoptNeighbor(service, index);
    });
    this.#reviseWeights(service);
    const { condition } = this.#context.destinations;
    service.isResolving = service.identities.some((identity) => condition[identity] === Condition.Unresolved);
    if (service.isResolving) this.#resolving.add(service);
  }

  #adoptNeighbor(service: Service, index: number): void {
    const { destinations, macOf } = this.#context;
    const identity = service.identities[index]!;
    const { isDown, weight } = service.data.destinations[index]!;
    const mac = macOf(service.neighbors[index]!);
    destinations.macHigh[identity] = mac?.high ?? 0;
    destinations.macLow[identity] = mac?.low ?? 0;
    destinations.condition[identity] = isDown
      ? Condition.Down
      : mac === null
      ? Condition.Unresolved
      : weight === 0
      ? Condition.Quiesced
      : Condition.Usable;
  }

  #reviseWeights(service: Service): void {
    const { condition } = this.#context.destinations;
    service.data.destinations.forEach(({ weight }, index) => {
      // A quiesced server keeps its place in a hash scheduler, one that cannot answer gives it up.
      const isAbsent = condition[service.identities[index]!]! < Condition.Quiesced;
      service.set.weights[index] = isAbsent ? ABSENT : weight;
    });
    service.scheduler.update(service.set);
  }

  #mapPorts(): Uint16Array[] {
    const ranges: ServedPorts[][] = Array.from({ length: this.vips.length * 2 }, () => []);
    const places = new Map(this.vips.map((vip, index) => [vip, index * 2]));
    this.services.forEach(({ data: { vip, protocol, ports } }, service) => {
      const place = places.get(vip)! + (protocol === Protocol.UDP ? 1 : 0);
      for (const { first, last } of ports) ranges[place]!.push({ first, last, service });
    });
    return ranges.map((each) => each.length === 0 ? NO_PORTS : portMap(each));
  }
}

function neighborText({ address, vlan }: NeighborId): string {
  return `${address} ${vlan}`;
}

function vipText(vip: string): string {
  return `vip ${vip}`;
}

/** What makes a service the same one after a reload. */
function serviceText({ name, vip, protocol }: ServiceData): string {
  return `service ${name} ${vip} ${protocol}`;
}

function schedulerFor(
  service: ServiceData,
  context: ForwardingContext,
  before: ForwardingTable | null,
): Scheduler {
  const earlier = before?.services.find(({ data }) =>
    serviceText(data) === serviceText(service) && data.scheduler === service.scheduler &&
    sameOptions(data.schedulerOptions, service.schedulerOptions)
  );
  if (earlier !== undefined) return earlier.scheduler;
  return createScheduler(service.scheduler, {
    options: service.schedulerOptions,
    hashKey: context.hashKey,
    random: context.random,
  });
}

function sameOptions(one: readonly SchedulerOption[], other: readonly SchedulerOption[]): boolean {
  return [...one].sort().join() === [...other].sort().join();
}
