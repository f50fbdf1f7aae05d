import assert from "node:assert/strict";
import fc from "fast-check";
import * as icmp from "../../../datapath/wire/icmpv6.ts";
import * as ndp from "../../../datapath/wire/ndp.ts";
import { addressWords, macFromText } from "../../../model/ip_address.ts";
import { concat } from "../frame_builder.ts";
import {
  type AdvertisementFields,
  advertisementFrame,
  icmp6Frame,
  type NeighborFields,
  Next,
  optionsHeader,
  solicitationFrame,
  solicitedNode,
} from "../ipv6_frame_builder.ts";

const TARGET = "2001:db8::dead:beef";
const MAC = "02:00:ca:fe:53:02";
const ASKED: NeighborFields = {
  from: MAC,
  ...solicitedNode(TARGET),
  source: "fe80::7",
  target: TARGET,
  linkLayer: MAC,
};
const TOLD: AdvertisementFields = {
  from: MAC,
  to: "00:00:5e:00:53:64",
  source: TARGET,
  destination: "fe80::7",
  target: TARGET,
  linkLayer: MAC,
  isSolicited: true,
  isOverriding: true,
};

const IP = 14;

function isBelieved(
  check: typeof ndp.isValidSolicitation,
  frame: Uint8Array,
  message = IP + 40,
): boolean {
  return check(new DataView(frame.buffer), IP, message, frame.length - message);
}

const isValidSolicitation = (changes: Partial<NeighborFields>) =>
  isBelieved(ndp.isValidSolicitation, solicitationFrame({ ...ASKED, ...changes }));
const isValidAdvertisement = (changes: Partial<AdvertisementFields>) =>
  isBelieved(ndp.isValidAdvertisement, advertisementFrame({ ...TOLD, ...changes }));

Deno.test("solicitations of every kind are believed", () => {
  assert.ok(isValidSolicitation({}));
  assert.ok(isValidSolicitation({ destination: TARGET }));
  assert.ok(isBelieved(
    ndp.isValidSolicitation,
    solicitationFrame({ ...ASKED, extensions: [optionsHeader(Next.HOP_BY_HOP)] }),
    IP + 48,
  ));
  const { linkLayer: _, ...probe } = { ...ASKED, source: "::" };
  assert.ok(isBelieved(ndp.isValidSolicitation, solicitationFrame(probe)));
});

Deno.test("solicitations that RFC 4861 §7.1.1 wants dropped are not believed", () => {
  assert.equal(isValidSolicitation({ hopLimit: 254 }), false);
  assert.equal(isValidSolicitation({ code: 1 }), false);
  assert.equal(isValidSolicitation({ checksum: 0x1234 }), false);
  assert.equal(isValidSolicitation({ target: "ff02::1" }), false);
  assert.equal(isValidSolicitation({ options: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) }), false);
  assert.equal(isValidSolicitation({ options: Uint8Array.of(1, 2, 0, 0, 0, 0, 0, 0) }), false);
  assert.equal(isValidSolicitation({ options: Uint8Array.of(1, 1, 0, 0) }), false);
  // From nobody, with a MAC, or to one host alone.
  assert.equal(isValidSolicitation({ source: "::" }), false);
  const { linkLayer: _, ...probe } = { ...ASKED, source: "::", destination: TARGET };
  assert.equal(isBelieved(ndp.isValidSolicitation, solicitationFrame(probe)), false);
  for (const length of [0, 15]) {
    const short = icmp6Frame({ ...ASKED, hopLimit: 255, type: 135, payload: new Uint8Array(length) });
    assert.equal(isBelieved(ndp.isValidSolicitation, short), false);
  }
});

Deno.test("advertisements that RFC 4861 §7.1.2 wants dropped are not believed", () => {
  assert.equal(isValidAdvertisement({}), true);
  assert.equal(isValidAdvertisement({ destination: "ff02::1", isSolicited: false }), true);
  assert.equal(isValidAdvertisement({ destination: "ff02::1" }), false);
  assert.equal(isValidAdvertisement({ hopLimit: 64 }), false);
  assert.equal(isValidAdvertisement({ checksum: 0 }), false);
});

Deno.test("no message makes a check or a search look beyond it", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 40 }), (options) => {
    const frame = solicitationFrame({ ...ASKED, options });
    const view = new DataView(frame.buffer);
    const message = IP + 40;
    if (!isBelieved(ndp.isValidSolicitation, frame)) return;
    const mac = ndp.linkLayerAddress(view, message, frame.length - message, ndp.LinkLayer.OF_SOURCE);
    assert.ok(mac === ndp.NO_OPTION || mac + 6 <= frame.length);
  }));
});

Deno.test("linkLayerAddress() finds the MAC among other options", () => {
  const nonce = Uint8Array.of(14, 1, 1, 2, 3, 4, 5, 6);
  const long = concat([1, 2], new Uint8Array(14));
  const options = concat(nonce, long, [2, 1, 0, 0, 0, 0, 0, 9], [1, 1, 2, 0, 0xca, 0xfe, 0x53, 2]);
  const frame = solicitationFrame({ ...ASKED, options });
  const view = new DataView(frame.buffer);
  const mac = ndp.linkLayerAddress(view, IP + 40, frame.length - IP - 40, ndp.LinkLayer.OF_SOURCE);
  const found = { high: ndp.macHigh(view, mac), low: ndp.macLow(view, mac) >>> 0 };
  assert.deepEqual(found, macFromText(MAC));
});

Deno.test("emit() and emitLinkLayer() write the advertisement that complete() makes right", () => {
  const expected = advertisementFrame(TOLD);
  const frame = expected.slice().fill(0xa5, IP + 40);
  const view = new DataView(frame.buffer);
  const { high, low } = macFromText(MAC);
  const flags = ndp.Flag.SOLICITED | ndp.Flag.OVERRIDE;
  ndp.emit(view, IP + 40, icmp.Type.NEIGHBOR_ADVERTISEMENT, flags, ...addressWords(TARGET));
  ndp.emitLinkLayer(view, IP + 40, ndp.LinkLayer.OF_TARGET, high, low);
  icmp.complete(view, IP, IP + 40, 32);
  assert.deepEqual(frame, expected);
  assert.equal(ndp.isSolicited(view, IP + 40), true);
  assert.equal(ndp.isOverriding(view, IP + 40), true);
});

Deno.test("solicitedNodeLast() is the end of the group of RFC 4291 §2.7.1", () => {
  const { destination } = solicitedNode(TARGET);
  assert.equal(ndp.solicitedNodeLast(addressWords(TARGET)[3]) >>> 0, addressWords(destination)[3]);
});
