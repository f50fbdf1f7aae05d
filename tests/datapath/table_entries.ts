/**
 * The entries of a connection table as tests compare them.
 *
 * @module
 */

import { type ConnectionLedger, ConnectionTable, keyWord, NONE } from "../../datapath/connection_table.ts";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import { IPV4_MAPPED } from "../../model/ip_address.ts";

/** A ledger that lets everything go. */
export const NO_LEDGER: ConnectionLedger = { released: () => {}, prolonged: () => false };

/** An IPv4 client. */
export function ipv4Client(address: number): Uint32Array {
  return Uint32Array.of(0, 0, IPV4_MAPPED, address);
}

/** A table in memory of its own, with a secret that is the same every time. */
export function tableOf(maximum: number, words = wordsFor(maximum)): ConnectionTable {
  return new ConnectionTable(words, maximum, new KeyedHash(Uint32Array.of(0x5bd1e995, 0x9e3779b9)));
}

export function wordsFor(maximum: number): Uint32Array {
  return new Uint32Array(ConnectionTable.bytesFor(maximum) / Uint32Array.BYTES_PER_ELEMENT);
}

/** One entry, read back. */
export interface Entry {
  readonly client: string;
  readonly ports: number;
  readonly owner: number;
  readonly protocol: number;
  readonly destination: number;
  readonly state: number;
  readonly holdsTemplate: boolean;
  /** Milliseconds of the clock, modulo 2^32. */
  readonly expiresAtMs: number;
}

export function entryAt(connections: ConnectionTable, slot: number): Entry {
  const client = new Uint32Array(4);
  connections.readClient(slot, client);
  const key = connections.key(slot);
  return {
    client: [...client].join(),
    ports: connections.ports(slot),
    owner: key >>> 16,
    protocol: key & 0xffff,
    destination: connections.destination(slot),
    state: connections.state(slot),
    holdsTemplate: connections.holdsTemplate(slot),
    expiresAtMs: connections.remainingMs(slot, 0) >>> 0,
  };
}

/** All entries, in the order of their slots. */
export function entriesOf(connections: ConnectionTable): Entry[] {
  const entries: Entry[] = [];
  for (let slot = connections.nextUsed(0); slot !== NONE; slot = connections.nextUsed(slot + 1)) {
    entries.push(entryAt(connections, slot));
  }
  return entries;
}

/** Key word of the connections of VIP 1 over TCP. */
export const TCP_KEY = keyWord(1, 6);
