import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { createApp } from "../../status/app.tsx";
import { serveStatus } from "../../status/serve.ts";
import { ONE } from "./snapshots.ts";

/** Why no file system can be mounted here, or `null` if one can. */
const mountObstacle = Deno.uid() === 0 ? null : "mount(8) needs root";
const withMount = mountObstacle === null ? "" : ` (skipped: ${mountObstacle})`;

const LOOPBACK = { host: "127.0.0.1", port: 0 };

function appWith(token: string | null = null) {
  return createApp({ snapshot: () => ONE, token, isReady: () => true });
}

async function inRunDir(run: (socketPath: string, runDir: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "lvsdr-status-" });
  try {
    await run(`${parent}/run/director.sock`, `${parent}/run`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

async function curl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("curl", { args: ["-sS", "--max-time", "20", ...args] })
    .output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

async function refusal(promise: Promise<unknown>): Promise<OperatorError> {
  const result = await promise.then(() => null, (error) => error);
  assert.ok(result instanceof OperatorError, String(result));
  return result;
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("serveStatus() answers on the Unix socket and on the port, and asks only the port for the token", async () => {
  await inRunDir(async (socketPath) => {
    const server = await serveStatus({
      app: appWith("secret"),
      listen: LOOPBACK,
      token: "secret",
      socketPath,
    });
    try {
      assert.equal(Deno.statSync(socketPath).mode! & 0o777, 0o660);
      const local = await curl("--unix-socket", socketPath, "http://director/api/v1/status");
      assert.deepEqual(JSON.parse(local), ONE);
      const url = `http://127.0.0.1:${server.address!.port}/api/v1/status`;
      assert.equal(await curl("-o", "/dev/null", "-w", "%{http_code}", url), "401");
      assert.deepEqual(JSON.parse(await curl("-H", "Authorization: Bearer secret", url)), ONE);
      assert.deepEqual(JSON.parse(await curl("-u", "me:secret", url)), ONE);
      assert.match(await curl("-I", "-u", "me:secret", url), /^HTTP\/1\.1 200 OK/);
    } finally {
      await server.close();
    }
    assert.equal(exists(socketPath), false);
  });
});

Deno.test("serveStatus() leaves the umask as it was", async () => {
  await inRunDir(async (socketPath) => {
    const before = Deno.umask(0o027);
    const server = await serveStatus({ app: appWith(), listen: null, token: null, socketPath });
    assert.equal(Deno.umask(before), 0o027);
    assert.equal(server.address, null);
    await server.close();
  });
});

Deno.test("close() does not wait for listeners of /events", async () => {
  await inRunDir(async (socketPath) => {
    const server = await serveStatus({ app: appWith(), listen: LOOPBACK, token: null, socketPath });
    const response = await fetch(`http://127.0.0.1:${server.address!.port}/events`);
    const reader = response.body!.getReader();
    await reader.read();
    await server.close();
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
      throw new Error("ended");
    });
  });
});

Deno.test("a second director on the run directory is refused with the pid of the first", async () => {
  await inRunDir(async (socketPath, runDir) => {
    const first = await serveStatus({ app: appWith(), listen: null, token: null, socketPath });
    const error = await refusal(serveStatus({ app: appWith(), listen: null, token: null, socketPath }));
    assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
    assert.equal(error.message, `Another director is running on run directory "${runDir}" (pid ${Deno.pid})`);
    assert.match(error.remedy!, /--run-dir/);
    assert.match(await curl("--unix-socket", socketPath, "http://director/healthz"), /^ok/);
    await first.close();
    const next = await serveStatus({ app: appWith(), listen: null, token: null, socketPath });
    await next.close();
  });
});

Deno.test(
  `a full file system under the run directory is refused in words, and lets go of the lock${withMount}`,
  {
    ignore: mountObstacle !== null,
  },
  async () => {
    await inRunDir(async (socketPath, runDir) => {
      Deno.mkdirSync(runDir);
      const tool = async (name: string, args: string[]) =>
        assert.equal((await new Deno.Command(name, { args }).output()).code, 0, name);
      await tool("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", runDir]);
      try {
        Deno.writeFileSync(`${runDir}/filler`, new Uint8Array(4096));
        const error = await refusal(serveStatus({ app: appWith(), listen: null, token: null, socketPath }));
        assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
        assert.match(error.message, /^Cannot use run directory ".*\/run": No space left on device/);
        assert.match(error.remedy!, /--run-dir/);
        Deno.removeSync(`${runDir}/filler`);
        const server = await serveStatus({ app: appWith(), listen: null, token: null, socketPath });
        await server.close();
      } finally {
        await tool("umount", ["--lazy", runDir]);
      }
    });
  },
);

