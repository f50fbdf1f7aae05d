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
} as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];
