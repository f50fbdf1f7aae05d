import assert from "node:assert/strict";
import fc from "fast-check";
import { ipv4FromText, ipv4ToText, isInPrefix } from "../../model/ip_address.ts";
import { AddressClaim, pickCandidates } from "../../sentinel/probe_address.ts";
import { arpFrame } from "../datapath/frame_builder.ts";
import { BROADCAST, MemoryLink, NO_MAC, OWN_ADDRESS, OWN_MAC } from "./memory_link.ts";

const FIRST = "192.0.2.200";
const SECOND = "192.0.2.201";
const STRANGER = "02:00:00:00:00:99";

function begin(...candidates: string[]) {
  const link = new MemoryLink();
  const claim = new AddressClaim(link.wire, candidates);
  link.begin(claim);
  return { link, claim };
}

Deno.test("pickCandidates() picks different hosts of the subnet that nobody is known to have", () => {
  const subnets = fc.record({
    address: fc.nat({ max: 0xdfffffff }).map((number) => ipv4ToText(number + 0x01000000)),
    prefixLength: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(fc.property(subnets, fc.array(fc.nat({ max: 20 })), (subnet, offsets) => {
    const mask = (-1 << (32 - subnet.prefixLength)) >>> 0;
    const network = (ipv4FromText(subnet.address) & mask) >>> 0;
    const broadcast = (network | ~mask) >>> 0;
    const taken = new Set([subnet.address, ...offsets.map((offset) => ipv4ToText(network + offset))]);
    const candidates = pickCandidates(subnet, taken);
    assert.equal(new Set(candidates).size, candidates.length);
    assert(candidates.length <= 8);
    for (const candidate of candidates) {
      const number = ipv4FromText(candidate);
      assert(isInPrefix(candidate, ipv4ToText(network), subnet.prefixLength), candidate);
      assert(number !== network && number !== broadcast, candidate);
      assert(!taken.has(candidate), candidate);
    }
    const free = 2 ** (32 - subnet.prefixLength) - 2 - taken.size;
    assert(candidates.length >= Math.min(8, free), `${candidates.length} of ${free}`);
  }));
});

Deno.test("pickCandidates() finds nothing where there is nothing", () => {
  for (const prefixLength of [31, 32]) {
    assert.deepEqual(pickCandidates({ address: "192.0.2.1", prefixLength }, new Set()), []);
  }
  const both = new Set(["192.0.2.1", "192.0.2.2"]);
  assert.deepEqual(pickCandidates({ address: "192.0.2.1", prefixLength: 30 }, both), []);
});

Deno.test("AddressClaim probes three times as nobody, and listens for two seconds more (RFC 5227)", () => {
  const { link, claim } = begin(FIRST);
  const probe = arpFrame({
    ...{ from: OWN_MAC, to: BROADCAST, operation: "request", senderMac: OWN_MAC, senderAddress: "0.0.0.0" },
    ...{ targetMac: NO_MAC, targetAddress: FIRST, paddedTo: 60 },
  });
  assert.deepEqual(link.sent(), [probe]);
  link.pass(2_000);
  assert.deepEqual(link.sent(), [probe, probe]);
  link.pass(1_990);
  assert.equal(claim.isOver, false);
  link.pass(10);
  assert.equal(claim.isOver, true);
  assert.deepEqual(link.sent(), []);
  assert.equal(claim.free, FIRST);
});

Deno.test("AddressClaim gives up an address that somebody answers for, announces or asks from", () => {
  for (const operation of ["reply", "request"] as const) {
    const { link, claim } = begin(FIRST, SECOND);
    link.arp(operation, STRANGER, FIRST, OWN_ADDRESS);
    assert.equal(claim.free, SECOND);
    assert.equal(claim.ownerOf(FIRST), STRANGER);
  }
});

Deno.test("AddressClaim gives up an address that somebody else probes for", () => {
  const { link, claim } = begin(FIRST);
  link.arp("request", STRANGER, "0.0.0.0", FIRST, BROADCAST);
  assert.equal(claim.free, null);
  assert.equal(claim.ownerOf(FIRST), STRANGER);
});

Deno.test("AddressClaim is not misled by its own echo, nor by somebody who asks for the address", () => {
  const { link, claim } = begin(FIRST);
  link.arp("request", OWN_MAC, "0.0.0.0", FIRST, BROADCAST);
  link.arp("request", STRANGER, "192.0.2.7", FIRST, BROADCAST);
  assert.equal(claim.free, FIRST);
});
