import assert from "node:assert/strict";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import * as ipv6 from "../../../datapath/wire/ipv6.ts";
import { addressText, addressWords } from "../../../model/ip_address.ts";
import { bytesPerRepetition } from "../../allocation_meter.ts";
import { countingBytes } from "../frame_builder.ts";
import {
  authenticationHeader,
  type Extension,
  fragmentHeader,
  type Ipv6Fields,
  ipv6Packet,
  Next,
  optionsHeader,
  routingHeader,
} from "../ipv6_frame_builder.ts";

const PACKET: Ipv6Fields = { from: "", to: "", source: "2001:db8::7", destination: "2001:db8:1::10" };
const AT = 50;

/** The packet at {@linkcode AT} in memory full of what must not be taken for it. */
function placed(packet: Uint8Array): { readonly view: DataView; readonly end: number } {
  const memory = new Uint8Array(AT + packet.length + 300).fill(0xa5);
  memory.set(packet, AT);
  return { view: new DataView(memory.buffer), end: AT + packet.length };
}

type Found = { protocol: number; transport: number; fragment: number } | null;

/** What a walk finds, offsets from the start of the packet. */
function walked(packet: Uint8Array): Found {
  const { view, end } = placed(packet);
  const chain = new ipv6.HeaderChain();
  if (!chain.walk(view, AT, end)) return null;
  const fragment = chain.fragment === ipv6.NO_FRAGMENT ? ipv6.NO_FRAGMENT : chain.fragment - AT;
  return { protocol: chain.protocol, transport: chain.transport - AT, fragment };
}

function walkedOver(
  extensions: readonly Extension[],
  nextHeader: number = Next.TCP,
  payloadBytes = 20,
): Found {
  return walked(ipv6Packet({ ...PACKET, extensions }, nextHeader, countingBytes(payloadBytes)));
}

const eights = (most: number) => fc.integer({ min: 1, max: most }).map((count) => count * 8);
const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) =>
  ipaddr.fromByteArray([...bytes]).toString()
);
/** Headers that any packet may have, within the limits. */
const passable = fc.record({
  first: fc.option(eights(4).map((bytes) => optionsHeader(Next.HOP_BY_HOP, bytes)), { nil: null }),
  others: fc.array(
    fc.oneof(
      eights(4).map((bytes) => optionsHeader(Next.DESTINATION_OPTIONS, bytes)),
      eights(4).map((bytes) => routingHeader(0, bytes)),
      eights(4).map((bytes) => authenticationHeader(bytes)),
    ),
    { maxLength: 6 },
  ),
}).map(({ first, others }) => first === null ? others : [first, ...others]);

Deno.test("accessors read what a packet says", () => {
  fc.assert(fc.property(
    address,
    address,
    fc.nat(255),
    fc.nat(255),
    fc.nat(0xfffff),
    (source, destination, hopLimit, trafficClass, flowLabel) => {
      const fields = { ...PACKET, source, destination, hopLimit, trafficClass, flowLabel };
      const { view } = placed(ipv6Packet(fields, Next.UDP, countingBytes(30)));
      const words = (word: (frame: DataView, at: number, word: number) => number) =>
        addressText(
          [0, 1, 2, 3].map((index) => word(view, AT, index) >>> 0) as [number, number, number, number],
        );
      assert.equal(words(ipv6.sourceWord), addressText(addressWords(source)));
      assert.equal(words(ipv6.destinationWord), addressText(addressWords(destination)));
      assert.deepEqual(
        [
          ipv6.version(view, AT),
          ipv6.trafficClass(view, AT),
          ipv6.payloadLength(view, AT),
          ipv6.hopLimit(view, AT),
        ],
        [6, trafficClass, 30, hopLimit],
      );
      assert.equal(ipv6.isGroupDestination(view, AT), ipaddr.parse(destination).range() === "multicast");
    },
  ));
});

Deno.test("emit(), setSource() and setDestination() write the header a packet begins with", () => {
  fc.assert(fc.property(address, address, fc.nat(255), fc.nat(0xffff), (source, destination, byte, bytes) => {
    const { view } = placed(new Uint8Array(40).fill(0xa5));
    ipv6.emit(view, AT, byte, bytes, Next.ICMPV6, 64);
    ipv6.setDestination(view, AT, ...addressWords(source));
    ipv6.setSource(view, AT, ...addressWords(destination));
    ipv6.swapAddresses(view, AT);
    const fields = { ...PACKET, source, destination, trafficClass: byte, payloadLength: bytes };
    const header = ipv6Packet(fields, Next.ICMPV6, new Uint8Array());
    assert.deepEqual(new Uint8Array(view.buffer, AT, 40), header);
  }));
});

Deno.test("decrementHopLimit() changes one byte", () => {
  const { view } = placed(ipv6Packet(PACKET, Next.TCP, countingBytes(20)));
  ipv6.decrementHopLimit(view, AT);
  const expected = ipv6Packet({ ...PACKET, hopLimit: 63 }, Next.TCP, countingBytes(20));
  assert.deepEqual(new Uint8Array(view.buffer, AT, expected.length), expected);
});

Deno.test("isHostSource() knows the addresses no host can send from", () => {
  const isHostSource = (source: string) =>
    ipv6.isHostSource(placed(ipv6Packet({ ...PACKET, source }, Next.TCP, countingBytes(20))).view, AT);
  for (const source of ["::", "::1", "::c000:207", "ff02::1", "ff0e::7", "::ffff:c000:207"]) {
    assert.equal(isHostSource(source), false, source);
  }
  for (const source of ["2001:db8::7", "fe80::1", "fd00::1", "64:ff9b::c000:207", "0:0:1::", "1::"]) {
    assert.equal(isHostSource(source), true, source);
  }
});

