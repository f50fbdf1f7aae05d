/**
 * What a host is in its cluster, and how that can be told.
 *
 * @module
 */

import { type Link, linkHolding } from "../../host/links.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import type { ConfigFile } from "../finding.ts";
import type { Role } from "./facts.ts";

/** What tells a role. */
export interface RoleClues {
  /** What the operator says, or `null`. */
  readonly asked: Role | null;
  readonly runDir: string;
  /** Whether there is a director's socket in the run directory. */
  readonly hasSocket: boolean;
  /** Whether there is a journal of `lvsdr realserver` in the run directory. */
  readonly hasJournal: boolean;
  /** Whether there is one of `lvsdr director`; one that has ended may have left that alone. */
  readonly hasDirectorJournal: boolean;
  readonly file: ConfigFile | null;
  readonly links: readonly Link[];
}

export interface RoleChoice {
  readonly role: Role;
  /** For people, as the end of `This host is a director: …`. */
  readonly reason: string;
}

/**
 * The role of a host: what the operator says, else what runs here, else what the configuration says of this host.
 *
 * @throws {OperatorError} If nothing tells.
 */
export function chooseRole(clues: RoleClues): RoleChoice {
  const { asked, runDir, hasSocket, hasJournal, hasDirectorJournal, file, links } = clues;
  if (asked !== null) return { role: asked, reason: "as asked for" };
  if (hasSocket) return { role: "director", reason: `${runDir} has a director's socket` };
  if (hasJournal) return { role: "realserver", reason: `${runDir} has the journal of lvsdr realserver` };
  if (file !== null) {
    const own = ownServer(file, links);
    return own === null
      ? { role: "director", reason: `none of its addresses is among the servers of ${file.path}` }
      : { role: "realserver", reason: `${file.path} lists ${own} under servers` };
  }
  // The last clue: it may have been left long ago, and this host be something else by now.
  if (hasDirectorJournal) return { role: "director", reason: `${runDir} has the journal of lvsdr director` };
  throw new OperatorError(
    `Cannot tell what this host is: neither lvsdr director nor lvsdr realserver runs with "${runDir}" or has left anything there`,
    ExitCode.USAGE,
    { remedy: "Name the cluster's configuration with -c FILE, or the role's run directory with --run-dir" },
  );
}

/** The address of this host that a configuration lists under servers, or `null`. */
export function ownServer({ config }: ConfigFile, links: readonly Link[]): string | null {
  const servers = config.services.flatMap(({ servers }) => servers);
  return servers.find(({ address }) => linkHolding(links, address) !== null)?.address ?? null;
}
