/**
 * Carries TCP connections of the host to the HTTP API of the lab's director, which listens on a Unix socket.
 *
 * @module
 */

/** The port people expect the status page on. */
const PREFERRED_PORT = 8480;

/** Forwards until it is closed. */
export class StatusForward implements Disposable {
  /** Address of the status page on the host. */
  readonly url: string;
  readonly #listener: Deno.TcpListener;
  readonly #socket: string;

  private constructor(listener: Deno.TcpListener, socket: string) {
    this.#listener = listener;
    this.#socket = socket;
    this.url = `http://127.0.0.1:${listener.addr.port}/`;
  }

  /**
   * Listens on 127.0.0.1, on port 8480 or, if that is taken, on any.
   *
   * @param socket Path of the director's socket; it need not exist yet.
   */
  static open(socket: string): StatusForward {
    const forward = new StatusForward(listen(), socket);
    forward.#accept();
    return forward;
  }

  close(): void {
    this.#listener.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) this.#carry(client);
  }

  async #carry(client: Deno.TcpConn): Promise<void> {
    try {
      const director = await Deno.connect({ transport: "unix", path: this.#socket });
      await Promise.allSettled([
        client.readable.pipeTo(director.writable),
        director.readable.pipeTo(client.writable),
      ]);
    } catch {
      // The director is not there: the browser sees a closed connection, which is the truth.
      client.close();
    }
  }
}

function listen(): Deno.TcpListener {
  const hostname = "127.0.0.1";
  try {
    return Deno.listen({ hostname, port: PREFERRED_PORT });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return Deno.listen({ hostname, port: 0 });
  }
}
