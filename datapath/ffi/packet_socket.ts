/**
 * Sending frames in batches through a packet socket (packet(7)).
 *
 * libpcap receives for lvsdr, but its own way of sending cannot tell the kernel that a frame still lacks its
 * checksum or is to be cut into segments. A socket with `PACKET_VNET_HDR` can, and takes a whole batch in one
 * call: the kernel, or the network card, then does the work that a frame merged by GRO or TSO needs.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { HostError } from "../../model/operator_error.ts";
import { Errno, errno, errorText, type Libc } from "./libc.ts";

/** `struct sockaddr_ll`. */
export const SockaddrLl = { FAMILY: 0, PROTOCOL: 2, INTERFACE_INDEX: 4, BYTES: 20 } as const;
/** `struct iovec` on 64-bit Linux. */
export const Iovec = { BASE: 0, LENGTH: 8, BYTES: 16 } as const;
/** `struct mmsghdr` on 64-bit Linux; offsets of its `struct msghdr` included. */
export const Mmsghdr = { IOV: 16, IOV_LENGTH: 24, BYTES: 64 } as const;

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;

/** Bytes the kernel may hold for a device that is slower than we are, before sending waits. */
const SEND_BUFFER_BYTES = 8 << 20;
/** Longest wait for such a device; the frame is then given up. A tick must not be late by more than this. */
const SEND_TIMEOUT_MICROSECONDS = 50_000;

/** Bytes of `struct virtio_net_hdr`, which stands before every frame. */
export const VNET_HEADER_BYTES = 10;

/** Bytes of an 802.1Q tag: a frame can begin earlier or later in its slot by these. */
const TAG_BYTES = 4;
/** Places a frame can begin at in its slot. */
const PLACES = 3;

/** Memory that is cut into slots of equal size, each with a `virtio_net_hdr` and a frame behind it. */
export interface SlottedMemory {
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly slotCount: number;
  /** Distance between slots. */
  readonly slotBytes: number;
  /**
   * Offset in the first slot of the first byte of the frame, unless it is shifted; at least
   * {@linkcode VNET_HEADER_BYTES} and the bytes of a tag.
   */
  readonly frameAt: number;
}

/** Sends frames from one memory out of one interface. */
export class PacketSocket implements Disposable {
  readonly #libc: Libc;
  readonly #messages: DataView<ArrayBuffer>;
  readonly #messageBytes: Uint8Array<ArrayBuffer>[];
  readonly #vectors: DataView<ArrayBuffer>;
  readonly #vectorsAddress: number;
  #fd: number;
  #errors = 0;

