/**
 * Interfaces that frames can be sent and received on, told from all others.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { shellCommand } from "./command.ts";
import type { Link } from "./links.ts";

/** An interface frames can be sent and received on. */
export interface EthernetLink extends Link {
  readonly mac: string;
}

/** What is said where an interface is none of Ethernet. */
export interface EthernetRefusal {
  readonly exitCode: ExitCode;
  readonly remedy: string;
}

/**
 * The interface of a name.
 *
 * @param remedyFor What helps where there is none, made of the names that there are.
 * @throws {OperatorError} If there is none.
 */
export function namedLink(links: readonly Link[], name: string, remedyFor: (names: string) => string): Link {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  throw new OperatorError(`There is no interface "${name}"`, ExitCode.UNAVAILABLE, {
    remedy: remedyFor(links.map((candidate) => candidate.name).join(", ")),
  });
}

/**
 * An interface that can be used.
 *
 * @throws {OperatorError} If it is none of Ethernet, or down.
 */
export function ethernetLink(link: Link, { exitCode, remedy }: EthernetRefusal): EthernetLink {
  const { mac } = link;
  if (mac === null || link.isLoopback) {
    throw new OperatorError(`Interface "${link.name}" is no Ethernet interface`, exitCode, { remedy });
  }
  if (!link.isUp) {
    throw new OperatorError(`Interface "${link.name}" is down`, ExitCode.UNAVAILABLE, {
      remedy: shellCommand(["ip", "link", "set", link.name, "up"]),
    });
  }
  return { ...link, mac };
}
