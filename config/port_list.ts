/**
 * The ports of a virtual service between the operator's form (`[80, "8000-8010"]`, `any`) and ranges.
 *
 * @module
 */

import type { PortRange } from "../model/config.ts";
import { quote, type Reading, refused, understood } from "./reading.ts";

export const HIGHEST_PORT = 65_535;

/** Shape of a port or of a port range in text, for editors. */
export const PORT_RANGE_PATTERN = "^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$";

/** What `ports: any` means. */
export const ANY_PORT: PortRange = { first: 1, last: HIGHEST_PORT };

/** Reads `8000-8010`, both ends included, or a single port in text. */
export function readPortRange(text: string): Reading<PortRange> {
  const [firstText = "", lastText = firstText] = text.split("-");
  const first = Number(firstText);
  const last = Number(lastText);
  if (!new RegExp(PORT_RANGE_PATTERN).test(text) || first > HIGHEST_PORT || last > HIGHEST_PORT) {
    return refused(`Cannot read port ${quote(text)}: ${portRemedy(text)}`);
  }
  if (first > last) {
    return refused(`Cannot use port range ${quote(text)}: it is inverted, write "${last}-${first}"`);
  }
  return understood({ first, last });
}

function portRemedy(text: string): string {
  if (isServiceName(text)) return nameRemedy(text);
  const translation = translationRemedy(text);
  if (translation !== null) return translation;
  const spelled = spelledPorts(text);
  if (spelled === null) return 'write a port from 1 to 65535 or a range such as "8000-8010"';
  return spelled.length === 1
    ? `write ${spelled[0]}`
    : `write ${spelled.join(", ")}, each an entry of its own`;
}

/** Whether a text looks like the name of a port, services(5). */
export function isServiceName(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/i.test(text);
}

/** What to do with the name of a port. */
export function nameRemedy(name: string): string {
  return `write its number, which this tells: getent services ${name}`;
}

/** What to write instead of `80:8080`: a port and the one it becomes, or a range; `null` if it is no such text. */
export function translationRemedy(text: string): string | null {
  const [, port, local] = /^([1-9][0-9]{0,4}):([1-9][0-9]{0,4})$/.exec(text) ?? [];
  if (Number(port) <= HIGHEST_PORT && Number(local) <= HIGHEST_PORT) {
    const range = Number(port) < Number(local) ? `; a range is "${port}-${local}"` : "";
    return `write port: ${port}, and port: ${local} in each server, with realserver.method: redirect${range}`;
  }
  return null;
}

/** Ports in this program's form that are written in another one, such as `80,443`; `null` if there is none. */
export function spelledPorts(text: string): (number | string)[] | null {
  const parts = text.replace(/\s*-\s*/g, "-").split(/[,;\s]+/);
  const isPorts = parts.every((part) => {
    const [first, last = first] = part.split("-").map(Number);
    return new RegExp(PORT_RANGE_PATTERN).test(part) && first! <= last! && last! <= HIGHEST_PORT;
  });
  return isPorts ? parts.map((part) => part.includes("-") ? part : Number(part)) : null;
}

/** Whether two ranges have a port in common. */
export function overlap(one: PortRange, other: PortRange): boolean {
  return one.first <= other.last && other.first <= one.last;
}

/** Text of ports: `80,443`, `8000-8010` or `any`; the form of `StatusSnapshot`. */
export function formatPorts(ports: readonly PortRange[]): string {
  return ports.map(formatRange).join(",");
}

/** Text of one range: `80`, `8000-8010` or `any`. */
export function formatRange({ first, last }: PortRange): string {
  if (first === ANY_PORT.first && last === ANY_PORT.last) return "any";
  return first === last ? String(first) : `${first}-${last}`;
}
