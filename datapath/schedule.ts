/**
 * The slow exit of the hot path: what happens when a frame belongs to no usable connection. Picks a real server,
 * remembers it, and keeps the books of what every real server has.
 *
 * @module
 */

import type { NewFlow } from "../scheduler/scheduler.ts";
import type { SourceLimits } from "./admission.ts";
import { nextTcpState, opensConnection, State } from "./connection_state.ts";
import {
  type ConnectionLedger,
  type ConnectionTable,
  HOLDS_TEMPLATE,
  keyWord,
  NONE,
  TEMPLATE_PROTOCOL,
} from "./connection_table.ts";
import { Condition, type Destinations } from "./destinations.ts";
import type { ForwardingTable, Service } from "./forwarding_table.ts";
import { Protocol } from "./wire/ipv4.ts";

/** Why there is no destination. All negative, so that they cannot be taken for one. */
export const Outcome = {
  /** No real server can be used. */
  NoServer: NONE,
  /** The connection's real server is lost and its client is to be told. */
  LostAndReset: -2,
  /** The connection's real server is lost and the service wants silence. */
  LostSilently: -3,
  /** There is no room for another connection. */
  TableFull: -4,
  /** The service is not for this client. */
  Denied: -5,
  /** The client's source has opened too many connections of late. */
  OverSourceLimit: -6,
} as const;

/** An expired template that connections still hold is looked at again after this time at the latest, as in IPVS. */
const HELD_TEMPLATE_MS = 60_000;

export class ConnectionScheduler implements ConnectionLedger {
  readonly #connections: ConnectionTable;
  readonly #destinations: Destinations;
  readonly #limits: SourceLimits;
  #table: ForwardingTable;

