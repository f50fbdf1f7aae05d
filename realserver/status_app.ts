/**
 * The read-only HTTP surface of a real server: `GET /api/v1/status`, and nothing without the token.
 *
 * @module
 */

import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { HTTPException } from "hono/http-exception";
import type { HostStatus } from "../model/host_status.ts";
import { RateLimit } from "./rate_limit.ts";

const STATUS_PATH = "/api/v1/status";

/** Answers a second with the token, and as many refusals: whoever has no token takes nothing from whoever has it. */
const ANSWERS_PER_SECOND = 10;
const BURST = 20;

export interface StatusAppOptions {
  /** Compared in constant time. */
  readonly token: string;
  /** `null` while the host has not been looked at. */
  readonly status: () => HostStatus | null;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** Makes the app; it opens no port. */
export function createStatusApp({ token, status, nowMs }: StatusAppOptions): Hono {
  const answers = new RateLimit(ANSWERS_PER_SECOND, BURST, nowMs());
  const refusals = new RateLimit(ANSWERS_PER_SECOND, BURST, nowMs());
  const tooMany = () => refusal(429, "Too many requests", { "Retry-After": "1" });
  const app = new Hono();

  app.onError((error, context) => {
    if (!(error instanceof HTTPException)) throw error;
    if (!refusals.take(nowMs())) return tooMany();
    const challenge = error.getResponse().headers.get("WWW-Authenticate") ?? "Bearer";
    context.header("WWW-Authenticate", challenge);
    return context.json({ error: "Token needed: send realserver.status.token as a bearer token" }, 401);
  });
  app.use(async (context, next) => {
    await next();
    context.header("Cache-Control", "no-store");
    context.header("X-Content-Type-Options", "nosniff");
  });
  app.use(bearerAuth({ token, realm: "lvsdr real server" }));
  app.use((_context, next) => answers.take(nowMs()) ? next() : Promise.resolve(tooMany()));

  app.get(STATUS_PATH, (context) => {
    const current = status();
    return current === null
      ? refusal(503, "Not verified yet", { "Retry-After": "1" })
      : context.json(current);
  });
  app.all(STATUS_PATH, () => refusal(405, "Only GET is possible", { Allow: "GET, HEAD" }));
  app.notFound(() => refusal(404, `There is only ${STATUS_PATH}`));
  return app;
}

function refusal(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers });
}
