/**
 * Waking a thread that waits for frames from another one (eventfd(2)).
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { HostError } from "../../model/operator_error.ts";
import { errno, errorText, type Libc, openLibc } from "./libc.ts";

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
/** What is written and read: a number of 64 bits. */
const COUNTER_BYTES = 8n;

/** The end that wakes. */
export class WakeUp implements Disposable {
  readonly #libc: Libc;
  readonly #one = BigUint64Array.of(1n);
  #fd: number;

  /** @throws {HostError} If the process has too many open files. */
  constructor() {
    const libc = openLibc();
    this.#libc = libc;
    this.#fd = libc.symbols.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (this.#fd < 0) {
      const reason = errorText(libc, errno(libc));
      libc.close();
      throw new HostError("eventfd", `Cannot make an eventfd: ${reason}`, ExitCode.UNAVAILABLE, {
        remedy: "Raise the limit of open files: ulimit -n",
      });
    }
  }

  /** File descriptor to wait for; belongs to this object. */
  get fd(): number {
    return this.#fd;
  }

  /** Ends the wait under way, or the next one. */
  signal(): void {
    if (this.#fd >= 0) this.#libc.symbols.write(this.#fd, this.#one, COUNTER_BYTES);
  }

  /** Closes the descriptor, for which nobody may wait any more; idempotent. */
  close(): void {
    if (this.#fd < 0) return;
    this.#libc.symbols.close(this.#fd);
    this.#libc.close();
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Takes note of signals, so that the next wait waits again. */
export function clearWakeUp(libc: Libc, fd: number): void {
  libc.symbols.read(fd, new BigUint64Array(1), COUNTER_BYTES);
}