  readonly #flow: NewFlow = {
    source: new Uint32Array(4),
    sourcePort: 0,
    destination: new Uint32Array(4),
  };
  /** The part of a client's address that its template has. */
  readonly #network = new Uint32Array(4);
  /** Client of an entry that is being removed, which may happen in the middle of an insertion. */
  readonly #holder = new Uint32Array(4);
  readonly #holderNetwork = new Uint32Array(4);

  constructor(
    connections: ConnectionTable,
    destinations: Destinations,
    table: ForwardingTable,
    limits: SourceLimits,
  ) {
    this.#connections = connections;
    this.#destinations = destinations;
    this.#limits = limits;
    this.#table = table;
    // An earlier process counted them, and may have died on the way.
    this.#recountHolders();
  }

  /** Uses another table from now on. */
  adopt(table: ForwardingTable): void {
    const before = templateRules(this.#table);
    this.#table = table;
    if (templateRules(table) !== before) this.#recountHolders();
  }

  /**
   * Makes a connection for a client that may have one.
   *
   * @param ports Client port in the high half, service port in the low.
   * @param flags TCP flags of its first segment; ignored for UDP.
   * @returns Identity of its destination, or an {@linkcode Outcome}.
   */
  schedule(service: Service, client: Uint32Array, ports: number, flags: number, nowMs: number): number {
    const refusal = this.#refusal(service, client, nowMs);
    return refusal === NONE ? this.#connect(service, client, ports, flags, nowMs) : refusal;
  }

  /** Picks a destination for one packet, which counts as a connection, and remembers nothing. */
  pickOnce(service: Service, client: Uint32Array, ports: number, nowMs: number): number {
    const refusal = this.#refusal(service, client, nowMs);
    if (refusal !== NONE) return refusal;
    const destination = this.#pick(service, client, ports, nowMs);
    if (destination >= 0) this.#destinations.connections[destination]! += 1;
    return destination;
  }

  /** Why a client may not open a connection now, or {@linkcode NONE}. */
  #refusal(service: Service, client: Uint32Array, nowMs: number): number {
    if (service.rules.denies(client)) return Outcome.Denied;
    const { newConnectionsPerSource } = service.data;
    if (newConnectionsPerSource === 0) return NONE;
    return this.#limits.admits(client, service.identity, newConnectionsPerSource, nowMs)
      ? NONE
      : Outcome.OverSourceLimit;
  }

  #connect(service: Service, client: Uint32Array, ports: number, flags: number, nowMs: number): number {
    const isPersistent = service.data.persistenceMs > 0;
    const destination = isPersistent
      ? this.#persistentDestination(service, client, ports, nowMs)
      : this.#pick(service, client, ports, nowMs);
    if (destination < 0) return destination;
    // A template nobody holds could have to make room for the connection.
    if (isPersistent) this.#hold(service, client, nowMs);
    const { protocol } = service.data;
    const state = protocol === Protocol.UDP ? State.UdpFirst : nextTcpState(State.None, flags);
    const slot = this.#connections.insert(
      client,
      ports,
      keyWord(service.vipIdentity, protocol),
      destination,
      isPersistent ? state | HOLDS_TEMPLATE : state,
      (nowMs + service.timeoutsMs[state]!) | 0,
      this,
    );
    if (slot === NONE) {
      if (isPersistent) this.#countHolder(service, client, destination, -1);
      return Outcome.TableFull;
    }
    this.#destinations.joined(destination, service.vipIdentity, state);
    this.#destinations.connections[destination]! += 1;
    return destination;
  }

  /**
   * Picks the destination of a connection that is not known here, where the scheduler always picks the same one:
   * another director may have made it, or this one before it forgot.
   *
   * @returns Identity of its destination, or {@linkcode Outcome.NoServer}.
   */
  pickAgain(service: Service, client: Uint32Array, ports: number, nowMs: number): number {
    const { unknown, scheduler } = service.data;
    const isByHash = scheduler === "sh" || scheduler === "mh" || scheduler === "dh";
    return isByHash && unknown === "schedule" ? this.#pick(service, client, ports, nowMs) : Outcome.NoServer;
  }

  /**
   * Decides about a connection whose destination is gone or down.
   *
   * @returns Identity of its new destination, or an {@linkcode Outcome}.
   */
  replaceLost(
    service: Service,
    connection: number,
    client: Uint32Array,
    ports: number,
    flags: number,
    nowMs: number,
  ): number {
    const isTcp = service.data.protocol === Protocol.TCP;
    const opens = isTcp && opensConnection(flags);
    if (!opens && service.data.onServerLoss === "drop") return Outcome.LostSilently;
    this.#connections.remove(connection, this);
    // UDP has no way to say reset: its next packet simply starts anew.
    if (isTcp && !opens && service.data.onServerLoss === "reset") return Outcome.LostAndReset;
    // What was admitted once moves without being asked again.
    return opens
      ? this.schedule(service, client, ports, flags, nowMs)
      : this.#connect(service, client, ports, flags, nowMs);
  }

  released(slot: number): void {
    const connections = this.#connections;
    const owner = connections.key(slot) >>> 16;
    this.#destinations.left(connections.destination(slot), owner, connections.state(slot));
    if (connections.holdsTemplate(slot)) this.#countHolderIn(slot, -1);
  }

  prolonged(slot: number, nowMs: number): boolean {
    if (this.#connections.state(slot) !== State.Template || this.#connections.ports(slot) === 0) return false;
    const place = this.#destinations.placeOf(this.#connections.destination(slot));
    if (place === undefined) return false;
    const { persistenceMs } = this.#table.services[place.service]!.data;
    this.#connections.update(slot, State.Template, (nowMs + Math.min(HELD_TEMPLATE_MS, persistenceMs)) | 0);
    return true;
  }

  /** Counts the connection in `slot` in its template or off it. */
  #countHolderIn(slot: number, by: number): void {
    const destination = this.#connections.destination(slot);
    const place = this.#destinations.placeOf(destination);
    const service = place === undefined ? this.#serviceOf(slot) : this.#table.services[place.service]!;
    if (service === undefined) return;
    this.#connections.readClient(slot, this.#holder);
    this.#countHolder(service, this.#holder, destination, by);
  }

  #countHolder(service: Service, client: Uint32Array, destination: number, by: number): void {
    this.#holderNetwork.set(client);
    maskWords(this.#holderNetwork, service.persistenceMask);
    const template = this.#connections.recallTemplate(this.#holderNetwork, service.identity);
    // A template that has another destination by now began to count anew.
    if (template === NONE || this.#connections.destination(template) !== destination) return;
    this.#connections.setHolders(template, Math.max(0, this.#connections.ports(template) + by));
  }

  /** Counts from the connections that are there; otherwise a template of other rules could be held for ever. */
  #recountHolders(): void {
    const connections = this.#connections;
    for (let slot = connections.nextUsed(0); slot !== NONE; slot = connections.nextUsed(slot + 1)) {
      if (connections.state(slot) === State.Template) connections.setHolders(slot, 0);
    }
    for (let slot = connections.nextUsed(0); slot !== NONE; slot = connections.nextUsed(slot + 1)) {
      if (connections.holdsTemplate(slot)) this.#countHolderIn(slot, 1);
    }
  }

  /** The service of a connection whose destination is gone. */
  #serviceOf(slot: number): Service | undefined {
    const key = this.#connections.key(slot);
    const port = this.#connections.ports(slot) & 0xffff;
    return this.#table.services.find(({ vipIdentity, data: { protocol, ports } }) =>
      keyWord(vipIdentity, protocol) === key && ports.some(({ first, last }) => first <= port && port <= last)
    );
  }

  #pick(service: Service, client: Uint32Array, ports: number, nowMs: number): number {
    const flow = this.#flow;
    for (let word = 0; word < 4; word++) {
      flow.source[word] = client[word]!;
      flow.destination[word] = service.vip[word]!;
    }
    flow.sourcePort = ports >>> 16;
    this.#destinations.gather(service.set, service.identities);
    const index = service.scheduler.pick(flow, nowMs);
    return index === NONE ? Outcome.NoServer : service.identities[index]!;
  }

  /** The destination a client had before, as long as it may have it, else a new one to remember. */
  #persistentDestination(service: Service, client: Uint32Array, ports: number, nowMs: number): number {
    this.#readNetwork(service, client);
    const template = this.#connections.recallTemplate(this.#network, service.identity);
    if (template !== NONE) {
      const known = this.#connections.destination(template);
      const condition = this.#destinations.condition[known]!;
      const mayStay = condition === Condition.Quiesced && service.data.persistToQuiesced;
      if (condition === Condition.Usable || mayStay) return known;
    }
    const destination = this.#pick(service, client, ports, nowMs);
    if (destination < 0) return destination;
    if (template !== NONE) {
      this.#destinations.left(this.#connections.destination(template), service.identity, State.Template);
      this.#connections.setDestination(template, destination);
      this.#connections.setHolders(template, 0);
    } else {
      const slot = this.#connections.insert(
        this.#network,
        0,
        keyWord(service.identity, TEMPLATE_PROTOCOL),
        destination,
        State.Template,
        (nowMs + service.data.persistenceMs) | 0,
        this,
      );
      if (slot === NONE) return Outcome.TableFull;
    }
    this.#destinations.joined(destination, service.identity, State.Template);
    return destination;
  }

  /** Counts a connection in the template of its client, which lives on from now. */
  #hold(service: Service, client: Uint32Array, nowMs: number): void {
    this.#readNetwork(service, client);
    const template = this.#connections.recallTemplate(this.#network, service.identity);
    if (template === NONE) return;
    this.#connections.setHolders(template, this.#connections.ports(template) + 1);
    this.#connections.update(template, State.Template, (nowMs + service.data.persistenceMs) | 0);
  }

  #readNetwork(service: Service, client: Uint32Array): void {
    this.#network.set(client);
    maskWords(this.#network, service.persistenceMask);
  }
}

/** What decides which template a connection holds, as text. */
function templateRules({ services }: ForwardingTable): string {
  return JSON.stringify(services.map(({ identity, identities, data }) => [
    identity,
    [...identities],
    data.ports,
    data.persistencePrefix,
  ]));
}

function maskWords(words: Uint32Array, mask: Uint32Array): void {
  for (let word = 0; word < 4; word++) words[word]! &= mask[word]!;
}
