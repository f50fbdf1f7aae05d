import assert from "node:assert/strict";
import { hearAdvertisement, hearSolicitation } from "../../datapath/neighbor_messages.ts";
import { NeighborTable } from "../../datapath/neighbor_table.ts";
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { macToText } from "../../model/ip_address.ts";
import {
  type AdvertisementFields,
  advertisementFrame,
  type NeighborFields,
  solicitationFrame,
  solicitedNode,
} from "./ipv6_frame_builder.ts";

const SERVER = "2001:db8::dead:beef";
const DIRECTOR = "fe80::2";
const MAC = "02:00:ca:fe:53:15";
const NEW_MAC = "02:00:ca:fe:53:16";
const IP = 14;
const MESSAGE = IP + 40;

/** A table that is to know {@linkcode SERVER}, and hears one frame after the other. */
class Subject {
  readonly table = new NeighborTable([], () => {});

  constructor() {
    this.table.reconcile([{ address: SERVER, vlan: UNTAGGED }], 0);
  }

  solicited(changes: Partial<NeighborFields>): boolean {
    const frame = solicitationFrame({
      from: MAC,
      ...solicitedNode("2001:db8::10"),
      source: SERVER,
      target: "2001:db8::10",
      ...changes,
    });
    const view = new DataView(frame.buffer);
    return hearSolicitation(this.table, view, IP, MESSAGE, frame.length - MESSAGE, UNTAGGED, 0);
  }

  advertised(changes: Partial<AdvertisementFields>, nowMs = 0): boolean {
    const frame = advertisementFrame({
      from: MAC,
      to: "02:00:00:00:00:02",
      source: SERVER,
      destination: DIRECTOR,
      target: SERVER,
      isSolicited: true,
      isOverriding: true,
      ...changes,
    });
    const view = new DataView(frame.buffer);
    return hearAdvertisement(this.table, view, MESSAGE, frame.length - MESSAGE, UNTAGGED, nowMs);
  }

  get mac(): string | null {
    const mac = this.table.macOf(SERVER, UNTAGGED);
    return mac === null ? null : macToText(mac);
  }
}

Deno.test("an advertisement gives the MAC of its target, whoever sends it", () => {
  const subject = new Subject();
  assert.equal(subject.advertised({ linkLayer: MAC, source: "fe80::15" }), true);
  assert.equal(subject.mac, MAC);
  assert.equal(subject.advertised({ linkLayer: NEW_MAC }), true);
  assert.equal(subject.mac, NEW_MAC);
});

Deno.test("an advertisement that does not override gives a MAC only where none is known", () => {
  const subject = new Subject();
  assert.equal(subject.advertised({ linkLayer: MAC, isOverriding: false }), true);
  assert.equal(subject.mac, MAC);
  assert.equal(subject.advertised({ linkLayer: NEW_MAC, isOverriding: false }), true);
  assert.equal(subject.mac, MAC);
});

Deno.test("a solicited advertisement without a MAC confirms the one that is known", () => {
  const subject = new Subject();
  subject.advertised({ linkLayer: MAC });
  assert.equal(subject.advertised({}, 20_000), true);
  assert.deepEqual(subject.table.due(49_999, 1), []);
  assert.equal(subject.advertised({ isSolicited: false }, 40_000), false);
  assert.equal(subject.table.due(50_000, 1).length, 1);
});

Deno.test("a solicitation gives the MAC of who asks, if it says one", () => {
  const subject = new Subject();
  assert.equal(subject.solicited({}), false);
  assert.equal(subject.solicited({ source: "2001:db8::77", linkLayer: NEW_MAC }), false);
  assert.equal(subject.mac, null);
  assert.equal(subject.solicited({ linkLayer: MAC }), true);
  assert.equal(subject.mac, MAC);
});

Deno.test("an advertisement about a stranger is none of ours", () => {
  const subject = new Subject();
  assert.equal(subject.advertised({ target: "2001:db8::77", linkLayer: MAC }), false);
  assert.equal(subject.mac, null);
});
