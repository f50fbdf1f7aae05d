/**
 * Health check `tcp`: a connection can be opened.
 *
 * @module
 */

import { hostOfUrl } from "../model/ip_address.ts";
import { type Checker, type CheckResult, runAttempt } from "./checker.ts";

export class TcpChecker implements Checker {
  readonly #address: string;
  readonly #port: number;

  constructor(address: string, port: number) {
    this.#address = address;
    this.#port = port;
  }

  /** Opens a connection and closes it at once, without sending anything. */
  check(timeoutMs: number, signal: AbortSignal): Promise<CheckResult> {
    const attempt = {
      subject: `TCP ${hostOfUrl(this.#address)}:${this.#port}`,
      ask: async (signal: AbortSignal) => {
        const connection = await Deno.connect({ hostname: this.#address, port: this.#port, signal });
        connection.close();
        return { passed: true, outcome: "connected" };
      },
    };
    return runAttempt(attempt, timeoutMs, signal);
  }
}
