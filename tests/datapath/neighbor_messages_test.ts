import assert from "node:assert/strict";
import { hearAdvertisement, hearArp, hearSolicitation } from "../../datapath/neighbor_messages.ts";
import { NeighborTable } from "../../datapath/neighbor_table.ts";
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { macToText } from "../../model/ip_address.ts";
import { type ArpFields, arpFrame } from "./frame_builder.ts";
import {
  type AdvertisementFields,
  advertisementFrame,
  type NeighborFields,
  solicitationFrame,
  solicitedNode,
} from "./ipv6_frame_builder.ts";

const SERVER = "2001:db8::dead:beef";
const SERVER4 = "192.0.2.21";
const DIRECTOR = "fe80::2";
const DIRECTOR_MAC = "02:00:00:00:00:02";
const EVERYBODY = "ff:ff:ff:ff:ff:ff";
const MAC = "02:00:ca:fe:53:15";
const NEW_MAC = "02:00:ca:fe:53:16";
const IP = 14;
const MESSAGE = IP + 40;

/** A table that is to know {@linkcode SERVER} and {@linkcode SERVER4}, and hears one frame after the other. */
class Subject {
  readonly table = new NeighborTable([], () => {});

  constructor() {
    this.table.reconcile([SERVER, SERVER4].map((address) => ({ address, vlan: UNTAGGED })), 0);
  }

  /** Requests that are due, by the address that is asked for. */
  asked(nowMs: number): string[] {
    return this.table.due(nowMs, 10).map(({ address }) => address);
  }

  arp(changes: Partial<ArpFields>, nowMs = 0): boolean {
    const frame = arpFrame({
      from: MAC,
      to: DIRECTOR_MAC,
      operation: 2,
      senderMac: MAC,
      senderAddress: SERVER4,
      targetMac: DIRECTOR_MAC,
      targetAddress: "192.0.2.2",
      ...changes,
    });
    return hearArp(this.table, new DataView(frame.buffer), 0, IP, UNTAGGED, nowMs);
  }

  solicited(changes: Partial<NeighborFields>, nowMs = 0): boolean {
    const frame = solicitationFrame({
      from: MAC,
      ...solicitedNode("2001:db8::10"),
      source: SERVER,
      target: "2001:db8::10",
      ...changes,
    });
    const view = new DataView(frame.buffer);
    return hearSolicitation(this.table, view, IP, MESSAGE, frame.length - MESSAGE, UNTAGGED, nowMs);
  }

  advertised(changes: Partial<AdvertisementFields>, nowMs = 0): boolean {
    const frame = advertisementFrame({
      from: MAC,
      to: DIRECTOR_MAC,
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

  macOf(address: string): string | null {
    const mac = this.table.macOf(address, UNTAGGED);
    return mac === null ? null : macToText(mac);
  }
}

Deno.test("an advertisement gives the MAC of its target, whoever sends it", () => {
  const subject = new Subject();
  assert.equal(subject.advertised({ linkLayer: MAC, source: "fe80::15" }), true);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.deepEqual(subject.asked(0), [SERVER, SERVER4]);
  assert.equal(subject.advertised({ linkLayer: NEW_MAC }), true);
  assert.equal(subject.macOf(SERVER), NEW_MAC);
});

Deno.test("an advertisement that does not override gives a MAC only where none is known", () => {
  const subject = new Subject();
  assert.equal(subject.advertised({ linkLayer: MAC, isOverriding: false }), true);
  assert.equal(subject.macOf(SERVER), MAC);
  subject.asked(0);
  assert.equal(subject.advertised({ linkLayer: NEW_MAC, isOverriding: false }), true);
  assert.equal(subject.macOf(SERVER), MAC);
});

Deno.test("an advertisement that answers no question changes nothing, and makes the next tick ask", () => {
  const subject = new Subject();
  subject.asked(0);
  subject.advertised({ linkLayer: MAC });
  assert.deepEqual(subject.asked(5_000), [SERVER4]);
  subject.advertised({ linkLayer: NEW_MAC, isSolicited: false }, 5_000);
  assert.deepEqual(subject.asked(5_100), [SERVER]);
  subject.advertised({ linkLayer: NEW_MAC, isSolicited: false }, 5_101);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.ok(subject.asked(6_100).includes(SERVER));
  subject.advertised({ linkLayer: NEW_MAC }, 6_102);
  assert.equal(subject.macOf(SERVER), NEW_MAC);
});

Deno.test("a solicited advertisement without a MAC confirms the one that is known", () => {
  const subject = new Subject();
  subject.asked(0);
  subject.advertised({ linkLayer: MAC });
  assert.deepEqual(subject.asked(30_000), [SERVER, SERVER4]);
  assert.equal(subject.advertised({ isSolicited: false }, 30_001), false);
  assert.ok(subject.asked(31_000).includes(SERVER));
  assert.equal(subject.advertised({}, 31_001), true);
  assert.deepEqual(subject.asked(61_000), [SERVER4]);
});

Deno.test("a solicitation gives the MAC of who asks where none is known, if it says one", () => {
  const subject = new Subject();
  assert.equal(subject.solicited({}), false);
  assert.equal(subject.solicited({ source: "2001:db8::77", linkLayer: NEW_MAC }), false);
  assert.equal(subject.macOf(SERVER), null);
  assert.equal(subject.solicited({ linkLayer: MAC }), true);
  assert.equal(subject.macOf(SERVER), MAC);
  subject.asked(0);
  subject.advertised({ linkLayer: MAC });
  subject.solicited({ linkLayer: NEW_MAC }, 5_000);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.ok(subject.asked(5_000).includes(SERVER));
});

Deno.test("an ARP reply to the director answers its question; a request and an announcement do not", () => {
  const unasked: Partial<ArpFields>[] = [
    { operation: 1 },
    { operation: 1, to: EVERYBODY, targetMac: "00:00:00:00:00:00", targetAddress: SERVER4 },
    { to: EVERYBODY, targetMac: EVERYBODY, targetAddress: SERVER4 },
  ];
  for (const changes of unasked) {
    const subject = new Subject();
    subject.asked(0);
    assert.equal(subject.arp({}), true);
    assert.equal(subject.macOf(SERVER4), MAC);
    assert.ok(subject.asked(30_000).includes(SERVER4));
    assert.equal(subject.arp({ ...changes, senderMac: NEW_MAC }, 30_001), true);
    assert.equal(subject.macOf(SERVER4), MAC);
    subject.asked(30_100);
    subject.asked(31_100);
    assert.equal(subject.arp({ senderMac: NEW_MAC }, 31_101), true);
    assert.equal(subject.macOf(SERVER4), NEW_MAC);
  }
});

Deno.test("a message about a stranger is none of ours", () => {
  const subject = new Subject();
  assert.equal(subject.advertised({ target: "2001:db8::77", linkLayer: MAC }), false);
  assert.equal(subject.arp({ senderAddress: "192.0.2.77" }), false);
  assert.deepEqual([SERVER, SERVER4].map((address) => subject.macOf(address)), [null, null]);
});
