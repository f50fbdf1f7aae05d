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
import * as ipv6 from "./wire/ipv6.ts";
import * as tcp from "./wire/tcp.ts";
import * as vlan from "./wire/vlan.ts";

/** Entries of a table that fits the caches, where asking ahead would only cost time. */
export const CACHED_ENTRIES = 2_048;

export class LookAhead {
  readonly #ring: FrameRing;
  readonly #connections: ConnectionTable;
  readonly #client = new Uint32Array(4);
  readonly #homes: Int32Array;
  #found = 0;

  constructor(ring: FrameRing, connections: ConnectionTable) {
    this.#ring = ring;
    this.#connections = connections;
    this.#homes = new Int32Array(ring.slotCount);
  }

  /** Looks at the first `count` frames of the ring. Hot path. */
  look(table: ForwardingTable, count: number): void {
    if (this.#connections.used <= CACHED_ENTRIES) return;
    const frame = this.#ring.view;
    this.#found = 0;
    for (let index = 0; index < count; index++) {
      // What lies behind a frame that is too short is still in its slot, and a wrong hint does no harm.
      const at = FrameRing.frameAt(this.#ring.order[index]!);
      const outer = ethernet.etherType(frame, at);
      const isTagged = outer === ethernet.EtherType.VLAN;
      const type = isTagged ? vlan.innerType(frame, at) : outer;
      const ip = at + (isTagged ? ethernet.HEADER_BYTES + ethernet.TAG_BYTES : ethernet.HEADER_BYTES);
      if (type === ethernet.EtherType.IPV4) this.#lookAtIpv4(table, ip);
      else if (type === ethernet.EtherType.IPV6) this.#lookAtIpv6(table, ip);
    }
    this.#connections.touch(this.#homes, this.#found);
  }

  #lookAtIpv4(table: ForwardingTable, ip: number): void {
    const frame = this.#ring.view;
    const vip = table.vipIndex(0, 0, IPV4_MAPPED, ipv4.destination(frame, ip));
    if (vip === NONE) return;
    this.#client[0] = 0;
    this.#client[1] = 0;
    this.#client[2] = IPV4_MAPPED;
    this.#client[3] = ipv4.source(frame, ip);
    this.#add(table, vip, ipv4.protocol(frame, ip), ip + ipv4.headerBytes(frame, ip));
  }

  /** Extension headers are too rare to be looked behind. */
  #lookAtIpv6(table: ForwardingTable, ip: number): void {
    const frame = this.#ring.view;
    const vip = table.vipIndex(
      ipv6.destinationWord(frame, ip, 0),
      ipv6.destinationWord(frame, ip, 1),
      ipv6.destinationWord(frame, ip, 2),
      ipv6.destinationWord(frame, ip, 3),
    );
    if (vip === NONE) return;
    for (let word = 0; word < 4; word++) this.#client[word] = ipv6.sourceWord(frame, ip, word);
    this.#add(table, vip, ipv6.nextHeader(frame, ip), ip + ipv6.HEADER_BYTES);
  }

  #add(table: ForwardingTable, vip: number, protocol: number, transport: number): void {
    const ports = tcp.ports(this.#ring.view, transport);
    const key = keyWord(table.vipIdentities[vip]!, protocol);
    this.#homes[this.#found] = this.#connections.home(this.#client, ports, key);
    this.#found += 1;
  }
}
