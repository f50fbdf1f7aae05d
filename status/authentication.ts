/**
 * The token in front of everything but `/healthz`.
 *
 * Programs send it as `Authorization: Bearer TOKEN` (RFC 6750 §2.1). Browsers cannot, so it is also taken as the
 * password of HTTP Basic authentication (RFC 7617), with any user name: no cookie, no form, nothing to store.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { auth } from "hono/utils/basic-auth";

/** Where a request came from, told by the listener that accepted it. */
export interface Origin {
  /** Whoever may open the Unix socket has passed the file permissions and needs no token. */
  readonly isLocalSocket: boolean;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

function presentedToken(request: Request): string | null {
  const header = request.headers.get("Authorization") ?? "";
  const bearer = /^Bearer +(\S+) *$/i.exec(header);
  if (bearer !== null) return bearer[1]!;
  return auth(request)?.password ?? null;
}

/**
 * Lets requests pass that carry `token` or came through the Unix socket. Digests are compared, in constant time, so
 * that neither the content nor the length of the token can be measured.
 *
 * @param refuse Makes the body of the answer; status and challenge are added to it.
 */
export function requireToken(
  token: string,
  refuse: (request: Request) => Response,
): MiddlewareHandler<{ Bindings: Origin }> {
  const wanted = digest(token);
  return async (context, next) => {
    if (context.env?.isLocalSocket === true) return await next();
    const presented = presentedToken(context.req.raw);
    if (presented !== null && timingSafeEqual(digest(presented), wanted)) return await next();
    const response = refuse(context.req.raw);
    response.headers.append("WWW-Authenticate", 'Basic realm="lvsdr status", charset="UTF-8"');
    response.headers.append("WWW-Authenticate", 'Bearer realm="lvsdr status"');
    return response;
  };
}
