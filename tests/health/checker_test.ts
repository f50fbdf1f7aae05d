import assert from "node:assert/strict";
import { type CheckResult, createChecker } from "../../health/mod.ts";

const TIMING = { intervalMs: 1_000, timeoutMs: 1_000, rise: 1, fall: 1 };
const LONG_MS = 60_000;
const SHORT_MS = 50;
const NEVER = new AbortController().signal;

function checkTcp(port: number, timeoutMs = LONG_MS, address = "127.0.0.1"): Promise<CheckResult> {
  return createChecker(address, { type: "tcp", port, ...TIMING }).check(timeoutMs, NEVER);
}

function checkHttp(
  port: number,
  path: string,
  { status = 200, timeoutMs = LONG_MS, address = "127.0.0.1" } = {},
): Promise<CheckResult> {
  return createChecker(address, { type: "http", port, path, status, ...TIMING }).check(timeoutMs, NEVER);
}

/** A port on which nobody listens. */
function closedPort(hostname = "127.0.0.1"): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return listener.addr.port;
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** Message of a check that runs in a process of its own, started by `wrapper`. */
async function messageElsewhere(
  wrapper: readonly string[],
  address: string,
  check: Record<string, unknown>,
  env: Record<string, string> = {},
): Promise<string> {
  const code = `
    import { createChecker } from ${JSON.stringify(new URL("../../health/mod.ts", import.meta.url).href)};
    const checker = createChecker(${JSON.stringify(address)}, ${JSON.stringify({ ...check, ...TIMING })});
    const result = await checker.check(${LONG_MS}, new AbortController().signal);
    Deno.stdout.writeSync(new TextEncoder().encode(result.message));`;
  const [program, ...args] = [...wrapper, Deno.execPath(), "eval", "--ext=ts", code];
  const { stdout } = await new Deno.Command(program!, { args, env }).output();
  return new TextDecoder().decode(stdout);
}

/** A listener whose queue is full, so that Linux answers no further SYN: what a black hole looks like. */
class BlackHole implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  readonly #queued: Promise<Deno.TcpConn>[] = [];

  get port(): number {
    return this.#listener.addr.port;
  }

  async fill(): Promise<this> {
    // A backlog of 1 holds two connections.
    for (let i = 0; i < 2; i++) this.#queued.push(Deno.connect({ hostname: "127.0.0.1", port: this.port }));
    await Promise.all(this.#queued);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of await Promise.all(this.#queued)) connection.close();
    this.#listener.close();
  }
}

Deno.test("TcpChecker passes when something listens, over IPv4 and IPv6", async () => {
  for (const [hostname, shown] of [["127.0.0.1", "127.0.0.1"], ["::1", "[::1]"]] as const) {
    using listener = Deno.listen({ hostname, port: 0 });
    const result = await checkTcp(listener.addr.port, LONG_MS, hostname);
    assert.equal(result.passed, true);
    assert.equal(result.message, `TCP ${shown}:${listener.addr.port} connected`);
    assert.ok(result.durationMs >= 0);
  }
});

Deno.test("TcpChecker fails when the port is closed", async () => {
  const port = closedPort();
  const result = await checkTcp(port);
  assert.equal(result.passed, false);
  assert.equal(result.message, `TCP 127.0.0.1:${port} refused`);
});

Deno.test("TcpChecker fails when nobody answers in time", async () => {
  await using hole = await new BlackHole().fill();
  const result = await checkTcp(hole.port, SHORT_MS);
  assert.equal(result.passed, false);
  assert.equal(result.message, `TCP 127.0.0.1:${hole.port} did not answer within ${SHORT_MS} ms`);
});

Deno.test("TcpChecker ends early when its signal is aborted", async () => {
  await using hole = await new BlackHole().fill();
  const controller = new AbortController();
  const checker = createChecker("127.0.0.1", { type: "tcp", port: hole.port, ...TIMING });
  const check = checker.check(LONG_MS, controller.signal);
  controller.abort();
  assert.equal((await check).passed, false);
});

Deno.test("TcpChecker closes its socket whatever the outcome", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 128 });
  await using hole = await new BlackHole().fill();
  const closed = closedPort();
  const before = openDescriptors();
  for (let i = 0; i < 10; i++) {
    await checkTcp(listener.addr.port);
    await checkTcp(closed);
    await checkTcp(hole.port, 5);
  }
  assert.equal(openDescriptors(), before);
});

