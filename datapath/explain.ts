/**
 * Foretells what becomes of the first packet of a connection, and shows what that goes by. The packet goes through the
 * same code as one that has arrived, in a rehearsal: with copies of whatever a frame can change, and with a scheduler
 * that is put back afterwards. Nothing is sent, counted or remembered.
 *
 * @module
 */

import type { Decision, EntryFound, ExplainQuestion, ServerSeen } from "../model/explanation.ts";
import { addressWords, macToText } from "../model/ip_address.ts";
import { STATE_NAMES } from "./connection_state.ts";
import { type ConnectionTable, keyWord, NONE } from "./connection_table.ts";
import { Condition } from "./destinations.ts";
import type { ForwardingTable, Service } from "./forwarding_table.ts";
import type { NeighborTable } from "./neighbor_table.ts";
import { Rehearsal, type RehearsalParts } from "./rehearsal.ts";
import { UNTAGGED } from "./wire/ethernet.ts";
import { Protocol } from "./wire/ipv4.ts";

/** What a datapath goes by, none of which an explanation changes. */
export interface ExplainParts extends RehearsalParts {
  readonly neighbors: Pick<NeighborTable, "macOf" | "ageOf">;
  /** Number of the worker. */
  readonly worker: number;
}

const CONDITION_NAMES = {
  [Condition.Down]: "down",
  [Condition.Unresolved]: "unresolved",
  [Condition.Quiesced]: "quiesced",
  [Condition.Usable]: "usable",
} as const;

export class Explainer {
  readonly #parts: ExplainParts;
  /** Made for the first question: most directors are never asked. */
  #rehearsal: Rehearsal | null = null;

  constructor(parts: ExplainParts) {
    this.#parts = parts;
  }

  /** Says what would become of a packet that arrived now. */
  explain(table: ForwardingTable, question: ExplainQuestion, nowMs: number): Decision {
    const { connections, destinations, limits, worker } = this.#parts;
    const client = Uint32Array.from(addressWords(question.client));
    const vip = Uint32Array.from(addressWords(question.vip));
    const ports = (((question.clientPort ?? 0) << 16) | question.port) >>> 0;
    const protocol = question.protocol === "tcp" ? Protocol.TCP : Protocol.UDP;
    const place = table.vipIndex(vip[0]! | 0, vip[1]! | 0, vip[2]! | 0, vip[3]! | 0);
    const service = place === NONE ? null : table.serviceAt(place, protocol, question.port);
    const hasConnection = service !== null && question.clientPort !== null && !service.data.onePacket;
    const connection = hasConnection
      ? connections.recall(client, ports, keyWord(service.vipIdentity, protocol))
      : NONE;
    const template = service === null || service.data.persistenceMs === 0
      ? NONE
      : connections.recallTemplate(service.networkOf(client), service.identity);
    // As every choice begins; it changes nothing that a choice would not find changed anyway.
    if (service !== null) destinations.gather(service.set, service.identities);

    const limit = service?.data.newConnectionsPerSource ?? 0;
    const packet = { client, vip, ports, protocol, vlan: table.vipVlans[place] ?? UNTAGGED };
    this.#rehearsal ??= new Rehearsal(this.#parts, table);
    return {
      worker,
      service: service?.data.name ?? null,
      isDenied: service?.rules.denies(client) ?? false,
      newConnectionsLeft: service === null || limit === 0
        ? null
        : limits.left(client, service.identity, limit, nowMs),
      connection: connection === NONE ? null : entryAt(connections, connection, service!, nowMs),
      template: template === NONE ? null : {
        ...entryAt(connections, template, service!, nowMs),
        holders: connections.ports(template),
      },
      isTableFull: connections.used >= connections.maximum,
      servers: service === null ? [] : serversSeen(this.#parts, service, nowMs),
      ...this.#rehearsal.run(table, service, { connection, template }, packet, nowMs),
    };
  }
}

function entryAt(connections: ConnectionTable, slot: number, service: Service, nowMs: number): EntryFound {
  const index = service.identities.indexOf(connections.destination(slot));
  return {
    state: STATE_NAMES[connections.state(slot)]!,
    expiresInMs: Math.max(0, connections.remainingMs(slot, nowMs)),
    server: service.data.destinations[index]?.address ?? null,
    holders: null,
  };
}

function serversSeen(
  { destinations, neighbors }: ExplainParts,
  service: Service,
  nowMs: number,
): ServerSeen[] {
  const { set, identities, data } = service;
  return data.destinations.map(({ address, weight }, index) => {
    const { vlan } = service.neighbors[index]!;
    const condition = destinations.condition[identities[index]!]! as keyof typeof CONDITION_NAMES;
    const mac = neighbors.macOf(address, vlan);
    return {
      address,
      condition: CONDITION_NAMES[condition],
      weight,
      activeConnections: set.active[index]!,
      inactiveConnections: set.inactive[index]!,
      isOverloaded: set.overloaded[index] === 1,
      mac: mac === null ? null : macToText(mac),
      macAgeMs: neighbors.ageOf(address, vlan, nowMs),
    };
  });
}