Deno.test("whatever listens on the socket without the lock is left alone", async () => {
  await inRunDir(async (socketPath, runDir) => {
    Deno.mkdirSync(runDir);
    using listener = Deno.listen({ transport: "unix", path: socketPath });
    const error = await refusal(serveStatus({ app: appWith(), listen: LOOPBACK, token: null, socketPath }));
    assert.match(error.message, /^Another director is running/);
    assert.ok(listener.addr.path === socketPath && exists(socketPath));
  });
});

Deno.test("the socket of a director that was killed is replaced", async () => {
  await inRunDir(async (socketPath, runDir) => {
    Deno.mkdirSync(runDir);
    const killed = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `Deno.listen({ transport: "unix", path: "${socketPath}" }); Deno.kill(Deno.pid, "SIGKILL");`,
      ],
      stderr: "null",
    });
    assert.equal((await killed.output()).signal, "SIGKILL");
    assert.ok(exists(socketPath));
    const server = await serveStatus({ app: appWith(), listen: null, token: null, socketPath });
    assert.match(await curl("--unix-socket", socketPath, "http://director/healthz"), /^ok/);
    await server.close();
  });
});

Deno.test("a file that is not a socket is not removed", async () => {
  await inRunDir(async (socketPath, runDir) => {
    Deno.mkdirSync(runDir);
    Deno.writeTextFileSync(socketPath, "precious");
    const error = await refusal(serveStatus({ app: appWith(), listen: null, token: null, socketPath }));
    assert.match(error.message, /is in the way: it is not a socket/);
    assert.equal(Deno.readTextFileSync(socketPath), "precious");
  });
});

Deno.test("a taken port is refused with the way to find who has it, and no socket stays behind", async () => {
  await inRunDir(async (socketPath) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    const listen = { host: "127.0.0.1", port };
    const error = await refusal(serveStatus({ app: appWith(), listen, token: null, socketPath }));
    assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
    assert.equal(error.message, `Cannot open the status port 127.0.0.1:${port}: it is taken`);
    assert.ok(error.remedy!.includes(`ss -ltnp 'sport = :${port}'`));
    assert.equal(exists(socketPath), false);
  });
});

Deno.test("an address this machine does not have is refused", async () => {
  await inRunDir(async (socketPath) => {
    const listen = { host: "192.0.2.1", port: 0 };
    const error = await refusal(serveStatus({ app: appWith("t"), listen, token: "t", socketPath }));
    assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
    assert.match(error.message, /this machine does not have that address/);
    assert.equal(exists(socketPath), false);
  });
});

Deno.test("an address others can reach is refused without a token, before anything is opened", async () => {
  await inRunDir(async (socketPath, runDir) => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1"]) {
      const listen = { host, port: 0 };
      const error = await refusal(serveStatus({ app: appWith(), listen, token: null, socketPath }));
      assert.equal(error.exitCode, ExitCode.CONFIG);
      assert.match(error.remedy!, /status\.token/);
      assert.equal(exists(runDir), false);
    }
  });
});

Deno.test("a run directory that cannot be used is refused with the reason", async () => {
  await inRunDir(async (_socketPath, runDir) => {
    const long = `${runDir}/${"x".repeat(100)}/director.sock`;
    assert.match(
      (await refusal(serveStatus({ app: appWith(), listen: null, token: null, socketPath: long }))).message,
      /longer than 107/,
    );
    const path = "/dev/null/run/director.sock";
    const error = await refusal(serveStatus({ app: appWith(), listen: null, token: null, socketPath: path }));
    assert.match(error.message, /^Cannot use run directory "\/dev\/null\/run"/);
  });
});
