/**
 * Which worker gets a frame: a classic BPF program that the kernel runs for every frame that arrives (packet(7),
 * `PACKET_FANOUT_CBPF`), and the same decision for the entries of a connection table.
 *
 * Only the client's network decides, so that its connections, its persistence template and its fragments all meet the
 * same worker; so do ICMP errors about its connections, which quote its address. Everything that is neither IPv4 nor
 * IPv6, and neighbour discovery, goes to worker 0, which alone resolves neighbours and answers for VIPs.
 *
 * @module
 */

import { addressBits, type AddressFamily, familyOf, IPV4_MAPPED, prefixMask } from "../model/ip_address.ts";

/** How frames are spread over workers; the same for the whole life of a datapath. */
export interface Steering {
  readonly workers: number;
  /** Odd, 32 bits. */
  readonly multiplier: number;
  /** What of an IPv4 client's address decides. */
  readonly ipv4Mask: number;
  /** What of the first two words of an IPv6 client's address decides. */
  readonly ipv6Masks: readonly [number, number];
}

/** What of a service decides which clients share a template. */
export interface SharingClients {
  readonly vip: string;
  /** 0 means no persistence. */
  readonly persistenceMs: number;
  readonly persistencePrefix: number;
}

/** An IPv6 host takes new addresses in its /64 as it likes (RFC 8981), so that the rest says nothing. */
const IPV6_CLIENT_BITS = 64;

/** Leading bits of a client's address that decide, so that all clients which share a template meet the same worker. */
export function decidingBits(family: AddressFamily, services: readonly SharingClients[]): number {
  return services.filter(({ vip, persistenceMs }) => familyOf(vip) === family && persistenceMs > 0)
    .reduce(
      (least, { persistencePrefix }) => Math.min(least, persistencePrefix),
      family === 4 ? addressBits(4) : IPV6_CLIENT_BITS,
    );
}

/**
 * Spreads the clients of services over workers.
 *
 * @param hashKey The multiplier comes from it: it is the same after a restart.
 */
export function steeringFor(
  workers: number,
  services: readonly SharingClients[],
  hashKey: Uint32Array,
): Steering {
  const [high, low] = prefixMask(decidingBits(6, services));
  return {
    workers,
    multiplier: hashKey[0]! | 1,
    ipv4Mask: prefixMask(decidingBits(4, services))[0],
    ipv6Masks: [high, low],
  };
}

/** Number of the worker that serves a client, given as four words. */
export function workerOf(
  client: Uint32Array,
  { workers, multiplier, ipv4Mask, ipv6Masks }: Steering,
): number {
  if (workers === 1) return 0;
  const isIpv4 = client[0] === 0 && client[1] === 0 && client[2] === IPV4_MAPPED;
  const network = isIpv4 ? client[3]! & ipv4Mask : (client[0]! & ipv6Masks[0]) ^ (client[1]! & ipv6Masks[1]);
  const product = Math.imul(network, multiplier);
  const hash = Math.imul(product ^ (product >>> HALF), MIXER) >>> HALF;
  return (hash * workers) >>> HALF;
}

/** Bits of the upper half of a word. Only these depend on all bits of what was multiplied, so they are what is used. */
const HALF = 16;
/** Spreads clients even where the secret multiplier is a poor one: 2^32 divided by the golden ratio, made odd. */
const MIXER = 0x9e3779b1;

/** Offsets from here on count from the network header, wherever the packet begins (linux/filter.h). */
const SKF_NET_OFF = -0x100000;
/** Pretended offset of the EtherType, that of a tagged frame's packet too: the kernel takes the tag off before. */
const SKF_AD_PROTOCOL = -0x1000;

/** Instructions of linux/bpf_common.h that are used. */
const Code = {
  LOAD_WORD: 0x20,
  LOAD_BYTE: 0x30,
  LOAD_WORD_AT_X: 0x40,
  LOAD_BYTE_AT_X: 0x50,
  LOAD_X_IPV4_HEADER_BYTES: 0xb1,
  AND: 0x54,
  MULTIPLY: 0x24,
  SHIFT_RIGHT: 0x74,
  XOR_X: 0xac,
  A_TO_X: 0x07,
  JUMP: 0x05,
  JUMP_IF_EQUAL: 0x15,
  JUMP_IF_GREATER: 0x25,
  RETURN: 0x06,
  RETURN_A: 0x16,
} as const;

/** An instruction; `then` and `otherwise` are labels, without them the next one follows. */
interface Instruction {
  readonly label?: string;
  readonly code: number;
  readonly k?: number;
  readonly then?: string;
  readonly otherwise?: string;
}

