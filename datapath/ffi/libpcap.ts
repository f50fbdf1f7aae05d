/**
 * libpcap 1.10 or newer (pcap(3PCAP)): taking frames from an interface. Without it there is no director; every other
 * command works.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError, type OperatorErrorOptions } from "../../model/operator_error.ts";
import { cString, type Libc } from "./libc.ts";
import { openLibrary } from "./library.ts";
import { clearWakeUp } from "./wake_up.ts";

const SYMBOLS = {
  // int pcap_activate(pcap_t *p)
  pcap_activate: { parameters: ["pointer"], result: "i32" },
  // void pcap_close(pcap_t *p)
  pcap_close: { parameters: ["pointer"], result: "void" },
  // int pcap_compile(pcap_t *p, struct bpf_program *fp, const char *str, int optimize, bpf_u_int32 netmask)
  pcap_compile: { parameters: ["pointer", "buffer", "buffer", "i32", "u32"], result: "i32" },
  // pcap_t *pcap_create(const char *source, char *errbuf)
  pcap_create: { parameters: ["buffer", "buffer"], result: "pointer" },
  // int pcap_fileno(pcap_t *p)
  pcap_fileno: { parameters: ["pointer"], result: "i32" },
  // void pcap_freecode(struct bpf_program *fp)
  pcap_freecode: { parameters: ["buffer"], result: "void" },
  // char *pcap_geterr(pcap_t *p)
  pcap_geterr: { parameters: ["pointer"], result: "pointer" },
  // int pcap_next_ex(pcap_t *p, struct pcap_pkthdr **pkt_header, const u_char **pkt_data)
  pcap_next_ex: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  // int pcap_set_buffer_size(pcap_t *p, int buffer_size)
  pcap_set_buffer_size: { parameters: ["pointer", "i32"], result: "i32" },
  // int pcap_set_immediate_mode(pcap_t *p, int immediate_mode)
  pcap_set_immediate_mode: { parameters: ["pointer", "i32"], result: "i32" },
  // int pcap_set_promisc(pcap_t *p, int promisc)
  pcap_set_promisc: { parameters: ["pointer", "i32"], result: "i32" },
  // int pcap_set_snaplen(pcap_t *p, int snaplen)
  pcap_set_snaplen: { parameters: ["pointer", "i32"], result: "i32" },
  // int pcap_set_tstamp_precision(pcap_t *p, int tstamp_precision)
  pcap_set_tstamp_precision: { parameters: ["pointer", "i32"], result: "i32" },
  // int pcap_setfilter(pcap_t *p, struct bpf_program *fp)
  pcap_setfilter: { parameters: ["pointer", "buffer"], result: "i32" },
  // int pcap_setnonblock(pcap_t *p, int nonblock, char *errbuf)
  pcap_setnonblock: { parameters: ["pointer", "i32", "buffer"], result: "i32" },
  // int pcap_stats(pcap_t *p, struct pcap_stat *ps)
  pcap_stats: { parameters: ["pointer", "buffer"], result: "i32" },
  // const char *pcap_statustostr(int error)
  pcap_statustostr: { parameters: ["i32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

export type Libpcap = Deno.DynamicLibrary<typeof SYMBOLS>;

/** `struct pcap_pkthdr` on 64-bit Linux. */
export const PcapPacketHeader = {
  SECONDS: 0,
  NANOSECONDS: 8,
  CAPTURED_LENGTH: 16,
  LENGTH: 20,
  BYTES: 24,
} as const;
/** `struct pcap_stat`. */
export const PcapStatistics = { DROPPED: 4, BYTES: 12 } as const;
/** `struct bpf_program` on 64-bit Linux. */
export const BpfProgram = { BYTES: 16 } as const;
/** `struct pollfd`. */
export const PollFd = { FD: 0, EVENTS: 4, RETURNED_EVENTS: 6, BYTES: 8 } as const;

const ERROR_BUFFER_BYTES = 256;
const PCAP_ERROR_NO_SUCH_DEVICE = -5;
const PCAP_ERROR_PERM_DENIED = -8;
const PCAP_ERROR_PROMISC_PERM_DENIED = -11;
const PCAP_TSTAMP_PRECISION_NANO = 1;
const POLLIN = 1;
const SOL_PACKET = 263;
/** Linux 4.20: the kernel does not even hand our own frames to the ring. */
const PACKET_IGNORE_OUTGOING = 23;

/** An interface cannot be captured from. */
export class CaptureError extends OperatorError {
  override name = "CaptureError";
  readonly device: string;

  constructor(device: string, message: string, exitCode: ExitCode, options: OperatorErrorOptions = {}) {
    super(message, exitCode, options);
    this.device = device;
  }
}

/**
 * Opens libpcap: `$LVSDR_LIBPCAP` if set, else by the names distributions use.
 *
 * @throws {LibraryError} If the library is not installed.
 */
