/**
 * Groups of captures that share what arrives on an interface (packet(7), `PACKET_FANOUT`): every frame goes to one of
 * them, chosen by a classic BPF program. Linux 4.12 or newer.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { HostError } from "../../model/operator_error.ts";
import { errno, errorText, type Libc } from "./libc.ts";

const SOL_PACKET = 263;
const PACKET_FANOUT = 18;
const PACKET_FANOUT_DATA = 22;
const PACKET_FANOUT_CBPF = 6;
/** The kernel finds a number that no group of this network namespace has. */
const PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;
/** Frames of the host itself are left out. Kernels that do not know it hand them over; the datapath ignores them. */
const PACKET_FANOUT_FLAG_IGNORE_OUTGOING = 0x4000;
/** `struct sock_fprog` on 64-bit Linux. */
export const SockFprog = { LENGTH: 0, FILTER: 8, BYTES: 16 } as const;
const INSTRUCTION_BYTES = 8;

/**
 * Makes a group with a packet socket as its first member, to which everything goes until others join.
 *
 * @param fd Socket that is bound to an interface; it leaves the group when it is closed.
 * @param program `struct sock_filter[]`; what it returns, modulo the number of members, is the member's number.
 * @returns The number of the group.
 * @throws {HostError} If the kernel refuses.
 */
export function makeFanOutGroup(libc: Libc, fd: number, program: Uint8Array<ArrayBuffer>): number {
  const mode = PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
  setOption(libc, fd, PACKET_FANOUT, Int32Array.of((mode | PACKET_FANOUT_FLAG_UNIQUEID) << 16));
  const description = new DataView(new ArrayBuffer(SockFprog.BYTES));
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(program));
  description.setUint16(SockFprog.LENGTH, program.length / INSTRUCTION_BYTES, true);
  description.setBigUint64(SockFprog.FILTER, address, true);
  setOption(libc, fd, PACKET_FANOUT_DATA, new Uint8Array(description.buffer));
  const group = new Int32Array(1);
  if (libc.symbols.getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, Int32Array.of(4)) !== 0) {
    throw refusal(libc, "getsockopt PACKET_FANOUT");
  }
  return group[0]! & 0xffff;
}

/**
 * Makes a packet socket the next member of a group: members are numbered in the order in which they join. When the
 * interface goes down and comes up again they join anew, in the order in which the sockets were made.
 *
 * @throws {HostError} If the kernel refuses, for example because the sockets are bound to different interfaces.
 */
export function joinFanOutGroup(libc: Libc, fd: number, group: number): void {
  const mode = PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
  setOption(libc, fd, PACKET_FANOUT, Int32Array.of(group | (mode << 16)));
}

function setOption(
  libc: Libc,
  fd: number,
  option: number,
  value: Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
): void {
  if (libc.symbols.setsockopt(fd, SOL_PACKET, option, value, value.byteLength) === 0) return;
  throw refusal(
    libc,
    option === PACKET_FANOUT ? "setsockopt PACKET_FANOUT" : "setsockopt PACKET_FANOUT_DATA",
  );
}

function refusal(libc: Libc, step: string): HostError {
  return new HostError(
    step,
    `Cannot share an interface among workers: ${step}: ${errorText(libc, errno(libc))}`,
    ExitCode.UNAVAILABLE,
    { remedy: "Set director.workers to 1, or use Linux 4.12 or newer" },
  );
}
