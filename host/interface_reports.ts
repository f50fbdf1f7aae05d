/**
 * Hearing from the kernel, through `ip monitor`, of interfaces and addresses that change (ip-monitor(8)).
 *
 * @module
 */

/** The program. Whoever listens for a part of what it tells starts this one all the same: it is shared. */
export const INTERFACE_REPORTS: readonly string[] = ["ip", "-oneline", "monitor", "link", "address"];

/** Whether a line tells that an interface itself has come, gone or changed; the others are about its addresses. */
export function isOfLink(line: string): boolean {
  return /^(Deleted )?\d+: \S+: </.test(line);
}

/** Whether a line is about one of these interfaces, by their numbers. */
export function isOfInterface(line: string, indexes: readonly number[]): boolean {
  const [, index] = /^(?:Deleted )?(\d+): /.exec(line) ?? [];
  return index !== undefined && indexes.includes(Number(index));
}