const INSTRUCTION_BYTES = 8;

/** The program as `struct sock_filter[]`. It returns a worker's number; 0 where a packet ends too early. */
export function steeringProgram(steering: Steering): Uint8Array<ArrayBuffer> {
  const { workers, multiplier, ipv4Mask, ipv6Masks } = steering;
  const at = (offset: number) => SKF_NET_OFF + offset;
  const ifEqual = (k: number, then: string): Instruction => ({ code: Code.JUMP_IF_EQUAL, k, then });
  const ifGreater = (k: number, then: string): Instruction => ({ code: Code.JUMP_IF_GREATER, k, then });
  /** The network of the IPv6 address whose words are loaded like this. */
  const ipv6Network = (label: string, offset: number): Instruction[] => [
    { label, code: Code.LOAD_WORD, k: at(offset) },
    { code: Code.AND, k: ipv6Masks[0] },
    { code: Code.A_TO_X },
    { code: Code.LOAD_WORD, k: at(offset + 4) },
    { code: Code.AND, k: ipv6Masks[1] },
    { code: Code.XOR_X },
    { code: Code.JUMP, then: "hash" },
  ];
  return assemble([
    { code: Code.LOAD_WORD, k: SKF_AD_PROTOCOL },
    ifEqual(0x0800, "ipv4"),
    ifEqual(0x86dd, "ipv6"),
    { code: Code.JUMP, then: "first" },

    // The protocol, then the type of the ICMP message: errors about packets are 3, 4 and 11 (RFC 792).
    { label: "ipv4", code: Code.LOAD_BYTE, k: at(9) },
    { code: Code.JUMP_IF_EQUAL, k: 1, then: "icmp", otherwise: "source" },
    { label: "icmp", code: Code.LOAD_X_IPV4_HEADER_BYTES, k: at(0) },
    { code: Code.LOAD_BYTE_AT_X, k: at(0) },
    ifEqual(3, "quoted"),
    ifEqual(4, "quoted"),
    ifEqual(11, "quoted"),
    { label: "source", code: Code.LOAD_WORD, k: at(12) },
    { code: Code.JUMP, then: "ipv4 network" },
    // The destination of the packet that is quoted behind 8 bytes of ICMP.
    { label: "quoted", code: Code.LOAD_WORD_AT_X, k: at(8 + 16) },
    { label: "ipv4 network", code: Code.AND, k: ipv4Mask },
    { code: Code.JUMP, then: "hash" },

    // The next header, then the type of the ICMPv6 message: errors are 1 to 4 (RFC 4443), discovery is 133 to 137.
    { label: "ipv6", code: Code.LOAD_BYTE, k: at(6) },
    { code: Code.JUMP_IF_EQUAL, k: 58, then: "icmpv6", otherwise: "ipv6 source" },
    { label: "icmpv6", code: Code.LOAD_BYTE, k: at(40) },
    ifGreater(137, "ipv6 source"),
    ifGreater(132, "first"),
    ifGreater(4, "ipv6 source"),
    ifEqual(0, "ipv6 source"),
    ...ipv6Network("ipv6 quoted", 40 + 8 + 24),
    ...ipv6Network("ipv6 source", 8),

    { label: "hash", code: Code.MULTIPLY, k: multiplier },
    { code: Code.A_TO_X },
    { code: Code.SHIFT_RIGHT, k: HALF },
    { code: Code.XOR_X },
    { code: Code.MULTIPLY, k: MIXER },
    { code: Code.SHIFT_RIGHT, k: HALF },
    { code: Code.MULTIPLY, k: workers },
    { code: Code.SHIFT_RIGHT, k: HALF },
    { code: Code.RETURN_A },
    { label: "first", code: Code.RETURN, k: 0 },
  ]);
}

/** Puts distances in the place of labels. */
function assemble(instructions: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const program = new DataView(new ArrayBuffer(instructions.length * INSTRUCTION_BYTES));
  instructions.forEach(({ code, k = 0, then, otherwise }, index) => {
    const distance = (label: string | undefined) =>
      label === undefined ? 0 : instructions.findIndex((target) => target.label === label) - index - 1;
    const start = index * INSTRUCTION_BYTES;
    program.setUint16(start, code, true);
    if (code === Code.JUMP) {
      program.setInt32(start + 4, distance(then), true);
      return;
    }
    program.setUint8(start + 2, distance(then));
    program.setUint8(start + 3, distance(otherwise));
    program.setInt32(start + 4, k, true);
  });
  return new Uint8Array(program.buffer);
}
