import assert from "node:assert/strict";
import { State } from "../../datapath/connection_state.ts";
import { ConnectionTable, keyWord } from "../../datapath/connection_table.ts";
import { Destinations } from "../../datapath/destinations.ts";
import { ForwardingTable } from "../../datapath/forwarding_table.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { IdentityRegistry } from "../../datapath/identity_registry.ts";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import { CACHED_ENTRIES, LookAhead } from "../../datapath/look_ahead.ts";
import { addressWords } from "../../model/ip_address.ts";
import { ACK, ARP_REQUEST, QUERY } from "./fixture.ts";
import { arpFrame, countingBytes, tcpFrame, udpFrame, withVlanTag } from "./frame_builder.ts";
import { ACK6, QUERY6 } from "./ipv6_fixture.ts";
import { tcp6Frame, udp6Frame } from "./ipv6_frame_builder.ts";
import { SERVICES, TAGGED_VIP, VLAN } from "./test_network.ts";

const MAXIMUM = 4 * CACHED_ENTRIES;

/** A table that remembers which slots were asked for ahead. */
class RecordingTable extends ConnectionTable {
  touched: number[] = [];

  override touch(homes: Int32Array, count: number): void {
    this.touched = [...homes.subarray(0, count)];
    super.touch(homes, count);
  }
}

/** A table with `used` entries of others, and what looks ahead in it. */
function prepare(
  used: number,
): { table: ForwardingTable; connections: RecordingTable; look: (frames: Uint8Array[]) => void } {
  const words = new Uint32Array(ConnectionTable.bytesFor(MAXIMUM) / 4);
  const connections = new RecordingTable(words, MAXIMUM, new KeyedHash(Uint32Array.of(1, 2)));
  const ledger = { released: () => {}, prolonged: () => false };
  for (let number = 0; number < used; number++) {
    connections.insert(Uint32Array.of(1, 2, 3, number), 80, keyWord(9, 6), 1, State.Established, 1, ledger);
  }
  const table = new ForwardingTable({ generation: 1, services: SERVICES }, {
    destinations: new Destinations(),
    registry: new IdentityRegistry(new Uint8Array(IdentityRegistry.BYTES)),
    hashKey: new Uint32Array(4),
    random: () => 4,
    macOf: () => ({ high: 0x0200, low: 1 }),
    isSought: () => false,
  }, null);
  const ring = new FrameRing(8);
  const lookAhead = new LookAhead(ring, connections);
  const look = (frames: Uint8Array[]) => {
    frames.forEach((frame, slot) => {
      ring.frames[slot]!.set(frame);
      ring.lengths[slot] = frame.length;
    });
    lookAhead.look(table, frames.length);
  };
  return { table, connections, look };
}

Deno.test("LookAhead asks for the very slots the connections of a batch are searched from, and for no others", () => {
  const { table, connections, look } = prepare(CACHED_ENTRIES + 1);
  look([
    tcpFrame(ACK),
    arpFrame(ARP_REQUEST),
    udpFrame({ ...QUERY, options: countingBytes(8) }),
    tcpFrame({ ...ACK, destination: "203.0.113.1" }),
  ]);
  const homeOf = homes(table, connections);
  assert.deepEqual(connections.touched, [homeOf(ACK, 6), homeOf(QUERY, 17)]);
});

Deno.test("LookAhead looks behind VLAN tags and at IPv6, in any order with the rest", () => {
  const { table, connections, look } = prepare(CACHED_ENTRIES + 1);
  const tagged = { ...ACK, destination: TAGGED_VIP };
  look([
    tcp6Frame(ACK6),
    tcpFrame(ACK),
    withVlanTag(tcpFrame(tagged), VLAN),
    tcp6Frame({ ...ACK6, destination: "2001:db8::11" }),
    udp6Frame(QUERY6),
    tcpFrame(ACK),
  ]);
  const homeOf = homes(table, connections);
  assert.deepEqual(connections.touched, [
    homeOf(ACK6, 6),
    homeOf(ACK, 6),
    homeOf(tagged, 6),
    homeOf(QUERY6, 17),
    homeOf(ACK, 6),
  ]);
});

interface Sent {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Tells where the search for the connection of a packet begins. */
function homes(
  table: ForwardingTable,
  connections: ConnectionTable,
): (sent: Sent, protocol: number) => number {
  return ({ source, destination, sourcePort, destinationPort }, protocol) =>
    connections.home(
      Uint32Array.from(addressWords(source)),
      (sourcePort << 16) | destinationPort,
      keyWord(table.vipIdentities[table.vips.indexOf(destination)]!, protocol),
    );
}

Deno.test("LookAhead does nothing in a table that fits the caches", () => {
  const { connections, look } = prepare(CACHED_ENTRIES);
  look([tcpFrame(ACK)]);
  assert.deepEqual(connections.touched, []);
});

Deno.test("LookAhead takes frames of any length and content", () => {
  const { connections, look } = prepare(CACHED_ENTRIES + 1);
  const frame = tcpFrame(ACK);
  look([frame.subarray(0, 13), new Uint8Array(0), frame.map(() => 0xff)]);
  assert.ok(connections.touched.every((slot) => slot >= 0 && slot < connections.slotCount));
});
