/**
 * The kernel's count of packets that the reverse path filter did not let in.
 *
 * @module
 */

import { runCommand } from "../../host/command.ts";

/** Packets that the reverse path filter dropped since boot. */
export async function readReversePathDrops(): Promise<number> {
  return parseReversePathDrops((await runCommand("cat", ["/proc/net/netstat"])).stdout);
}

/** `IPReversePathFilter` of /proc/net/netstat, whose names and numbers are in two lines. */
export function parseReversePathDrops(text: string): number {
  const [names = [], numbers = []] = text.split("\n").filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  return Number(numbers[names.indexOf("IPReversePathFilter")] ?? "0");
}