export function openLibpcap(): Libpcap {
  const chosen = Deno.env.get("LVSDR_LIBPCAP");
  const names = chosen ? [chosen] : ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"];
  const remedy = chosen
    ? "Correct or unset LVSDR_LIBPCAP"
    : "Install it: apt install libpcap0.8 (Debian, Ubuntu), dnf install libpcap (Fedora, RHEL), " +
      "zypper install libpcap1 (SUSE), pacman -S libpcap (Arch)";
  return openLibrary(names, SYMBOLS, remedy);
}

export interface CaptureOptions {
  readonly device: string;
  /** Longest frame that is taken whole. */
  readonly snapshotBytes: number;
  /** Memory of the ring the kernel fills. */
  readonly bufferBytes: number;
}

/** An open capture on one interface. Frames the host itself sends are not seen. */
export class Capture implements Disposable {
  readonly #libpcap: Libpcap;
  readonly #libc: Libc;
  readonly #device: string;
  readonly #headerAddress = new BigUint64Array(1);
  readonly #dataAddress = new BigUint64Array(1);
  /** The same, for comparing: making a BigInt would allocate. */
  readonly #headerAddressWords = new Int32Array(this.#headerAddress.buffer);
  /** Header of the current frame, in libpcap's own memory. */
  #header = new DataView(new ArrayBuffer(PcapPacketHeader.BYTES));
  /** Address of {@linkcode #header}. */
  readonly #headerAt = new Int32Array(2);
  /** A size_t for C, written as a number: making a BigInt from one would allocate. */
  readonly #size = new BigUint64Array(1);
  readonly #sizeLow = new Uint32Array(this.#size.buffer);
  #handle: Deno.PointerValue;

