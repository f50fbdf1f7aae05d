/**
 * Binding a thread to a CPU (sched_setaffinity(2)).
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { HostError } from "../../model/operator_error.ts";
import { errno, errorText, type Libc } from "./libc.ts";

/** The calling thread. */
const THIS_THREAD = 0;
const BITS_PER_BYTE = 8;
/** `cpu_set_t` is made of words of this size. */
const WORD_BYTES = 8;

/**
 * Binds the calling thread to one CPU; threads it starts later inherit that.
 *
 * @throws {HostError} If this host has no such CPU, or the process may not use it.
 */
export function bindThread(libc: Libc, cpu: number): void {
  const cpus = new Uint8Array((Math.floor(cpu / BITS_PER_BYTE / WORD_BYTES) + 1) * WORD_BYTES);
  cpus[Math.floor(cpu / BITS_PER_BYTE)] = 1 << (cpu % BITS_PER_BYTE);
  if (libc.symbols.sched_setaffinity(THIS_THREAD, BigInt(cpus.length), cpus) === 0) return;
  const reason = errorText(libc, errno(libc));
  throw new HostError(
    "sched_setaffinity",
    `Cannot bind a worker to CPU ${cpu}: ${reason}`,
    ExitCode.UNAVAILABLE,
    {
      remedy: "Choose director.cpus among those of `grep Cpus_allowed_list /proc/self/status`",
    },
  );
}
