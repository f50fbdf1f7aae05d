/**
 * Opens the status port on the host's own addresses, those by which the director knows it, and on no other: a VIP is
 * for clients.
 *
 * @module
 */

import type { Report } from "../host/change_host.ts";
import type { RealServerStatusConfig } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import type { HostStatus } from "../model/host_status.ts";
import { endpointText } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { createStatusApp } from "./status_app.ts";
import type { StatusTask } from "./status_task.ts";

/** Pause before an address that cannot be used yet is tried again. */
const RETRY_MS = 1_000;

/** What is told; `null` while nothing is known. */
type StatusSource = () => HostStatus | null;

/** The open port, until disposal. */
export class StatusEndpoint implements AsyncDisposable {
  readonly #app: ReturnType<typeof createStatusApp>;
  readonly #port: number;
  readonly #report: Report;
  readonly #stopped = new AbortController();
  readonly #servers: Deno.HttpServer[] = [];
  readonly #retries = new Map<string, ReturnType<typeof setTimeout>>();
  /** Addresses whose port somebody else was found to have at a later try. */
  readonly #taken = new Set<string>();

  private constructor({ token, port }: RealServerStatusConfig, status: StatusSource, report: Report) {
    this.#app = createStatusApp({ token, status, nowMs: () => performance.now() });
    this.#port = port;
    this.#report = report;
  }

  /**
   * Opens the port on every address of a task. One that cannot be used yet, as an IPv6 address is while its uniqueness
   * is tested (RFC 4862 §5.4), is tried again each second, also when somebody else has taken the port meanwhile.
   *
   * @throws {OperatorError} If the port is taken; then it is open nowhere.
   */
  static async open(task: StatusTask, status: StatusSource, report: Report): Promise<StatusEndpoint> {
    const endpoint = new StatusEndpoint(task.config, status, report);
    try {
      for (const address of task.addresses) endpoint.#listen(address);
      return endpoint;
    } catch (error) {
      await endpoint[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    for (const timer of this.#retries.values()) clearTimeout(timer);
    await Promise.all(this.#servers.map((server) => server.finished));
  }

  #listen(address: string): void {
    const where = endpointText(address, this.#port);
    try {
      const options = { hostname: address, port: this.#port, signal: this.#stopped.signal };
      this.#servers.push(Deno.serve({ ...options, onListen: () => {} }, this.#app.fetch));
      this.#report(`status at http://${where}/api/v1/status`);
    } catch (cause) {
      if (cause instanceof Deno.errors.AddrInUse) throw portTaken(where, this.#port, cause);
      if (!(cause instanceof Deno.errors.AddrNotAvailable)) throw cause;
      if (!this.#retries.has(address)) this.#report(`status not at ${where} yet: the address is not ready`);
      this.#retryLater(address);
    }
  }

  #retryLater(address: string): void {
    this.#retries.set(address, setTimeout(() => this.#retry(address), RETRY_MS));
  }

  #retry(address: string): void {
    try {
      this.#listen(address);
    } catch (error) {
      // What holds a host is not ended by a port that somebody else has taken meanwhile.
      if (!(error instanceof OperatorError)) throw error;
      if (!this.#taken.has(address)) this.#report(`${error.message} (${error.remedy})`);
      this.#taken.add(address);
      this.#retryLater(address);
    }
  }
}

function portTaken(where: string, port: number, cause: Error): OperatorError {
  return new OperatorError(`Cannot serve the status at ${where}: the port is taken`, ExitCode.UNAVAILABLE, {
    cause,
    remedy: `See who has it: ss -ltnp 'sport = :${port}'; or change realserver.status.port`,
  });
}
