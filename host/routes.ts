/**
 * Which way the kernel would send packets, as ip(8) tells.
 *
 * @module
 */

import { runCommand } from "./command.ts";

/** The kernel's route to one address. */
export interface Route {
  /** Interface packets leave by. */
  readonly device: string;
  /** Whether the address is one of this host's own. */
  readonly isLocal: boolean;
  /** Whether the address is on the link of {@linkcode device}, so that no router is asked. */
  readonly isOnLink: boolean;
  /** Address of this host that the kernel sends from, or `null` if it has none. */
  readonly source: string | null;
}

interface RouteJson {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  /** A gateway of the other family. */
  readonly via?: unknown;
  readonly prefsrc?: string;
}

/**
 * The routes to canonical addresses, by address. One that cannot be reached is absent.
 *
 * @throws {HostError} If ip(8) is not installed.
 */
export async function readRoutes(addresses: Iterable<string>): Promise<Map<string, Route>> {
  const lines = [...new Set(addresses)].map((address) => `route get ${address}\n`);
  // The exit code is that of the worst line: one that names no route is no failure of the others.
  const { stdout } = await runCommand("ip", ["-json", "-force", "-batch", "-"], lines.join(""));
  return parseRoutes(stdout);
}

/** Routes from the output of `ip -json -batch` with lines of `route get`: one JSON array a line. */
export function parseRoutes(output: string): Map<string, Route> {
  const answers = output.split("\n").filter((line) => line.startsWith("["))
    .flatMap((line) => JSON.parse(line) as readonly RouteJson[]);
  return new Map(
    answers.filter(({ dev }) => dev !== undefined).map((answer) => [answer.dst, {
      device: answer.dev!,
      isLocal: answer.type === "local",
      // Other types, for example "broadcast" and "unreachable", reach no single host.
      isOnLink: (answer.type ?? "unicast") === "unicast" && answer.gateway === undefined &&
        answer.via === undefined,
      source: answer.prefsrc ?? null,
    }]),
  );
}
