/**
 * The real servers of all services as the hot path needs them: arrays indexed by identity (see
 * identity_registry.ts), so that an entry of the connection table leads straight to a MAC and to counters.
 *
 * Counters and connection counts belong to the identity and stay when a server leaves the configuration and
 * returns. The arrays of a {@linkcode ServerSet} are what its scheduler looks at; counts are written to both. Where
 * several workers share the servers, what the others have is added to the set before each choice.
 *
 * @module
 */

import type { ServerSet } from "../scheduler/scheduler.ts";
import { isActive, State } from "./connection_state.ts";
import { IdentityRegistry, type IdentityUse } from "./identity_registry.ts";
import { NO_CELL, type SharedLoads } from "./shared_loads.ts";

/** What a destination can take. */
export const Condition = {
  /** Not in the configuration. */
  Gone: 0,
  /** Its health check fails. */
  Down: 1,
  /** Its MAC is not known. */
  Unresolved: 2,
  /** Known connections only. */
  Quiesced: 3,
  Usable: 4,
} as const;

/** Place of a destination in its service. */
export interface Place {
  readonly service: number;
  readonly set: ServerSet;
  /** Index in the set. */
  readonly index: number;
}

export class Destinations implements IdentityUse {
  readonly condition = new Uint8Array(IdentityRegistry.LIMIT);
  readonly macHigh = new Uint16Array(IdentityRegistry.LIMIT);
  readonly macLow = new Uint32Array(IdentityRegistry.LIMIT);
  /** VLAN it is reached in; `UNTAGGED` for none. */
  readonly vlan = new Uint16Array(IdentityRegistry.LIMIT);
  /** Interface it is reached by: 0 for that of the VIPs, from 1 on the uplinks. */
  readonly egress = new Uint8Array(IdentityRegistry.LIMIT);
  readonly active = new Int32Array(IdentityRegistry.LIMIT);
  readonly inactive = new Int32Array(IdentityRegistry.LIMIT);
  /** Persistence templates. */
  readonly templates = new Int32Array(IdentityRegistry.LIMIT);
  /** 1: a connection threshold keeps new connections away. */
  readonly overloaded = new Uint8Array(IdentityRegistry.LIMIT);
  readonly connections = new Float64Array(IdentityRegistry.LIMIT);
  readonly packets = new Float64Array(IdentityRegistry.LIMIT);
  readonly bytes = new Float64Array(IdentityRegistry.LIMIT);
  /** Entries of the connection table that speak of an identity, as their destination or as their owner. */
  readonly #references = new Int32Array(IdentityRegistry.LIMIT);
  readonly #maximum = new Uint32Array(IdentityRegistry.LIMIT);
  readonly #minimum = new Uint32Array(IdentityRegistry.LIMIT);
  readonly #places: (Place | undefined)[] = new Array(IdentityRegistry.LIMIT).fill(undefined);
  readonly #loads: SharedLoads | null;
  /** Where the loads of an identity are shared. */
  readonly #cells = new Int32Array(IdentityRegistry.LIMIT).fill(NO_CELL);

  /** @param loads What other workers have; `null` if there are none. */
  constructor(loads: SharedLoads | null = null) {
    this.#loads = loads;
  }

  /** Forgets which destinations the configuration has; counts and counters stay. */
  clearPlaces(): void {
    this.condition.fill(Condition.Gone);
    this.#places.fill(undefined);
  }

