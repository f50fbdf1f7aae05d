/**
 * Transfers by curl(1) that last as long as a test wants: each side waits for the test to go on.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Namespace } from "../../lab/namespace.ts";

/** An upload whose bytes the test hands over bit by bit. */
export class SlowUpload {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #messages: Promise<string>;
  readonly #hash = createHash("sha256");

  constructor(client: Namespace, url: string) {
    this.#child = curl(client, ["--upload-file", "-", url], { stdin: "piped", stdout: "null" });
    this.#writer = this.#child.stdin.getWriter();
    this.#messages = new Response(this.#child.stderr).text();
  }

  async send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#hash.update(bytes);
    await this.#writer.write(bytes);
  }

  /** Ends it and returns the SHA-256 of what was sent. */
  async finish(): Promise<string> {
    await this.#writer.close();
    assert.equal((await this.#child.status).code, 0, await this.#messages);
    return this.#hash.digest("hex");
  }
}

/** A download that the test takes bit by bit. It must be larger than what the hosts between can hold. */
export class SlowDownload {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #messages: Promise<string>;
  readonly #hash = createHash("sha256");

  constructor(client: Namespace, url: string) {
    this.#child = curl(client, [url], { stdin: "null", stdout: "piped" });
    this.#reader = this.#child.stdout.getReader();
    this.#messages = new Response(this.#child.stderr).text();
  }

  /** Takes at least so many bytes more. */
  async receive(bytes: number): Promise<void> {
    for (let received = 0; received < bytes;) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`The download has ended: ${await this.#messages}`);
      this.#hash.update(value);
      received += value.length;
    }
  }

  /** Takes the rest and returns the SHA-256 of all of it. */
  async finish(): Promise<string> {
    for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) {
      this.#hash.update(part.value);
    }
    assert.equal((await this.#child.status).code, 0, await this.#messages);
    return this.#hash.digest("hex");
  }
}

/** SHA-256 of a file. */
export async function fileHash(path: string): Promise<string> {
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}

function curl(client: Namespace, args: readonly string[], streams: Deno.CommandOptions): Deno.ChildProcess {
  const words = ["netns", "exec", client.name, "curl", "-sSf", "--no-buffer", ...args];
  return new Deno.Command("ip", { args: words, stderr: "piped", ...streams }).spawn();
}