Deno.test("walk() finds the transport behind any allowed headers", () => {
  fc.assert(fc.property(passable, fc.constantFrom(6, 17, 50, 58, 59, 132), (extensions, protocol) => {
    const bytes = extensions.reduce((sum, extension) => sum + extension.bytes.length, 0);
    assert.deepEqual(walkedOver(extensions, protocol), {
      protocol,
      transport: 40 + bytes,
      fragment: ipv6.NO_FRAGMENT,
    });
  }));
});

Deno.test("walk() goes on behind the fragment header of a first fragment, and stops at that of a later one", () => {
  const options = optionsHeader(Next.DESTINATION_OPTIONS);
  assert.deepEqual(walkedOver([options, fragmentHeader(0, true), options]), {
    protocol: Next.TCP,
    transport: 64,
    fragment: 48,
  });
  assert.deepEqual(walkedOver([options, fragmentHeader(1_448, false), options]), {
    protocol: Next.DESTINATION_OPTIONS,
    transport: 56,
    fragment: 48,
  });
});

Deno.test("a packet that is a single fragment is a whole packet (RFC 6946)", () => {
  const found = walkedOver([fragmentHeader(0, false, 0xffffffff)]);
  assert.deepEqual(found, { protocol: Next.TCP, transport: 48, fragment: ipv6.NO_FRAGMENT });
});

Deno.test("walk() refuses what is malformed or leads elsewhere", () => {
  const hopByHop = optionsHeader(Next.HOP_BY_HOP);
  const options = optionsHeader(Next.DESTINATION_OPTIONS);
  const refused: Record<string, Found> = {
    "hop-by-hop options that are not first": walkedOver([options, hopByHop]),
    "hop-by-hop options twice": walkedOver([hopByHop, hopByHop]),
    "two fragment headers": walkedOver([fragmentHeader(0, false), fragmentHeader(0, false)]),
    "routing header with segments left": walkedOver([routingHeader(1)]),
    "nine headers": walkedOver(new Array(9).fill(options)),
    "more than 512 bytes of headers": walkedOver([optionsHeader(Next.DESTINATION_OPTIONS, 520)]),
    "header that ends behind the packet": walkedOver(
      [{ ...options, bytes: Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 0) }],
      Next.TCP,
      15,
    ),
    "no room for a header": walkedOver([], Next.DESTINATION_OPTIONS, 7),
    "no room for a fragment header": walkedOver([], Next.FRAGMENT, 7),
    "jumbogram": walked(ipv6Packet({ ...PACKET, payloadLength: 0 }, Next.HOP_BY_HOP, new Uint8Array())),
  };
  for (const [what, found] of Object.entries(refused)) assert.equal(found, null, what);
  assert.notEqual(walkedOver(new Array(8).fill(options)), null);
  assert.notEqual(walkedOver([optionsHeader(Next.DESTINATION_OPTIONS, 512)]), null);
});

Deno.test("walk() never leaves the packet, whatever is in it", () => {
  const extensionType = fc.constantFrom(0, 43, 44, 51, 60);
  fc.assert(fc.property(extensionType, fc.uint8Array({ maxLength: 80 }), (type, payload) => {
    const found = walked(ipv6Packet(PACKET, type, payload));
    if (found !== null) assert.ok(found.transport >= 48 && found.transport <= 40 + payload.length);
  }));
});

Deno.test("walk() allocates nothing", () => {
  const extensions = [
    optionsHeader(Next.HOP_BY_HOP),
    routingHeader(0),
    fragmentHeader(0, true),
    authenticationHeader(),
  ];
  const { view, end } = placed(ipv6Packet({ ...PACKET, extensions }, Next.TCP, countingBytes(20)));
  const chain = new ipv6.HeaderChain();
  let walks = 0;
  const bytes = bytesPerRepetition((times) => {
    for (let time = 0; time < times; time++) if (chain.walk(view, AT, end)) walks++;
  });
  assert.ok(walks > 0);
  assert.ok(bytes < 1, `${bytes} bytes`);
});

Deno.test("fragment headers are read as written", () => {
  const read = (extension: Extension, payloadBytes: number) => {
    const packet = ipv6Packet({ ...PACKET, extensions: [extension] }, Next.UDP, countingBytes(payloadBytes));
    const { view, end } = placed(packet);
    const at = AT + 40;
    return {
      offset: ipv6.fragmentOffset(view, at),
      hasMore: ipv6.hasMoreFragments(view, at),
      identification: ipv6.identification(view, at) >>> 0,
      isPossible: ipv6.isPossibleFragment(view, at, end),
    };
  };
  const identification = 0xfedcba98;
  assert.deepEqual(read(fragmentHeader(1_448, true, identification), 16), {
    offset: 1_448,
    hasMore: true,
    identification,
    isPossible: true,
  });
  assert.equal(read(fragmentHeader(1_448, false), 15).isPossible, true);
  assert.equal(read(fragmentHeader(1_448, true), 15).isPossible, false);
  assert.equal(read(fragmentHeader(1_448, true), 0).isPossible, false);
  assert.equal(read(fragmentHeader(65_528, false), 7).isPossible, true);
  assert.equal(read(fragmentHeader(65_528, false), 8).isPossible, false);
});