  /** Puts a destination into its place and gives its set the counts it has. */
  place(
    identity: number,
    place: Place,
    settings: {
      readonly vlan: number;
      readonly egress: number;
      readonly maximum: number;
      readonly minimum: number;
    },
  ): void {
    this.#places[identity] = place;
    this.vlan[identity] = settings.vlan;
    this.egress[identity] = settings.egress;
    this.#maximum[identity] = settings.maximum;
    this.#minimum[identity] = settings.minimum;
    place.set.active[place.index] = this.active[identity]!;
    place.set.inactive[place.index] = this.inactive[identity]!;
    if (this.#loads !== null) this.#claimCell(identity, this.#loads.cellAt(place.service, place.index));
    this.#publish(identity);
    this.#reviseOverload(identity);
  }

  /**
   * Becomes a copy of another in what decides about a packet, with the servers of one service in their places and no
   * others. What other workers have of them counts as its own.
   */
  imitate(
    other: Destinations,
    service: Pick<Place, "service" | "set"> & { readonly identities: Uint16Array } | null,
  ): void {
    for (const field of ["condition", "macHigh", "macLow", "vlan", "egress"] as const) {
      this[field].set(other[field]);
    }
    this.#places.fill(undefined);
    if (service === null) return;
    const { set } = service;
    service.identities.forEach((identity, index) => {
      this.#places[identity] = { service: service.service, set, index };
      this.#maximum[identity] = other.#maximum[identity]!;
      this.#minimum[identity] = other.#minimum[identity]!;
      this.active[identity] = set.active[index]!;
      this.inactive[identity] = set.inactive[index]!;
      this.overloaded[identity] = set.overloaded[index]!;
    });
  }

  /** Brings the counts of a set, whose servers have these identities, up to date with the other workers. */
  gather(set: ServerSet, identities: Uint16Array): void {
    if (this.#loads === null) return;
    for (let index = 0; index < identities.length; index++) {
      const identity = identities[index]!;
      const cell = this.#cells[identity]!;
      set.active[index] = this.active[identity]! + this.#loads.othersActive(cell);
      set.inactive[index] = this.inactive[identity]! + this.#loads.othersInactive(cell);
      if (this.#maximum[identity] !== 0) this.#reviseOverload(identity);
    }
  }

  /** Place of a destination, or `undefined` if it is gone. */
  placeOf(identity: number): Place | undefined {
    return this.#places[identity];
  }

  isReferred(identity: number): boolean {
    return this.#references[identity]! > 0;
  }

  forget(identity: number): void {
    this.connections[identity] = 0;
    this.packets[identity] = 0;
    this.bytes[identity] = 0;
    this.overloaded[identity] = 0;
    this.macHigh[identity] = 0;
    this.macLow[identity] = 0;
    this.#cells[identity] = NO_CELL;
  }

  /**
   * Counts a new connection or template in `state`.
   *
   * @param owner Identity in its key: of the VIP, of the service for a template.
   */
  joined(identity: number, owner: number, state: number): void {
    this.#references[identity]! += 1;
    this.#references[owner]! += 1;
    this.#count(identity, state, 1);
  }

  /** Counts one off that was in `state`. */
  left(identity: number, owner: number, state: number): void {
    this.#references[identity]! -= 1;
    this.#references[owner]! -= 1;
    this.#count(identity, state, -1);
  }

  /** Counts a change of state. Hot path. */
  moved(identity: number, before: number, after: number): void {
    if (isActive(before) === isActive(after)) return;
    this.#count(identity, before, -1);
    this.#count(identity, after, 1);
  }

  #count(identity: number, state: number, by: number): void {
    if (state === State.Template) {
      this.templates[identity]! += by;
      return;
    }
    const place = this.#places[identity];
    if (isActive(state)) {
      this.active[identity]! += by;
      if (place !== undefined) place.set.active[place.index] = this.active[identity]!;
    } else {
      this.inactive[identity]! += by;
      if (place !== undefined) place.set.inactive[place.index] = this.inactive[identity]!;
    }
    this.#publish(identity);
    if (this.#maximum[identity] !== 0) this.#reviseOverload(identity);
  }

  /** Gives a cell to an identity; a server that had it before is not in the configuration any more. */
  #claimCell(identity: number, cell: number): void {
    if (this.#cells[identity] === cell) return;
    const before = this.#cells.indexOf(cell);
    if (before >= 0) this.#cells[before] = NO_CELL;
    this.#cells[identity] = cell;
  }

  #publish(identity: number): void {
    const cell = this.#cells[identity]!;
    if (cell !== NO_CELL) this.#loads?.publish(cell, this.active[identity]!, this.inactive[identity]!);
  }

  /** Between the two thresholds the flag keeps its value, as in IPVS. */
  #reviseOverload(identity: number): void {
    const maximum = this.#maximum[identity]!;
    const cell = this.#cells[identity]!;
    const loads = cell === NO_CELL ? null : this.#loads;
    let total = this.active[identity]! + this.inactive[identity]!;
    if (loads !== null) {
      total += loads.othersActive(cell) + loads.othersInactive(cell);
      this.overloaded[identity] = loads.isOverloaded(cell);
    }
    if (maximum === 0 || total < this.#minimum[identity]!) this.overloaded[identity] = 0;
    else if (total >= maximum) this.overloaded[identity] = 1;
    loads?.setOverloaded(cell, this.overloaded[identity]!);
    const place = this.#places[identity];
    if (place !== undefined) place.set.overloaded[place.index] = this.overloaded[identity]!;
  }
}
