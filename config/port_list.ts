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
    return refused(
      `Cannot read port ${quote(text)}: write a port from 1 to 65535 or a range such as "8000-8010"`,
    );
  }
  if (first > last) {
    return refused(`Cannot use port range ${quote(text)}: it is inverted, write "${last}-${first}"`);
  }
  return understood({ first, last });
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
