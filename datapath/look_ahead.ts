/**
 * Asks the memory for the connections of a whole batch before the first of them is needed. In a large table every
 * connection is in cold memory, on a page of its own, and waiting for it takes longer than all the rest of a frame;
 * but the memory can be waited for many times at once. A hint: nothing depends on what is done here.
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";
import { type ConnectionTable, keyWord, NONE } from "./connection_table.ts";
import type { ForwardingTable } from "./forwarding_table.ts";
import { FrameRing } from "./frame_ring.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as tcp from "./wire/tcp.ts";

/** Entries of a table that fits the caches, where asking ahead would only cost time. */
export const CACHED_ENTRIES = 2_048;

export class LookAhead {
  readonly #ring: FrameRing;
  readonly #connections: ConnectionTable;
  readonly #client = new Uint32Array(4);
  readonly #homes: Int32Array;

  constructor(ring: FrameRing, connections: ConnectionTable) {
    this.#ring = ring;
    this.#connections = connections;
    this.#client[2] = IPV4_MAPPED;
    this.#homes = new Int32Array(ring.slotCount);
  }

  /** Looks at the first `count` frames of the ring. Hot path. */
  look(table: ForwardingTable, count: number): void {
    if (this.#connections.used <= CACHED_ENTRIES) return;
    const frame = this.#ring.view;
    let found = 0;
    for (let index = 0; index < count; index++) {
      const at = FrameRing.frameAt(this.#ring.order[index]!);
      const ip = at + ethernet.HEADER_BYTES;
      // What lies behind a frame that is too short is still in its slot, and a wrong hint does no harm.
      if (ethernet.etherType(frame, at) !== ethernet.EtherType.IPV4) continue;
      const vip = table.vipIndex(0, 0, IPV4_MAPPED, ipv4.destination(frame, ip));
      if (vip === NONE) continue;
      this.#client[3] = ipv4.source(frame, ip);
      const ports = tcp.ports(frame, ip + ipv4.headerBytes(frame, ip));
      const key = keyWord(table.vipIdentities[vip]!, ipv4.protocol(frame, ip));
      this.#homes[found] = this.#connections.home(this.#client, ports, key);
      found += 1;
    }
    this.#connections.touch(this.#homes, found);
  }
}
