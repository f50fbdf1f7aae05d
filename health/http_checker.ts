/**
 * Health check `http`: a GET request is answered with the wanted status code. Redirects are not followed and the body
 * is not read. The request goes to the real server's own address, which is also what its `Host` header says.
 *
 * @module
 */

import type { HttpCheck } from "../model/config.ts";
import { hostOfUrl } from "../model/ip_address.ts";
import { type Answer, type Checker, type CheckResult, runAttempt } from "./checker.ts";

export class HttpChecker implements Checker {
  readonly #address: string;
  readonly #check: HttpCheck;

  constructor(address: string, check: HttpCheck) {
    this.#address = address;
    this.#check = check;
  }

  /** Sends one request over a connection of its own. */
  check(timeoutMs: number, signal: AbortSignal): Promise<CheckResult> {
    const attempt = {
      subject: `HTTP ${hostOfUrl(this.#address)}:${this.#check.port}${this.#check.path}`,
      ask: (signal: AbortSignal) => this.#request(signal),
    };
    return runAttempt(attempt, timeoutMs, signal);
  }

  async #request(signal: AbortSignal): Promise<Answer> {
    const { port, path, status } = this.#check;
    // A client of its own: no idle connection may hide a closed port. Naming the peer as a "proxy" keeps the proxies of
    // the environment out.
    using client = Deno.createHttpClient({
      proxy: { transport: "tcp", hostname: hostOfUrl(this.#address), port },
      poolMaxIdlePerHost: 0,
    });
    const response = await fetch(`http://${hostOfUrl(this.#address)}:${port}${path}`, {
      client,
      signal,
      redirect: "manual",
      headers: { "user-agent": "lvsdr" },
    });
    await response.body?.cancel();
    const passed = response.status === status;
    return { passed, outcome: `answered ${response.status}${passed ? "" : `, wanted ${status}`}` };
  }
}
