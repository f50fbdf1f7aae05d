import assert from "node:assert/strict";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import {
  addressText,
  type AddressWords,
  addressWords,
  endpointText,
  hostOfUrl,
  isInPrefix,
  isLoopback,
  networkAddress,
} from "../../model/ip_address.ts";

const word = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }), fc.integer({ min: 0, max: 0xffffffff }));
const anyWords = fc.tuple(word, word, word, word);

function bytesOf(words: AddressWords): number[] {
  return words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
}

Deno.test("IPv6 text is what RFC 5952 and another library write", () => {
  fc.assert(fc.property(anyWords, (words) => {
    fc.pre(!(words[0] === 0 && words[1] === 0 && words[2] === 0xffff));
    assert.equal(addressText(words), new ipaddr.IPv6(bytesOf(words)).toRFC5952String());
  }));
});

Deno.test("words of an address are its text again", () => {
  fc.assert(fc.property(anyWords, (words) => {
    assert.deepEqual(addressWords(addressText(words)), words);
  }));
  assert.deepEqual(addressWords("192.0.2.10"), [0, 0, 0xffff, 0xc000020a]);
  assert.deepEqual(addressWords("2001:db8::a"), [0x20010db8, 0, 0, 10]);
  assert.deepEqual(addressWords("::"), [0, 0, 0, 0]);
});

Deno.test("an address is in a prefix exactly if another library says so, and never in one of the other family", () => {
  fc.assert(fc.property(anyWords, fc.nat({ max: 127 }), fc.nat({ max: 128 }), (words, flipped, length) => {
    fc.pre(!(words[0] === 0 && words[1] === 0 && (words[2] === 0xffff || words[2] === 0xfffe)));
    const network = [...words] as [number, number, number, number];
    network[flipped >> 5] = (network[flipped >> 5]! ^ (1 << (31 - (flipped & 31)))) >>> 0;
    fc.pre(!(network[0] === 0 && network[1] === 0 && network[2] === 0xffff));
    assert.equal(isInPrefix(addressText(words), addressText(network), length), flipped >= length);
  }));
  assert.ok(isInPrefix("192.0.2.10", "192.0.2.99", 24));
  assert.ok(!isInPrefix("192.0.3.10", "192.0.2.99", 24));
  assert.ok(isInPrefix("192.0.2.10", "0.0.0.0", 0));
  assert.ok(!isInPrefix("192.0.2.10", "::", 0));
  assert.ok(!isInPrefix("2001:db8::1", "0.0.0.0", 0));
});

Deno.test("networkAddress() is what another library says, for both families", () => {
  fc.assert(fc.property(fc.ipV4(), fc.nat({ max: 32 }), (address, length) => {
    const network = ipaddr.IPv4.networkAddressFromCIDR(`${address}/${length}`).toString();
    assert.equal(networkAddress(address, length), network);
  }));
  fc.assert(fc.property(anyWords, fc.nat({ max: 128 }), (words, length) => {
    fc.pre(!(words[0] === 0 && words[1] === 0 && words[2] === 0xffff));
    const address = addressText(words);
    const network = ipaddr.IPv6.networkAddressFromCIDR(`${address}/${length}`).toRFC5952String();
    assert.equal(networkAddress(address, length), network);
  }));
});

Deno.test("hostOfUrl() puts brackets around IPv6 addresses only", () => {
  assert.deepEqual(["192.0.2.10", "2001:db8::10"].map(hostOfUrl), ["192.0.2.10", "[2001:db8::10]"]);
});

Deno.test("isLoopback() knows the loopback addresses of both families", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "::1"]) assert.equal(isLoopback(address), true, address);
  for (const address of ["0.0.0.0", "::", "128.0.0.1", "::2"]) {
    assert.equal(isLoopback(address), false, address);
  }
});

Deno.test("endpointText() puts an IPv6 address in brackets", () => {
  assert.equal(endpointText("192.0.2.10", 80), "192.0.2.10:80");
  assert.equal(endpointText("2001:db8::10", "80,443"), "[2001:db8::10]:80,443");
});
