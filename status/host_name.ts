/**
 * The guard of a status port that asks for no token.
 *
 * Such a port is open to this machine only, but a browser on it runs scripts of strangers. One from `evil.example`
 * could read the answers if that name, asked for again, led to 127.0.0.1 (DNS rebinding). The browser then still says
 * `Host: evil.example`, which no honest reader of a loopback port does.
 *
 * @module
 */

import { isIP } from "node:net";
import type { MiddlewareHandler } from "hono";
import { isLoopback } from "../model/ip_address.ts";
import type { Origin } from "./authentication.ts";

/** Whether `host` is a name or an address that only this machine can be reached by. */
function isLoopbackName(host: string): boolean {
  return host === "localhost" || (isIP(host) !== 0 && isLoopback(host));
}

/** The name of a `Host` header (RFC 9110 §7.2) without the port, which a tunnel may change, and without brackets. */
function nameOf(header: string): string {
  return header.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1").toLowerCase();
}

/**
 * Lets requests pass that were sent to a loopback name or address, which is where a port without a token listens, or
 * that came through the Unix socket.
 *
 * @param refuse Makes the answer to the others.
 */
export function requireLoopbackName(
  refuse: (request: Request) => Response,
): MiddlewareHandler<{ Bindings: Origin }> {
  return async (context, next) => {
    if (context.env?.isLocalSocket === true) return await next();
    const { raw } = context.req;
    const name = nameOf(raw.headers.get("Host") ?? new URL(raw.url).host);
    return isLoopbackName(name) ? await next() : refuse(raw);
  };
}
