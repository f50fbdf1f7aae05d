/**
 * The HTTP surface of a director: page, JSON, metrics, events and health. What can be read from afar is a view of one
 * `StatusSnapshot`; on the Unix socket the director also works things out.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { ExitCode } from "../model/exit_code.ts";
import type { Explanation } from "../model/explanation.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { AuditReport, StatusSnapshot } from "../model/status_snapshot.ts";
import { type Origin, requireToken } from "./authentication.ts";
import { streamEvents } from "./event_stream.ts";
import { requireLoopbackName } from "./host_name.ts";
import { METRICS_TYPE, renderMetrics } from "./metrics.ts";
import { MessagePage, StatusPage } from "./page.tsx";
import pageScript from "./page.js" with { type: "text" };
import pageStyle from "./page.css" with { type: "text" };

export interface AppOptions {
  /** The state of the director now. Called once per request, and once a second per listener of `/events`. */
  readonly snapshot: () => StatusSnapshot;
  /** Needed on everything but `/healthz`; `null` means nothing is needed. */
  readonly token: string | null;
  /** Whether the director forwards frames: `/healthz` answers 200 if so, 503 if not. */
  readonly isReady: () => boolean;
  /**
   * Asks every real server whether it would answer for a VIP; only whoever is on the Unix socket may have it done.
   *
   * @throws {OperatorError} If the director's interfaces cannot be looked at. That some cannot be asked is in the report.
   * @default there is no such route
   */
  readonly audit?: () => Promise<AuditReport>;
  /**
   * What the director would do with a connection; only whoever is on the Unix socket may have it worked out.
   *
   * @param words The client and the target of the connection, `ADDRESS:PORT` each, and its protocol.
   * @throws {OperatorError} If it is not to be understood, which its exit code tells, or cannot be answered.
   * @default there is no such route
   */
  readonly explain?: (
    words: { readonly client: string; readonly target: string; readonly protocol: string },
  ) => Promise<Explanation>;
}

/** `env` of a request tells where it came from; without it, it counts as one from the network. */
export type StatusApp = Hono<{ Bindings: Origin }>;

const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  connectSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", "data:"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** Answers in the format the client of `request` can read: JSON below `/api`, a page for browsers, else text. */
function answerPlainly(request: Request, status: number, title: string, advice: string): Response {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith("/api/")) return Response.json({ error: title, advice }, { status });
  if (!(request.headers.get("Accept") ?? "").includes("text/html")) {
    return new Response(`${title}: ${advice}\n`, {
      status,
      headers: { "Content-Type": "text/plain; charset=utf-8" },
    });
  }
  const page = "<!doctype html>" + <MessagePage title={title} advice={advice} />;
  return new Response(page, { status, headers: { "Content-Type": "text/html; charset=utf-8" } });
}

/** Answers with what `work` comes to, to whoever is on the Unix socket. */
async function answerOnSocket(
  { env, req }: Context<{ Bindings: Origin }>,
  work: () => Promise<unknown>,
): Promise<Response> {
  if (env?.isLocalSocket !== true) {
    return answerPlainly(req.raw, 403, "Not from here", "Use the Unix socket in the run directory");
  }
  try {
    return Response.json(await work());
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const status = error.exitCode === ExitCode.USAGE ? 400 : 503;
    return answerPlainly(req.raw, status, error.message, error.remedy ?? "Look at the director's log");
  }
}

/**
 * Makes the app; it opens no port.
 *
 * @example
 * ```ts
 * const app = createApp({ snapshot, token: null, isReady: () => true });
 * const response = await app.request("/api/v1/status");
 * ```
 */
export function createApp({ snapshot, token, isReady, audit, explain }: AppOptions): StatusApp {
  const app: StatusApp = new Hono();

  app.use(secureHeaders({
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    // These three mean nothing over plain HTTP, and browsers complain about them there.
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
  }));
  app.use(async (context, next) => {
    await next();
    context.header("Cache-Control", "no-store");
  });

  app.get("/healthz", (context) => isReady() ? context.text("ok\n") : context.text("not ready\n", 503));

  if (token === null) {
    app.use(requireLoopbackName((request) =>
      answerPlainly(
        request,
        403,
        "Not under this name",
        "Without status.token this port answers to localhost, 127.0.0.1 and [::1] only; set a token for other names",
      )
    ));
  } else {
    app.use(requireToken(token, (request) =>
      answerPlainly(
        request,
        401,
        "Token needed",
        "Send the configured status.token as a bearer token or, in a browser, as the password with any user name",
      )));
  }

  app.get("/", (context) => context.html("<!doctype html>" + <StatusPage snapshot={snapshot()} />));
  app.get(
    "/page.css",
    (context) => context.body(pageStyle, 200, { "Content-Type": "text/css; charset=utf-8" }),
  );
  app.get(
    "/page.js",
    (context) => context.body(pageScript, 200, { "Content-Type": "text/javascript; charset=utf-8" }),
  );
  app.get("/api/v1/status", (context) => context.json(snapshot()));
  if (audit !== undefined) app.post("/api/v1/audit", (context) => answerOnSocket(context, audit));
  if (explain !== undefined) {
    app.get("/api/v1/explain", (context) => {
      const word = (name: string) => context.req.query(name) ?? "";
      const words = { client: word("client"), target: word("target"), protocol: word("protocol") };
      return answerOnSocket(context, async () => await explain(words));
    });
  }
  app.get(
    "/metrics",
    (context) => context.body(renderMetrics(snapshot()), 200, { "Content-Type": METRICS_TYPE }),
  );
  app.get("/events", streamEvents(snapshot));
  app.notFound((context) =>
    answerPlainly(
      context.req.raw,
      404,
      "Not found",
      "There are /, /api/v1/status, /metrics, /events and /healthz, to be read with GET",
    )
  );
  return app;
}
