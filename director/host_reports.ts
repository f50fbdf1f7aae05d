/**
 * Asks the real servers what they say of their own hosts, where `realserver.status` is configured. What they say, and
 * that they say nothing, is shown and has no other consequence: health is the checks' business.
 *
 * @module
 */

import { z } from "zod";
import { type Answer, runAttempt } from "../health/checker.ts";
import { hostOfUrl } from "../model/ip_address.ts";
import { type Config, METHODS, type RealServerStatusConfig, serverAddresses } from "../model/config.ts";
import type { HostReport } from "../model/status_snapshot.ts";

/** Time from the end of one round to the next. */
const ROUND_MS = 10_000;
const TIMEOUT_MS = 3_000;
/** Real servers that are asked at a time. */
const AT_A_TIME = 16;

/** Far more than a real server has to say; the rest of a longer answer is not read. */
const MOST_BYTES = 1 << 20;
const MOST_FACTS = 20;
const MOST_CHARACTERS = 200;

/** As much of model/host_status.ts as is shown. It comes from another host, and is looked at before it is believed. */
const answerSchema = z.object({
  method: z.enum(METHODS),
  facts: z.array(z.object({ fact: z.string(), ok: z.boolean() })),
  trouble: z.string().nullable(),
  load: z.object({ averages: z.tuple([z.number(), z.number(), z.number()]), cpus: z.number() }),
});

export class HostReports {
  readonly #reports = new Map<string, HostReport>();
  readonly #stopped = new AbortController();
  #status: RealServerStatusConfig | null = null;
  #servers: ReadonlySet<string> = new Set();
  #timer = 0;

  /** Asks the real servers of this configuration from now on; what others said is forgotten. */
  adopt({ services, realserver }: Config): void {
    this.#status = realserver.status;
    this.#servers = new Set(realserver.status === null ? [] : serverAddresses({ services }));
    for (const server of this.#reports.keys()) if (!this.#servers.has(server)) this.#reports.delete(server);
  }

  /** What a real server last said; `null` if it was not asked yet, or is not to be asked. */
  reportOf(server: string): HostReport | null {
    return this.#reports.get(server) ?? null;
  }

  /** Asks at once, and every ten seconds from now on. */
  start(): void {
    void this.#askAndRepeat();
  }

  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
  }

  async #askAndRepeat(): Promise<void> {
    const servers = [...this.#servers];
    while (servers.length > 0) {
      await Promise.all(servers.splice(0, AT_A_TIME).map((server) => this.#ask(server)));
    }
    if (this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#askAndRepeat(), ROUND_MS);
  }

  async #ask(server: string): Promise<void> {
    const status = this.#status;
    if (status === null) return;
    let report: HostReport | null = null;
    const attempt = {
      subject: `${hostOfUrl(server)}:${status.port}`,
      ask: async (signal: AbortSignal): Promise<Answer> => {
        const response = await request(server, status, signal);
        if (typeof response !== "string") return { passed: false, outcome: `answered ${response.status}` };
        report = readReport(response);
        return { passed: report !== null, outcome: "answered something that is no status of a real server" };
      },
    };
    const { message } = await runAttempt(attempt, TIMEOUT_MS, this.#stopped.signal);
    // A reload meanwhile may have taken the real server away, or given its port another token.
    if (this.#stopped.signal.aborted || status !== this.#status || !this.#servers.has(server)) return;
    this.#reports.set(server, report ?? { kind: "silent", at: new Date().toISOString(), reason: message });
  }
}

/** The text a real server answers, or the status code it refuses with. */
async function request(
  server: string,
  { port, token }: RealServerStatusConfig,
  signal: AbortSignal,
): Promise<string | { readonly status: number }> {
  const hostname = hostOfUrl(server);
  // Naming the peer as a "proxy" keeps the proxies of the environment out, and the token with them.
  using client = Deno.createHttpClient({
    proxy: { transport: "tcp", hostname, port },
    poolMaxIdlePerHost: 0,
  });
  const response = await fetch(`http://${hostname}:${port}/api/v1/status`, {
    client,
    signal,
    redirect: "manual",
    headers: { "authorization": `Bearer ${token}`, "user-agent": "lvsdr" },
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    return { status: response.status };
  }
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > MOST_BYTES) break;
  }
  return text;
}

/** What an answer says; `null` if it is no status of a real server. */
export function readReport(text: string): HostReport | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { success, data } = answerSchema.safeParse(json);
  if (!success) return null;
  const { method, facts, trouble, load } = data;
  const wrong = facts.filter(({ ok }) => !ok);
  return {
    kind: "told",
    at: new Date().toISOString(),
    method,
    factsWrong: wrong.length,
    wrongFacts: wrong.slice(0, MOST_FACTS).map(({ fact }) => fact.slice(0, MOST_CHARACTERS)),
    trouble: trouble?.slice(0, MOST_CHARACTERS) ?? null,
    load,
  };
}
