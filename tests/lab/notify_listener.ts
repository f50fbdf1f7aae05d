/**
 * What systemd does for a unit of `Type=notify`: a Unix datagram socket that roles report to. Only a Deno with the flag
 * --unstable-net can open one, so it is another process's.
 *
 * @module
 */

import { isInstalled } from "../../host/command.ts";

/** Time after which a report that does not come fails its test. Generous: the machine may be busy. */
const GIVE_UP_MS = 60_000;

/** Why these tests cannot run here, or `null` if they can. */
export const notifyObstacle: string | null = isInstalled("systemd-notify")
  ? null
  : "systemd-notify is not installed: apt-get install systemd";

const LISTENER = `
const socket = Deno.listenDatagram({ transport: "unixpacket", path: Deno.args[0] });
console.log("listening");
for await (const [message] of socket) {
  console.log(new TextDecoder().decode(message).trim().replaceAll("\\n", " "));
}`;

export class NotifyListener implements AsyncDisposable {
  readonly path: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(path: string) {
    this.path = path;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--unstable-net", LISTENER, path],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Opens the socket. */
  static async open(path: string): Promise<NotifyListener> {
    const listener = new NotifyListener(path);
    await listener.until(/listening\n/);
    return listener;
  }

  /** Waits for text in what was reported, one line a message, and returns everything reported so far. */
  async until(pattern: RegExp): Promise<string> {
    // Its output ends with it.
    const timer = setTimeout(() => this.#kill(), GIVE_UP_MS);
    try {
      while (!pattern.test(this.#text)) {
        const { value, done } = await this.#lines.read();
        if (done) throw new Error(`Nobody has reported ${pattern}: ${this.#text}`);
        this.#text += value;
      }
      return this.#text;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#child.status;
    await this.#lines.cancel();
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It may have been killed before.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
