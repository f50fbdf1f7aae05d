/**
 * The question of `lvsdr explain` as an operator writes it.
 *
 * @module
 */

import { readAddress, readVip } from "../config/address.ts";
import type { Reading } from "../config/reading.ts";
import { ExitCode } from "../model/exit_code.ts";
import type { ExplainQuestion } from "../model/explanation.ts";
import { familyOf } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";

const FORMS = "Write CLIENT[:PORT] VIP:PORT, for example 198.51.100.7:40000 192.0.2.10:80; " +
  "IPv6 as [2001:db8:1::7]:40000 [2001:db8::10]:80";

/** The words of a question. */
export interface QuestionWords {
  /** `ADDRESS` or `ADDRESS:PORT`. */
  readonly client: string;
  /** `ADDRESS:PORT`. */
  readonly target: string;
  readonly protocol: string;
}

/**
 * Reads a question.
 *
 * @throws {OperatorError} If it is none.
 */
export function readQuestion({ client, target, protocol }: QuestionWords): ExplainQuestion {
  if (protocol !== "tcp" && protocol !== "udp") {
    throw refusal(`Unknown protocol "${protocol}"`, "Use tcp or udp");
  }
  const from = endpointOf(client);
  const to = endpointOf(target);
  const port = to.port === null ? null : portOf(to.port);
  if (port === null) throw refusal(`"${target}" does not name a port`, FORMS);
  const question = {
    client: addressOf(readAddress(from.address)),
    clientPort: from.port === null ? null : portOf(from.port),
    vip: addressOf(readVip(to.address)),
    port,
    protocol,
  } as const;
  if (familyOf(question.client) !== familyOf(question.vip)) {
    throw refusal(`Client ${question.client} and VIP ${question.vip} are of different families`, FORMS);
  }
  return question;
}

/** Splits `192.0.2.10:80`, `[2001:db8::10]:80`, or either without a port; a bare IPv6 address has none. */
function endpointOf(text: string): { readonly address: string; readonly port: string | null } {
  const [, bracketed, bracketedPort] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? [];
  if (bracketed !== undefined) return { address: bracketed, port: bracketedPort ?? null };
  const parts = text.split(":");
  return parts.length === 2 ? { address: parts[0]!, port: parts[1]! } : { address: text, port: null };
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^[1-9]\d{0,4}$/.test(text) || port > 65_535) {
    throw refusal(`"${text}" is no port: ports are numbers from 1 to 65535`, FORMS);
  }
  return port;
}

function addressOf(reading: Reading<string>): string {
  if (!reading.ok) throw refusal(reading.message, FORMS);
  return reading.value;
}

function refusal(message: string, remedy: string): OperatorError {
  return new OperatorError(message, ExitCode.USAGE, { remedy });
}
