/**
 * Files mapped into memory: what is written to the memory is in the file at once, and outlives the process.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { HostError } from "../../model/operator_error.ts";
import { cString, errno, errorText, type Libc } from "./libc.ts";

const O_RDWR = 2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_CLOEXEC = 0o2000000;
const O_NOFOLLOW = 0o400000;
const OWNER_ONLY = 0o600;
const PROT_READ_AND_WRITE = 3;
const MAP_SHARED = 1;
/** `MAP_FAILED`: all bits set. */
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** A file in memory. The buffer must not be used after {@linkcode close}. */
export class MappedFile implements Disposable {
  readonly buffer: ArrayBuffer;
  readonly #libc: Libc;
  #address: Deno.PointerObject | null;

  /**
   * Maps the first `bytes` bytes of an existing file of at least that size.
   *
   * @throws {HostError} If the file cannot be opened or mapped.
   */
  static open(libc: Libc, path: string, bytes: number): MappedFile {
    return new MappedFile(libc, path, openFile(libc, path, O_RDWR), bytes);
  }

  /**
   * Makes a file of zeros and maps it. All of its space is reserved at once: a file system that fills up later
   * would otherwise kill the process that writes to the memory.
   *
   * @throws {HostError} If the file is there already, or there is no room for it.
   */
  static create(libc: Libc, path: string, bytes: number): MappedFile {
    const fd = openFile(libc, path, O_RDWR | O_CREAT | O_EXCL);
    const error = libc.symbols.posix_fallocate(fd, 0n, BigInt(bytes));
    if (error !== 0) {
      libc.symbols.close(fd);
      Deno.removeSync(path);
      throw mappingError(`reserve ${bytes} bytes for ${path}`, errorText(libc, error));
    }
    return new MappedFile(libc, path, fd, bytes);
  }

  private constructor(libc: Libc, path: string, fd: number, bytes: number) {
    this.#libc = libc;
    const address = libc.symbols.mmap(null, BigInt(bytes), PROT_READ_AND_WRITE, MAP_SHARED, fd, 0n);
    const error = errno(libc);
    libc.symbols.close(fd);
    if (address === null || Deno.UnsafePointer.value(address) === MAP_FAILED) {
      throw mappingError(`mmap ${path}`, errorText(libc, error));
    }
    this.#address = address;
    this.buffer = Deno.UnsafePointerView.getArrayBuffer(address, bytes);
  }

  /** Gives the memory back; idempotent. */
  close(): void {
    if (this.#address === null) return;
    this.#libc.symbols.munmap(this.#address, BigInt(this.buffer.byteLength));
    this.#address = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openFile(libc: Libc, path: string, flags: number): number {
  const fd = libc.symbols.open(cString(path), flags | O_CLOEXEC | O_NOFOLLOW, OWNER_ONLY);
  if (fd < 0) throw mappingError(`open ${path}`, errorText(libc, errno(libc)));
  return fd;
}

function mappingError(step: string, reason: string): HostError {
  return new HostError(step, `Cannot map the connection table: ${step}: ${reason}`, ExitCode.UNAVAILABLE, {
    remedy: "Check free space and permissions of the run directory, or choose another with --run-dir",
  });
}
