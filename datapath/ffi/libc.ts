/**
 * The few C library functions lvsdr needs and Deno does not offer: packet sockets, poll, mapped files and a clock
 * that processes share. glibc 2.27 or newer; without it nothing of lvsdr runs.
 *
 * @module
 */

import { LibraryError, openLibrary } from "./library.ts";

const SYMBOLS = {
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // int bind(int fd, const struct sockaddr *address, socklen_t bytes)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int clock_gettime(clockid_t clock, struct timespec *now)
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int eventfd(unsigned int initial, int flags)
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // int getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // void *memcpy(void *to, const void *from, size_t bytes)
  memcpy: { parameters: ["buffer", "u64", "u64"], result: "void" },
  // void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
  mmap: { parameters: ["pointer", "u64", "i32", "i32", "i32", "i64"], result: "pointer" },
  // int munmap(void *at, size_t bytes)
  munmap: { parameters: ["pointer", "u64"], result: "i32" },
  // int open(const char *path, int flags, mode_t mode)
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  // int poll(struct pollfd *fds, nfds_t count, int timeout)
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  // int posix_fallocate(int fd, off_t offset, off_t bytes)
  posix_fallocate: { parameters: ["i32", "i64", "i64"], result: "i32" },
  // ssize_t read(int fd, void *to, size_t bytes)
  read: { parameters: ["i32", "buffer", "u64"], result: "i64" },
  // int sched_setaffinity(pid_t thread, size_t bytes, const cpu_set_t *cpus)
  sched_setaffinity: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  // int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // int setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // char *strerror(int error)
  strerror: { parameters: ["i32"], result: "pointer" },
  // ssize_t write(int fd, const void *from, size_t bytes)
  write: { parameters: ["i32", "buffer", "u64"], result: "i64" },
} as const satisfies Deno.ForeignLibraryInterface;

export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

/** `errno` values that are told apart. */
export const Errno = { EPERM: 1, EAGAIN: 11, ENOMEM: 12, EACCES: 13 } as const;

/**
 * Opens the C library.
 *
 * @throws {LibraryError} If this is no glibc system.
 */
export function openLibc(): Libc {
  return openLibrary(["libc.so.6"], SYMBOLS, "lvsdr needs a Linux system with glibc; musl is not supported");
}

/** Value of `errno` after a call that failed on this thread just now. */
export function errno(libc: Libc): number {
  const location = libc.symbols.__errno_location();
  return location === null ? 0 : new Deno.UnsafePointerView(location).getInt32();
}

/** What strerror(3) says of an `errno` value. */
export function errorText(libc: Libc, error: number): string {
  const text = libc.symbols.strerror(error);
  return text === null ? `error ${error}` : new Deno.UnsafePointerView(text).getCString();
}

/** A path as C wants it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** `struct timespec` on 64-bit Linux. */
export const Timespec = { SECONDS: 0, NANOSECONDS: 8, BYTES: 16 } as const;
const CLOCK_MONOTONIC = 1;

/** Milliseconds since an arbitrary moment that is the same for all processes until the next boot. */
export function monotonicMs(libc: Libc): number {
  const now = new DataView(new ArrayBuffer(Timespec.BYTES));
  if (libc.symbols.clock_gettime(CLOCK_MONOTONIC, now.buffer) !== 0) {
    throw new LibraryError("Cannot read CLOCK_MONOTONIC", { remedy: "This kernel is not supported" });
  }
  return Number(now.getBigInt64(Timespec.SECONDS, true)) * 1000 +
    Number(now.getBigInt64(Timespec.NANOSECONDS, true)) / 1e6;
}
