import assert from "node:assert/strict";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import {
  addressText,
  addressWords,
  ipv4FromText,
  ipv4ToText,
  isInPrefix,
  networkAddress,
} from "../../model/ip_address.ts";
import { AddressClaim, AddressOwner, pickCandidates } from "../../sentinel/probe_address.ts";
import { BROADCAST, IPV4, IPV6, MemoryLink, OWN_MAC, type Places } from "./memory_link.ts";

const STRANGER = "02:00:00:00:00:99";

function begin(places: Places, ...candidates: string[]) {
  const link = new MemoryLink(places);
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

Deno.test("pickCandidates() picks different addresses of an IPv6 subnet, not the routers'", () => {
  const subnets = fc.record({
    address: fc.ipV6().map((text) => addressText(addressWords(ipaddr.parse(text).toString()))),
    prefixLength: fc.integer({ min: 32, max: 126 }),
  });
  fc.assert(fc.property(subnets, ({ address, prefixLength }) => {
    fc.pre(address.includes(":"));
    const candidates = pickCandidates({ address, prefixLength }, new Set([address]));
    const network = networkAddress(address, prefixLength);
    assert.equal(new Set(candidates).size, candidates.length);
    const hosts = 2 ** Math.min(128 - prefixLength, 20) - 1;
    assert(candidates.length >= Math.min(8, hosts - 1), `${candidates.length} of ${hosts}`);
    for (const candidate of candidates) {
      assert(isInPrefix(candidate, address, prefixLength), candidate);
      assert(candidate !== network && candidate !== address, candidate);
    }
  }));
  const one = { address: "2001:db8::1", prefixLength: 128 };
  assert.deepEqual(pickCandidates(one, new Set()), []);
});

for (const places of [IPV4, IPV6]) {
  const { probe: first, otherServer: second, own, nobody, server } = places;
  const over = `over IPv${places.family}`;

  Deno.test(`AddressClaim ${over} probes three times as nobody, and listens for two seconds more`, () => {
    const { link, claim } = begin(places, first);
    const probe = link.request(BROADCAST, first, nobody);
    assert.deepEqual(link.sent(), [probe]);
    link.pass(2_000);
    assert.deepEqual(link.sent(), [probe, probe]);
    link.pass(1_990);
    assert.equal(claim.isOver, false);
    link.pass(10);
    assert.equal(claim.isOver, true);
    assert.deepEqual(link.sent(), []);
    assert.equal(claim.free, first);
  });

  Deno.test(`AddressClaim ${over} gives up an address that somebody answers for, announces or asks from`, () => {
    for (const operation of ["reply", "request"] as const) {
      const { link, claim } = begin(places, first, second);
      link.neighbor(operation, STRANGER, first, own);
      assert.equal(claim.free, second);
      assert.equal(claim.ownerOf(first), STRANGER);
    }
  });

  Deno.test(`AddressClaim ${over} gives up an address that somebody else probes for`, () => {
    const { link, claim } = begin(places, first);
    link.neighbor("request", STRANGER, nobody, first, BROADCAST);
    assert.equal(claim.free, null);
    assert.equal(claim.ownerOf(first), STRANGER);
  });

  Deno.test(`AddressClaim ${over} is not misled by its own echo, nor by somebody who asks for the address`, () => {
    const { link, claim } = begin(places, first);
    link.neighbor("request", OWN_MAC, nobody, first, BROADCAST);
    link.neighbor("request", STRANGER, server, first, BROADCAST);
    assert.equal(claim.free, first);
  });

  Deno.test(`AddressOwner ${over} answers for its address, and for no other`, () => {
    const link = new MemoryLink(places);
    const owner = new AddressOwner(link.wire, first);
    link.begin(owner);
    link.neighbor("request", STRANGER, server, first);
    link.neighbor("request", STRANGER, server, places.vip);
    assert.deepEqual(link.sent(), [link.reply(STRANGER, server, first)]);
    assert.equal(owner.isOver, true, "nobody has to wait for it");
  });

  Deno.test(`AddressOwner ${over} notices who takes its address`, () => {
    const link = new MemoryLink(places);
    const owner = new AddressOwner(link.wire, first);
    link.begin(owner);
    link.neighbor("reply", OWN_MAC, first, own);
    assert.equal(owner.thief, null, "its own echo");
    link.neighbor("reply", STRANGER, first, own);
    assert.equal(owner.thief, STRANGER);
  });
}
