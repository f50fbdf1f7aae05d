/**
 * Hostile frames: bytes without any sense, and frames of the fixtures and of real captures with something wrong about
 * them. The same seed gives the same frames.
 *
 * @module
 */

import { FrameRing } from "../../datapath/frame_ring.ts";
import { ANSWERED_FIXTURES } from "./answered_fixtures.ts";
import { capturedFrames } from "./captures.ts";
import { FORWARDED_FIXTURES } from "./forwarded_fixtures.ts";
import { FRAGMENT_FIXTURES } from "./fragment_fixtures.ts";
import { concat, ipv4Frame, withVlanTag, words16 } from "./frame_builder.ts";
import { ICMP_FIXTURES } from "./icmp_fixtures.ts";
import {
  advertisementFrame,
  type Extension,
  fragmentHeader,
  ipv6Frame,
  Next,
  optionsHeader,
  solicitationFrame,
} from "./ipv6_frame_builder.ts";
import { TO_VIP6 } from "./ipv6_fixture.ts";
import { IPV6_FIXTURES } from "./ipv6_fixtures.ts";
import { IPV6_ERROR_FIXTURES, IPV6_UNSENT_FIXTURES } from "./ipv6_unsent_fixtures.ts";
import {
  CLIENT,
  CLIENT_MAC,
  DIRECTOR_MAC,
  OTHER_VLAN,
  SERVER6,
  TAGGED_VIP6,
  VIP,
  VIP6,
  VLAN,
} from "./test_network.ts";
import { UNSENT_FIXTURES } from "./unsent_fixtures.ts";
import { VLAN_FIXTURES } from "./vlan_fixtures.ts";

/** A whole number from 0 to below a bound. */
export type Random = (below: number) => number;

/** Frames of all kinds a director may meet. */
const VALID = [
  ...FORWARDED_FIXTURES,
  ...ANSWERED_FIXTURES,
  ...ICMP_FIXTURES,
  ...FRAGMENT_FIXTURES,
  ...UNSENT_FIXTURES,
  ...IPV6_FIXTURES,
  ...IPV6_ERROR_FIXTURES,
  ...IPV6_UNSENT_FIXTURES,
  ...VLAN_FIXTURES,
].map(({ frame }) => frame);

/** Frames of real programs. */
const CAPTURED = capturedFrames();

/** Numbers at which lengths, versions and counts change their meaning. */
const EDGES = [0, 1, 2, 4, 5, 6, 8, 15, 17, 20, 0x40, 0x45, 0x46, 0x4f, 0x7f, 0x80, 0xfe, 0xff];

/** Bytes from the start of a frame within which its headers end, mostly. */
const HEADERS_BYTES = 74;
const MACS_BYTES = 12;
const ETHERNET_BYTES = 14;

const TO_VIP = { from: CLIENT_MAC, to: DIRECTOR_MAC, source: CLIENT, destination: VIP };
/** A record route, for the first fragment alone, no operation, and a router alert, for all of them. */
const FRAGMENT_OPTIONS = Uint8Array.of(7, 3, 4, 1, 0x94, 4, 0, 0);

/** Frames to try, without end. */
export function* hostileFrames(random: Random): Generator<Uint8Array, never> {
  for (;;) {
    const frames = random(60) === 0 ? datagramInPieces(random) : [hostileFrame(random)];
    for (const frame of frames) yield maybeTagged(frame, random);
  }
}

function hostileFrame(random: Random): Uint8Array {
  const kind = random(20);
  if (kind < 2) return inventedFrame(random);
  if (kind === 2) return chainedFrame(random);
  return kind === 3 ? neighborFrame(random) : mutatedFrame(random);
}

/** A tag in front of anything, mostly of a VLAN that is used. */
function maybeTagged(frame: Uint8Array, random: Random): Uint8Array {
  if (random(8) !== 0 || frame.length < ETHERNET_BYTES || frame.length > 60_000) return frame;
  return withVlanTag(frame, (random(8) << 13) | [0, VLAN, OTHER_VLAN, random(4_096)][random(4)]!);
}

