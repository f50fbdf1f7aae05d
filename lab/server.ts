/**
 * The web server of a lab's real server: it says who it is and whom it sees, and moves bytes both ways in a form
 * that either side can verify.
 *
 * | request              | answer                                                          |
 * | -------------------- | --------------------------------------------------------------- |
 * | `GET /`              | name and client address, one line of text                       |
 * | `GET /bytes/N`       | N bytes that look random and are the same every time            |
 * | `PUT, POST /sha256`  | SHA-256 and length in bytes of the uploaded body                |
 * | `GET /healthz`       | `ok`                                                            |
 *
 * Every answer carries the server's name in `x-real-server`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";

export interface LabServerOptions {
  readonly name: string;
  /** Address to listen on; `0.0.0.0` and `::` are all of a family. */
  readonly address: string;
  readonly port: number;
}

const CHUNK_BYTES = 64 * 1024;

/**
 * Serves until SIGTERM or SIGINT.
 *
 * @throws {HostError} If the port is taken or may not be used.
 */
export async function runLabServer(options: LabServerOptions): Promise<ExitCode> {
  const { name, address, port } = options;
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  try {
    const server = Deno.serve(
      { port, hostname: address, signal: stop.signal, onListen: () => {} },
      (request, info) => answer(name, request, info.remoteAddr.hostname),
    );
    Deno.addSignalListener("SIGTERM", onSignal);
    Deno.addSignalListener("SIGINT", onSignal);
    await server.finished;
    return ExitCode.OK;
  } catch (cause) {
    const step = `listen on TCP port ${port}`;
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new HostError(step, `Cannot ${step}: another program has it`, ExitCode.UNAVAILABLE, { cause });
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new HostError(step, `Cannot ${step}: permission denied`, ExitCode.NO_PERMISSION, { cause });
    }
    throw cause;
  } finally {
    Deno.removeSignalListener("SIGTERM", onSignal);
    Deno.removeSignalListener("SIGINT", onSignal);
  }
}

/** The answer of the real server `name` to one request of `client`. */
export async function answer(name: string, request: Request, client: string): Promise<Response> {
  const headers = { "x-real-server": name };
  const { pathname } = new URL(request.url);
  const bytes = /^\/bytes\/(\d{1,12})$/.exec(pathname)?.[1];
  if (bytes !== undefined) {
    return new Response(deterministicBytes(Number(bytes)), {
      headers: { ...headers, "content-type": "application/octet-stream", "content-length": bytes },
    });
  }
  switch (pathname) {
    case "/":
      return new Response(`${name} answers ${client}\n`, { headers });
    case "/healthz":
      return new Response("ok\n", { headers });
    case "/sha256": {
      if (request.method !== "PUT" && request.method !== "POST") {
        return new Response("PUT or POST a body here\n", {
          status: 405,
          headers: { ...headers, allow: "PUT, POST" },
        });
      }
      const { sha256, length } = await digest(request.body ?? emptyStream());
      return new Response(`${sha256} ${length}\n`, { headers });
    }
    default:
      return new Response("Not found\n", { status: 404, headers });
  }
}

/** The first `length` bytes of one endless sequence that looks random and is always the same. */
export function deterministicBytes(length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = length;
  let state = 1;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close();
      const chunk = new Uint32Array(CHUNK_BYTES / 4);
      for (let i = 0; i < chunk.length; i++) {
        // xorshift32 (Marsaglia 2003): period 2^32 − 1, so no two chunks of a file are alike.
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        chunk[i] = state;
      }
      const bytes = new Uint8Array(chunk.buffer, 0, Math.min(left, CHUNK_BYTES));
      left -= bytes.length;
      controller.enqueue(bytes);
    },
  });
}

/** SHA-256 in hexadecimal digits, and length in bytes, of everything that comes out of a stream. */
export async function digest(
  stream: ReadableStream<Uint8Array>,
): Promise<{ readonly sha256: string; readonly length: number }> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { sha256: hash.digest("hex"), length };
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
