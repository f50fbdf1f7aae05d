import assert from "node:assert/strict";
import fc from "fast-check";
import { readAddress, readVip } from "../../config/address.ts";
import { readListen } from "../../config/listen.ts";
import { readNetmask, readPrefix } from "../../config/prefix.ts";
import type { Reading } from "../../config/reading.ts";
import { addressText, type AddressWords } from "../../model/ip_address.ts";

const word = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }), fc.integer({ min: 0, max: 0xffffffff }));
/** Addresses of 2000::/3, all of which hosts can have. */
const globalWords = fc.tuple(fc.integer({ min: 0x20000000, max: 0x3fffffff }), word, word, word);
const ipv4 = fc.tuple(fc.integer({ min: 1, max: 223 }).filter((first) => first !== 127), fc.ipV4()).map(
  ([first, text]) => text.replace(/^\d+/, String(first)),
);

/** A legal spelling of an address: groups with leading zeros, in capitals, the end as IPv4, zeros left out or not. */
function spell(words: AddressWords, style: { padded: boolean; upper: boolean; dotted: boolean }): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]).map((group) =>
    group.toString(16).padStart(style.padded ? 4 : 1, "0")
  );
  const end = `${words[3] >>> 24}.${(words[3] >>> 16) & 255}.${(words[3] >>> 8) & 255}.${words[3] & 255}`;
  const text = style.dotted ? [...groups.slice(0, 6), end].join(":") : groups.join(":");
  return style.upper ? text.toUpperCase() : text;
}

function value<T>(reading: Reading<T>): T {
  assert.ok(reading.ok, reading.ok ? "" : reading.message);
  return reading.value;
}

function refusal(reading: Reading<unknown>): string {
  assert.equal(reading.ok, false);
  return reading.ok ? "" : reading.message;
}

Deno.test("readAddress() gives one text for every spelling of an IPv6 address", () => {
  const style = fc.record({ padded: fc.boolean(), upper: fc.boolean(), dotted: fc.boolean() });
  fc.assert(fc.property(globalWords, style, (words, style) => {
    const canonical = addressText(words);
    assert.equal(value(readAddress(spell(words, style))), canonical);
    assert.equal(value(readAddress(canonical)), canonical);
    assert.equal(value(readVip(`${spell(words, style)}/128`)), canonical);
  }));
});

Deno.test("readAddress() leaves an IPv4 address as it is", () => {
  fc.assert(fc.property(ipv4, (text) => {
    assert.equal(value(readAddress(text)), text);
    assert.equal(value(readVip(`${text}/32`)), text);
  }));
});

Deno.test("readAddress() says what is wrong with an address no host can have", () => {
  const cases: readonly (readonly [text: string, why: RegExp])[] = [
    ["::", /it is the unspecified address/],
    ["::1", /it is a loopback address/],
    ["0:0:0:0:0:0:0:1", /it is a loopback address/],
    ["ff02::1", /it is a multicast address/],
    ["fe80::1", /it is a link-local address, which means another host on every link/],
    ["febf::1", /it is a link-local address/],
    ["fe80::1%eth0", /it is a link-local address/],
    ["::ffff:192.0.2.10", /it is an IPv4 address in IPv6 form, write 192\.0\.2\.10$/],
    ["::FFFF:c000:20a", /it is an IPv4 address in IPv6 form, write 192\.0\.2\.10$/],
    ["2001:db8::1%eth0", /only link-local addresses have a zone, write 2001:db8::1$/],
    ["[2001:db8::10]", /: write 2001:db8::10$/],
    ["[2001:db8::10]:80", /: write 2001:db8::10 without a port$/],
    ["192.0.2.10:80", /: write 192\.0\.2\.10 without a port$/],
    ["2001:db8::10/128", /: write 2001:db8::10 without a prefix length$/],
    ["192.0.2.10/255.255.255.0", /: write 192\.0\.2\.10 without a prefix length$/],
    [
      "www.example.com",
      /: it is a host name, write its address, which this tells: getent ahosts www\.example\.com$/,
    ],
    ["x; reboot", /: write an address such as 192\.0\.2\.10 or 2001:db8::10$/],
    ["192.0.2.300", /: 300 is more than 255/],
    ["192.0.2", /: write four numbers with dots between them/],
    ["2001:db8::1::2", /^Cannot read address/],
    ["2001:db8:::2", /^Cannot read address/],
    ["192.0.2.010", /: write 192\.0\.2\.10, zeros in front/],
    ["", /^Cannot read address ""/],
  ];
  for (const [text, why] of cases) assert.match(refusal(readAddress(text)), why, text);
  for (const text of ["fec0::1", "fd00::1", "64:ff9b::c000:20a"]) {
    assert.equal(value(readAddress(text)), text);
  }
});