Deno.test("HttpChecker sends GET to the real server's address and wants the status", async () => {
  const requests: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    requests.push(`${request.method} ${request.url} ${request.headers.get("host")}`);
    return new Response(null, { status: 204 });
  });
  const { port } = server.addr;
  const passed = await checkHttp(port, "/healthz?full=1", { status: 204 });
  assert.deepEqual({ ...passed, durationMs: 0 }, {
    passed: true,
    message: `HTTP 127.0.0.1:${port}/healthz?full=1 answered 204`,
    durationMs: 0,
  });
  const failed = await checkHttp(port, "/");
  assert.equal(failed.passed, false);
  assert.equal(failed.message, `HTTP 127.0.0.1:${port}/ answered 204, wanted 200`);
  const host = `127.0.0.1:${port}`;
  assert.deepEqual(requests, [`GET http://${host}/healthz?full=1 ${host}`, `GET http://${host}/ ${host}`]);
});

Deno.test("HttpChecker speaks IPv6", async () => {
  await using server = Deno.serve({ hostname: "::1", port: 0, onListen() {} }, () => new Response());
  const result = await checkHttp(server.addr.port, "/", { address: "::1" });
  assert.equal(result.message, `HTTP [::1]:${server.addr.port}/ answered 200`);
});

Deno.test("HttpChecker does not follow redirects", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      request.url.endsWith("/login")
        ? new Response()
        : new Response(null, { status: 302, headers: { location: "/login" } }),
  );
  assert.equal((await checkHttp(server.addr.port, "/")).passed, false);
  assert.equal((await checkHttp(server.addr.port, "/", { status: 302 })).passed, true);
});

Deno.test("HttpChecker does not wait for a body that never ends", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    return new Response(endless);
  });
  assert.equal((await checkHttp(server.addr.port, "/")).passed, true);
});

Deno.test("HttpChecker fails when the answer takes too long", async () => {
  const release = Promise.withResolvers<Response>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => release.promise);
  const result = await checkHttp(server.addr.port, "/", { timeoutMs: SHORT_MS });
  assert.equal(result.passed, false);
  assert.equal(result.message, `HTTP 127.0.0.1:${server.addr.port}/ did not answer within ${SHORT_MS} ms`);
  release.resolve(new Response());
  await server.shutdown();
});

Deno.test("HttpChecker fails when the port is closed, silent, or speaks something else", async () => {
  const port = closedPort();
  assert.equal((await checkHttp(port, "/")).message, `HTTP 127.0.0.1:${port}/ refused`);

  await using hole = await new BlackHole().fill();
  const unanswered = await checkHttp(hole.port, "/", { timeoutMs: SHORT_MS });
  assert.match(unanswered.message, /did not answer within 50 ms$/);

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using connection = await listener.accept();
    await connection.write(new TextEncoder().encode("SSH-2.0-OpenSSH\r\n"));
    await connection.read(new Uint8Array(512));
  })();
  const foreign = await checkHttp(listener.addr.port, "/");
  await served;
  assert.equal(foreign.passed, false);
  assert.match(foreign.message, /\/ failed: invalid HTTP version/);
});

Deno.test("HttpChecker asks the server itself whatever proxies the environment names", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response());
  const { port } = server.addr;
  const proxy = `http://127.0.0.1:${closedPort()}`;
  const message = await messageElsewhere([], "127.0.0.1", { type: "http", port, path: "/", status: 200 }, {
    http_proxy: proxy,
    HTTP_PROXY: proxy,
    all_proxy: proxy,
  });
  assert.equal(message, `HTTP 127.0.0.1:${port}/ answered 200`);
});

Deno.test("HttpChecker opens a connection of its own for each check and leaves none behind", async () => {
  const clients = new Set<number>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (_request, info) => {
    clients.add(info.remoteAddr.port);
    return new Response("body");
  });
  for (let i = 0; i < 5; i++) await checkHttp(server.addr.port, "/");
  assert.equal(clients.size, 5);
});

Deno.test({
  name: "both checkers say when there is no route to the real server (needs root for a namespace)",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    const refuseHost = 'ip link set lo up; ip route add unreachable 198.51.100.5/32; exec "$@"';
    const inNamespace = ["unshare", "--net", "sh", "-c", refuseHost, "sh"];
    assert.equal(
      await messageElsewhere(inNamespace, "198.51.100.5", { type: "tcp", port: 80 }),
      "TCP 198.51.100.5:80 is not reachable: no route to host",
    );
    assert.equal(
      await messageElsewhere(inNamespace, "203.0.113.5", { type: "http", port: 80, path: "/", status: 200 }),
      "HTTP 203.0.113.5:80/ is not reachable: no route to its network",
    );
  },
});
