/**
 * Where the status page listens, as an operator writes it.
 *
 * @module
 */

import { isIP } from "node:net";
import type { ListenAddress } from "../model/config.ts";
import { isInPrefix } from "../model/ip_address.ts";
import { canonicalAddress } from "./address.ts";
import { HIGHEST_PORT } from "./port_list.ts";
import { quote, type Reading, refused, understood } from "./reading.ts";

/**
 * Reads `ADDRESS:PORT`, `[IPV6]:PORT`, or `off` as `null`. The address may be 0.0.0.0 or `::`: every address of the
 * host.
 */
export function readListen(text: string): Reading<ListenAddress | null> {
  if (text === "off") return understood(null);
  const [, bracketed, bare, portText] = /^(?:\[([^[\]]*)\]|([^:]*)):([1-9][0-9]{0,4})$/.exec(text) ?? [];
  const host = bracketed ?? bare ?? "";
  const port = Number(portText);
  const isWritable = isIP(host) === (bracketed === undefined ? 4 : 6) && port <= HIGHEST_PORT;
  const address = isWritable ? canonicalAddress(host) : null;
  if (address === null) {
    return refused(
      `Cannot listen on ${quote(text)}: write ADDRESS:PORT such as 127.0.0.1:8480 or "[::1]:8480", ` +
        '0.0.0.0:8480 or "[::]:8480" for every address, or off',
    );
  }
  if (!address.ok) return address;
  if (isInPrefix(address.value, "fe80::", 10)) {
    return refused(
      `Cannot listen on ${
        quote(text)
      }: it is a link-local address, which means another host on every link, ` +
        "use a global or unique local one",
    );
  }
  return understood({ host: address.value, port });
}