Deno.test("readVip() refuses every prefix but the whole address", () => {
  assert.match(
    refusal(readVip("2001:DB8::10/64")),
    /^Cannot use VIP "2001:DB8::10\/64": .* shorter prefix than \/128 .*, write 2001:db8::10$/,
  );
  assert.match(refusal(readVip("192.0.2.10/24")), /shorter prefix than \/32 .*, write 192\.0\.2\.10$/);
  for (const text of ["192.0.2.10/128", "2001:db8::10/32", "2001:db8::10/", "192.0.2.10/032"]) {
    refusal(readVip(text));
  }
});

Deno.test("readNetmask() takes masks that are prefixes, and prefix lengths", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 32 }), (length) => {
    const mask = (-1 << (32 - length)) >>> 0;
    const dotted = [24, 16, 8, 0].map((shift) => (mask >>> shift) & 255).join(".");
    assert.equal(value(readNetmask(dotted)), length);
  }));
  assert.equal(value(readNetmask("128")), 128);
  for (const text of ["0", "129", "0.0.0.0", "255.0.255.0", "ffff::", "", "64 "]) {
    assert.match(refusal(readNetmask(text)), /^Cannot read netmask/, text);
  }
});

Deno.test("readPrefix() takes exactly the prefixes without bits behind them, and names the network of the others", () => {
  fc.assert(fc.property(globalWords, fc.integer({ min: 0, max: 128 }), (words, length) => {
    const bits = words.map((word) => word.toString(2).padStart(32, "0")).join("");
    const network = bits.slice(0, length).padEnd(128, "0").match(/.{32}/g)!.map((word) => parseInt(word, 2));
    const address = addressText(network as [number, number, number, number]);
    assert.deepEqual(value(readPrefix(`${address}/${length}`)), { address, length });
    const reading = readPrefix(`${addressText(words)}/${length}`);
    assert.equal(reading.ok, bits.slice(length).indexOf("1") === -1);
    if (!reading.ok) assert.ok(reading.message.includes(` ${address}/${length},`), reading.message);
  }));
});

Deno.test("readPrefix() takes an address alone as one host, and every client", () => {
  assert.deepEqual(value(readPrefix("192.0.2.7")), { address: "192.0.2.7", length: 32 });
  assert.deepEqual(value(readPrefix("2001:DB8::7")), { address: "2001:db8::7", length: 128 });
  assert.deepEqual(value(readPrefix("0.0.0.0/0")), { address: "0.0.0.0", length: 0 });
  assert.deepEqual(value(readPrefix("::/0")), { address: "::", length: 0 });
  assert.match(
    refusal(readPrefix("192.0.2.7/24")),
    /write 192\.0\.2\.0\/24, or 192\.0\.2\.7 for that one host$/,
  );
  for (
    const text of [
      "192.0.2.0/33",
      "2001:db8::/129",
      "192.0.2.0/",
      "192.0.2.0/024",
      "192.0.2.0/24/24",
      "/24",
      "web",
      "",
    ]
  ) {
    assert.match(refusal(readPrefix(text)), /^Cannot read network/, text);
  }
  assert.match(refusal(readPrefix("::ffff:192.0.2.0/120")), /it is an IPv4 address in IPv6 form/);
  assert.match(refusal(readPrefix("fe80::1%eth0")), /^Cannot read network/);
});

Deno.test("readListen() reads addresses of both families, and writes them as in a URL", () => {
  const cases = [
    ["127.0.0.1:8480", "127.0.0.1", 8480],
    ["0.0.0.0:1", "0.0.0.0", 1],
    ["[::1]:8480", "::1", 8480],
    ["[::]:65535", "::", 65535],
    ["[2001:DB8:0::1]:80", "2001:db8::1", 80],
  ] as const;
  for (const [text, host, port] of cases) {
    const listen = value(readListen(text));
    assert.deepEqual(listen, { host, port });
  }
  assert.equal(value(readListen("off")), null);
  const wrong = [
    "::1:8480",
    "[::1]",
    "[127.0.0.1]:80",
    "localhost:80",
    "127.0.0.1:0",
    "[::1]:65536",
    "[::1]:080",
    ":80",
    "",
  ];
  for (const text of wrong) assert.match(refusal(readListen(text)), /^Cannot listen on/, text);
  assert.match(refusal(readListen("[fe80::1]:80")), /it is a link-local address/);
  assert.match(refusal(readListen("[fe80::1%eth0]:80")), /^Cannot listen on/);
  assert.match(
    refusal(readListen("[::ffff:127.0.0.1]:80")),
    /it is an IPv4 address in IPv6 form, write 127\.0\.0\.1$/,
  );
});