/** A packet over IPv6 with headers of any kind and length one behind the other, most of them fitting. */
function chainedFrame(random: Random): Uint8Array {
  const extensions = Array.from({ length: random(10) }, (): Extension => {
    const kind = random(4);
    if (kind === 0) return fragmentHeader(random(4) * 8, random(2) === 0, random(3));
    if (kind === 1) return optionsHeader(Next.HOP_BY_HOP, 8 * (1 + random(4)));
    if (kind === 2) {
      return optionsHeader([Next.DESTINATION_OPTIONS, Next.ROUTING][random(2)]!, 8 * (1 + random(30)));
    }
    return { type: [...Object.values(Next), random(256)][random(12)]!, bytes: bytes(random, 8) };
  });
  const payload = concat(words16(40_000, [80, 53, 90][random(3)]!), bytes(random, random(60)));
  const protocol = [Next.TCP, Next.UDP, Next.ICMPV6, Next.NOTHING, random(256)][random(5)]!;
  return ipv6Frame({ ...TO_VIP6, extensions }, protocol, payload);
}

/** A Neighbor Discovery message whose checksum is right, whatever else it holds. */
function neighborFrame(random: Random): Uint8Array {
  const address = () =>
    ["::", "ff02::1", "fe80::7", VIP6, TAGGED_VIP6, SERVER6, "ff02::1:ff00:10"][random(7)]!;
  const fields = {
    from: CLIENT_MAC,
    to: [DIRECTOR_MAC, "33:33:ff:00:00:10"][random(2)]!,
    source: address(),
    destination: address(),
    target: address(),
    options: random(2) === 0 ? concat([1 + random(2), 1], bytes(random, 6)) : bytes(random, 8 * random(4)),
    hopLimit: random(10) === 0 ? random(256) : 255,
    code: random(10) === 0 ? random(256) : 0,
  };
  if (random(2) === 0) return solicitationFrame(fields);
  return advertisementFrame({ ...fields, isSolicited: random(2) === 0, isOverriding: random(2) === 0 });
}

/** The fragments of one datagram in any order; some may be missing, overlap or be larger than the MTU. */
function datagramInPieces(random: Random): Uint8Array[] {
  const isIpv4 = random(2) === 0;
  const identification = random(65_536);
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (let left = 1 + random(4); left > 0; left--) {
    const payload = bytes(random, [8, 1_440, 2_880, random(16) === 0 ? 60_000 : 1_480][random(4)]!);
    if (offset === 0) payload.set(words16(40_000, 53, 8, 0));
    const moreFragments = left > 1;
    pieces.push(
      isIpv4
        ? ipv4Frame(
          {
            ...{ ...TO_VIP, dontFragment: random(4) === 0 },
            ...{ identification, moreFragments, fragmentOffset: offset / 8 },
            ...(random(2) === 0 ? {} : { options: FRAGMENT_OPTIONS }),
          },
          Next.UDP,
          payload,
        )
        : ipv6Frame(
          { ...TO_VIP6, extensions: [fragmentHeader(offset, moreFragments, identification)] },
          Next.UDP,
          payload,
        ),
    );
    offset += random(10) === 0 ? 8 : payload.length;
  }
  for (let last = pieces.length - 1; last > 0; last--) {
    const other = random(last + 1);
    [pieces[last], pieces[other]] = [pieces[other]!, pieces[last]!];
  }
  return random(8) === 0 ? pieces.slice(1) : pieces;
}

function bytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

/** A real frame with some of its bytes changed, cut, or with more behind it; sometimes just as it was. */
function mutatedFrame(random: Random): Uint8Array {
  const source = random(4) === 0 ? CAPTURED : VALID;
  let frame: Uint8Array = source[random(source.length)]!.slice();
  const header = Math.min(frame.length, HEADERS_BYTES);
  for (let left = random(4); left > 0 && header > 0; left--) {
    // The MACs are left alone mostly: a frame for nobody ends at once.
    const at = random(8) === 0 ? random(header) : Math.min(MACS_BYTES + random(header), frame.length - 1);
    frame[at] = random(3) === 0 ? EDGES[random(EDGES.length)]! : random(256);
  }
  const change = random(8);
  if (change === 0) frame = frame.slice(0, random(frame.length + 1));
  if (change === 1) frame = concat(frame, new Uint8Array(random(100)));
  return frame.subarray(0, FrameRing.FRAME_BYTES);
}

/** Bytes without any sense, some of them behind the MACs and type of a frame that is looked at. */
function inventedFrame(random: Random): Uint8Array {
  const frame = new Uint8Array(random(6) === 0 ? random(2_000) : random(120));
  for (let at = 0; at < frame.length; at++) frame[at] = random(256);
  if (random(2) === 0) frame.set(VALID[0]!.subarray(0, Math.min(frame.length, 15)));
  return frame;
}

/** Numbers that are the same for the same seed (xorshift32). */
export function randomNumbers(seed: number): Random {
  let state = (seed | 0) === 0 ? 1 : seed | 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor((state >>> 0) / 2 ** 32 * below);
  };
}