  /**
   * @throws {CaptureError} If the interface does not exist, is down, or the process may not capture.
   */
  constructor(libpcap: Libpcap, libc: Libc, options: CaptureOptions) {
    this.#libpcap = libpcap;
    this.#libc = libc;
    this.#device = options.device;
    const pcap = libpcap.symbols;
    const errorBuffer = new Uint8Array(ERROR_BUFFER_BYTES);
    const handle = pcap.pcap_create(cString(options.device), errorBuffer);
    if (handle === null) throw this.#error(textOf(errorBuffer), ExitCode.UNAVAILABLE);
    this.#handle = handle;
    try {
      pcap.pcap_set_snaplen(handle, options.snapshotBytes);
      pcap.pcap_set_promisc(handle, 0);
      // Without it the kernel would hold frames back until a block of the ring is full or a timer expires.
      pcap.pcap_set_immediate_mode(handle, 1);
      pcap.pcap_set_buffer_size(handle, options.bufferBytes);
      // Frames of one burst can be less than a microsecond apart.
      pcap.pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
      const status = pcap.pcap_activate(handle);
      if (status < 0) throw this.#activationError(status);
      if (pcap.pcap_setnonblock(handle, 1, errorBuffer) !== 0) {
        throw this.#error(textOf(errorBuffer), ExitCode.UNAVAILABLE);
      }
      libc.symbols.setsockopt(this.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, Int32Array.of(1), 4);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Lets through only frames that match a pcap-filter(7) expression.
   *
   * @throws {CaptureError} If the expression is wrong.
   */
  setFilter(expression: string): void {
    const pcap = this.#libpcap.symbols;
    const program = new Uint8Array(BpfProgram.BYTES);
    if (pcap.pcap_compile(this.#handle, program, cString(expression), 1, 0xffffffff) !== 0) {
      throw this.#error(`filter "${expression}": ${this.#lastError()}`, ExitCode.FAILED);
    }
    const result = pcap.pcap_setfilter(this.#handle, program);
    pcap.pcap_freecode(program);
    if (result !== 0) throw this.#error(this.#lastError(), ExitCode.FAILED);
  }

  /**
   * Goes on to the next frame without waiting. Hot path.
   *
   * @returns Whether there is one; it stays the current one until the next call.
   * @throws {CaptureError} If the interface has gone.
   */
  advance(): boolean {
    const result = this.#libpcap.symbols.pcap_next_ex(this.#handle, this.#headerAddress, this.#dataAddress);
    if (result !== 1) {
      if (result === 0) return false;
      throw this.#error(this.#lastError(), ExitCode.UNAVAILABLE);
    }
    if (
      this.#headerAddressWords[0] !== this.#headerAt[0] ||
      this.#headerAddressWords[1] !== this.#headerAt[1]
    ) this.#findHeader();
    return true;
  }

  /** libpcap has the header of every frame in the same place; this is for the first one, and should that change. */
  #findHeader(): void {
    const pointer = Deno.UnsafePointer.create(this.#headerAddress[0]!)!;
    this.#header = new DataView(Deno.UnsafePointerView.getArrayBuffer(pointer, PcapPacketHeader.BYTES));
    this.#headerAt.set(this.#headerAddressWords);
  }

  /** When the current frame arrived: whole seconds of the wall clock, modulo 2^32, signed. Hot path. */
  seconds(): number {
    return this.#header.getInt32(PcapPacketHeader.SECONDS, true);
  }

  /** The rest of {@linkcode seconds}, in nanoseconds. Hot path. */
  nanoseconds(): number {
    return this.#header.getInt32(PcapPacketHeader.NANOSECONDS, true);
  }

  /**
   * Copies the current frame. Hot path.
   *
   * @returns Bytes of the frame, 0 if it was cut or does not fit.
   */
  copy(target: Uint8Array<ArrayBuffer>): number {
    const captured = this.#header.getUint32(PcapPacketHeader.CAPTURED_LENGTH, true);
    if (captured !== this.#header.getUint32(PcapPacketHeader.LENGTH, true) || captured > target.length) {
      return 0;
    }
    this.#sizeLow[0] = captured;
    this.#libc.symbols.memcpy(target, this.#dataAddress[0]!, this.#size[0]!);
    return captured;
  }

  /** File descriptor that is readable when there is a frame; belongs to the capture. */
  get fd(): number {
    return this.#libpcap.symbols.pcap_fileno(this.#handle);
  }

  /** Frames the kernel dropped because the ring was full. */
  get dropped(): number {
    const statistics = new DataView(new ArrayBuffer(PcapStatistics.BYTES));
    if (this.#libpcap.symbols.pcap_stats(this.#handle, statistics.buffer) !== 0) return 0;
    return statistics.getUint32(PcapStatistics.DROPPED, true);
  }

  /** Closes the capture; idempotent. */
  close(): void {
    if (this.#handle !== null) this.#libpcap.symbols.pcap_close(this.#handle);
    this.#handle = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #lastError(): string {
    const text = this.#libpcap.symbols.pcap_geterr(this.#handle);
    return text === null ? "unknown error" : new Deno.UnsafePointerView(text).getCString();
  }

  #activationError(status: number): CaptureError {
    const isDenied = status === PCAP_ERROR_PERM_DENIED || status === PCAP_ERROR_PROMISC_PERM_DENIED;
    if (isDenied) {
      return this.#error("permission denied", ExitCode.NO_PERMISSION, {
        remedy: "Run as root, or with CAP_NET_RAW and CAP_NET_ADMIN",
      });
    }
    if (status === PCAP_ERROR_NO_SUCH_DEVICE) {
      return this.#error("there is no such interface", ExitCode.UNAVAILABLE, { remedy: "See `ip link`" });
    }
    const text = this.#libpcap.symbols.pcap_statustostr(status);
    const detail = this.#lastError() || (text === null ? "" : new Deno.UnsafePointerView(text).getCString());
    return this.#error(detail, ExitCode.UNAVAILABLE, { remedy: `See \`ip link show ${this.#device}\`` });
  }

  #error(detail: string, exitCode: ExitCode, options: OperatorErrorOptions = {}): CaptureError {
    return new CaptureError(
      this.#device,
      `Cannot capture on "${this.#device}": ${detail}`,
      exitCode,
      options,
    );
  }
}

/** Waits for frames of several captures, or to be woken (see wake_up.ts). */
export class CaptureWait {
  readonly #libc: Libc;
  readonly #pollFds: DataView<ArrayBuffer>;
  readonly #pollFdBytes: Uint8Array<ArrayBuffer>;
  readonly #count: bigint;
  readonly #wakeFd: number;
  readonly #wakeEventsAt: number;

  /** @param wakeFd Descriptor of a `WakeUp`; −1 if nobody is to wake it. */
  constructor(libc: Libc, captures: readonly Capture[], wakeFd: number) {
    this.#libc = libc;
    const fds = [...captures.map(({ fd }) => fd), wakeFd];
    this.#pollFds = new DataView(new ArrayBuffer(fds.length * PollFd.BYTES));
    fds.forEach((fd, index) => {
      // poll(2) leaves negative descriptors out.
      this.#pollFds.setInt32(index * PollFd.BYTES + PollFd.FD, fd, true);
      this.#pollFds.setInt16(index * PollFd.BYTES + PollFd.EVENTS, POLLIN, true);
    });
    this.#pollFdBytes = new Uint8Array(this.#pollFds.buffer);
    this.#count = BigInt(fds.length);
    this.#wakeFd = wakeFd;
    this.#wakeEventsAt = captures.length * PollFd.BYTES + PollFd.RETURNED_EVENTS;
  }

  /** Waits until one of them has a frame or it is woken, `timeoutMs` at most. */
  wait(timeoutMs: number): void {
    const ready = this.#libc.symbols.poll(this.#pollFdBytes, this.#count, timeoutMs);
    if (ready > 0 && this.#pollFds.getInt16(this.#wakeEventsAt, true) !== 0) {
      clearWakeUp(this.#libc, this.#wakeFd);
    }
  }
}

function textOf(buffer: Uint8Array<ArrayBuffer>): string {
  return new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0)));
}
