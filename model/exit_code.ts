/**
 * Exit codes of the command line, after sysexits(3) where it names one.
 *
 * @module
 */

export const ExitCode = {
  /** Done, or everything checked is healthy. */
  OK: 0,
  /** Failed, or something checked is unhealthy. */
  FAILED: 1,
  /** The command line cannot be understood (`EX_USAGE`). */
  USAGE: 64,
  /** Something needed is missing: a library, a program, an interface, a port (`EX_UNAVAILABLE`). */
  UNAVAILABLE: 69,
  /** The process lacks a privilege (`EX_NOPERM`). */
  NO_PERMISSION: 77,
  /** The configuration cannot be used (`EX_CONFIG`). */
  CONFIG: 78,
  /** Stopped by SIGHUP before it was done; like those below what a shell makes of it, 128 and the signal's number (signal(7)). */
  HUNG_UP: 129,
  /** Stopped by SIGINT, as Ctrl-C sends it, before it was done. */
  INTERRUPTED: 130,
  /** Stopped by SIGTERM before it was done. */
  TERMINATED: 143,
} as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];