  /**
   * @param interfaceIndex Index of the interface, as in `ip link`.
   * @throws {HostError} If the process may not open packet sockets, or the interface is gone.
   */
  constructor(libc: Libc, memory: SlottedMemory, interfaceIndex: number) {
    this.#libc = libc;
    this.#fd = libc.symbols.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw this.#error("socket(AF_PACKET)");
    try {
      this.#setOption(SOL_PACKET, PACKET_VNET_HDR, Int32Array.of(1));
      this.#setSendBuffer(SEND_BUFFER_BYTES);
      this.#setOption(SOL_SOCKET, SO_SNDTIMEO, BigInt64Array.of(0n, BigInt(SEND_TIMEOUT_MICROSECONDS)));
      const address = new DataView(new ArrayBuffer(SockaddrLl.BYTES));
      address.setUint16(SockaddrLl.FAMILY, AF_PACKET, true);
      address.setInt32(SockaddrLl.INTERFACE_INDEX, interfaceIndex, true);
      if (libc.symbols.bind(this.#fd, address.buffer, SockaddrLl.BYTES) !== 0) throw this.#error("bind");
    } catch (error) {
      this.close();
      throw error;
    }
    // An iovec for each place in a slot, complete but for its length; one mmsghdr a frame of the batch.
    this.#vectors = new DataView(new ArrayBuffer(memory.slotCount * PLACES * Iovec.BYTES));
    this.#messages = new DataView(new ArrayBuffer(memory.slotCount * Mmsghdr.BYTES));
    const arenaAddress = addressOf(memory.arena);
    for (let slot = 0; slot < memory.slotCount; slot++) {
      for (let place = 0; place < PLACES; place++) {
        const frameAt = memory.frameAt + (place - 1) * TAG_BYTES;
        const start = BigInt(slot * memory.slotBytes + frameAt - VNET_HEADER_BYTES);
        const vector = (slot * PLACES + place) * Iovec.BYTES;
        this.#vectors.setBigUint64(vector + Iovec.BASE, arenaAddress + start, true);
      }
      this.#messages.setBigUint64(slot * Mmsghdr.BYTES + Mmsghdr.IOV_LENGTH, 1n, true);
    }
    this.#vectorsAddress = Number(addressOf(new Uint8Array(this.#vectors.buffer)));
    this.#messageBytes = Array.from(
      { length: memory.slotCount },
      (_, first) => new Uint8Array(this.#messages.buffer, first * Mmsghdr.BYTES),
    );
  }

  /** Frames the kernel did not accept. */
  get errors(): number {
    return this.#errors;
  }

  /**
   * Sends the frames in the slots `slots[0]` to `slots[count - 1]`, whose bytes without header are in
   * `lengths[slot]`, and which are shifted in their slots by `shifts[slot]`: by a tag, down or up. Hot path.
   */
  transmit(lengths: Uint32Array, shifts: Int8Array, slots: Int32Array, count: number): void {
    for (let index = 0; index < count; index++) {
      const slot = slots[index]!;
      const vector = (slot * PLACES + 1 + (shifts[slot]! >> 2)) * Iovec.BYTES;
      this.#vectors.setUint32(vector + Iovec.LENGTH, lengths[slot]! + VNET_HEADER_BYTES, true);
      // A user address has 47 bits: exact as a number, and no BigInt is made.
      const address = this.#vectorsAddress + vector;
      this.#messages.setUint32(index * Mmsghdr.BYTES + Mmsghdr.IOV, address >>> 0, true);
      this.#messages.setUint32(
        index * Mmsghdr.BYTES + Mmsghdr.IOV + 4,
        (address / 0x1_0000_0000) >>> 0,
        true,
      );
    }
    let sent = 0;
    while (sent < count) {
      const accepted = this.#libc.symbols.sendmmsg(this.#fd, this.#messageBytes[sent]!, count - sent, 0);
      if (accepted > 0) {
        sent += accepted;
      } else if (errno(this.#libc) === Errno.EAGAIN) {
        // The device was stuck for as long as we wait. Each frame of the rest would wait as long again.
        this.#errors += count - sent;
        sent = count;
      } else {
        // The first frame of the rest was refused (link down, queue full): give it up, try the others.
        this.#errors += 1;
        sent += 1;
      }
    }
  }

  /** Closes the socket; idempotent. */
  close(): void {
    if (this.#fd >= 0) this.#libc.symbols.close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Asks for more than the system's limit where that is allowed, for as much as is allowed elsewhere. */
  #setSendBuffer(bytes: number): void {
    const value = Int32Array.of(bytes);
    const forced = this.#libc.symbols.setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, value, 4);
    if (forced !== 0) this.#setOption(SOL_SOCKET, SO_SNDBUF, value);
  }

  #setOption(
    level: number,
    option: number,
    value: Int32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>,
  ): void {
    const result = this.#libc.symbols.setsockopt(this.#fd, level, option, value, value.byteLength);
    if (result !== 0) throw this.#error(`setsockopt ${level}/${option}`);
  }

  #error(call: string): HostError {
    const error = errno(this.#libc);
    const isDenied = error === Errno.EPERM || error === Errno.EACCES;
    return new HostError(
      call,
      `Cannot open a packet socket: ${call}: ${errorText(this.#libc, error)}`,
      isDenied ? ExitCode.NO_PERMISSION : ExitCode.UNAVAILABLE,
      {
        remedy: isDenied
          ? "Run as root, or with CAP_NET_RAW and CAP_NET_ADMIN"
          : "Check the interface with `ip link`",
      },
    );
  }
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}
