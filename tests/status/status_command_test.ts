import assert from "node:assert/strict";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { createApp } from "../../status/app.tsx";
import { serveStatus } from "../../status/serve.ts";
import { renderStatus, runStatus } from "../../status/status_command.ts";
import { CLAIMED, EMPTY, HOSTILE, ONE, TROUBLED } from "./snapshots.ts";

interface Outcome {
  readonly code: ExitCode;
  readonly printed: string;
}

async function inTempDir<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "lvsdr-status-" });
  try {
    return await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function statusOn(runDir: string, json = false): Promise<Outcome> {
  let printed = "";
  const code = await runStatus({ runDir, json }, { write: (text) => printed += text });
  return { code, printed };
}

/** Runs the command against a director that shows `snapshot`, over a real socket. */
function statusOf(snapshot: StatusSnapshot, json = false): Promise<Outcome> {
  return inTempDir(async (runDir) => {
    // The token is for the network: the socket's reader does not know it.
    const app = createApp({ snapshot: () => snapshot, token: "secret", isReady: () => true });
    const server = await serveStatus({
      app,
      listen: null,
      token: "secret",
      socketPath: `${runDir}/director.sock`,
    });
    try {
      return await statusOn(runDir, json);
    } finally {
      await server.close();
    }
  });
}

async function refusal(runDir: string): Promise<OperatorError> {
  const result = await statusOn(runDir).then(() => null, (error) => error);
  assert.ok(result instanceof OperatorError, String(result));
  return result;
}

Deno.test("runStatus() prints a table an ipvsadm user can read", async () => {
  const { code, printed } = await statusOf(ONE);
  assert.equal(code, ExitCode.OK);
  assert.equal(
    printed,
    `All services are well

lvsdr 0.1.0, standalone, up 3 h 13 min, pcap on eth0 (02:00:00:00:00:01, MTU 1500)
45 of 1,048,576 connections in the table (< 1 %), frames lost: 0 in capture, 0 in sending

web: TCP 192.0.2.10:80,443 wlc, 3 of 3 servers usable
  Server      State  Weight  Active  Inactive  Conn/s  Packets     Bytes  VIP audit  Last check
  192.0.2.21  up          3      12         3      13   12.3 k  9.42 MiB  hardened   TCP 192.0.2.21:80 connected (1 s ago)
  192.0.2.22  up          1      12         3     4.2   12.3 k  9.42 MiB  hardened   TCP 192.0.2.22:80 connected (1 s ago)
  192.0.2.23  up          1      12         3     4.2   12.3 k  9.42 MiB  hardened   TCP 192.0.2.23:80 connected (1 s ago)
`,
  );
});

Deno.test("runStatus() fails when a service has no usable server, and says which and why first", async () => {
  const { code, printed } = await statusOf(TROUBLED);
  assert.equal(code, ExitCode.FAILED);
  assert.match(
    printed,
    /^Service dns has no usable server\n {2}- 192\.0\.2\.23 of dns is down: TCP .* refused\n/,
  );
  assert.match(printed, /192\.0\.2\.26 {2}up +1\/4 /);
  assert.match(
    printed,
    /\ndns: UDP 192\.0\.2\.11:53 rr, 0 of 1 server usable\n {2}Server .*\n {2}192\.0\.2\.23 /,
  );
});

Deno.test("runStatus() fails when somebody else claims a VIP, and says what to type where", async () => {
  const { code, printed } = await statusOf(CLAIMED);
  assert.equal(code, ExitCode.FAILED);
  assert(
    printed.startsWith(
      `VIP 192.0.2.10 is claimed by somebody else
  - 192.0.2.21 of web is quarantined: it takes a VIP for itself

Alarm vip_answered_by_other, first seen 1 min ago, last seen 2 s ago
  192.0.2.21 answers ARP for 192.0.2.10
  on 192.0.2.21: lvsdr realserver --vip 192.0.2.10

lvsdr `,
    ),
    printed,
  );
  assert.match(printed, /192\.0\.2\.21 {2}quarantined +0\/1 /);
});

Deno.test("runStatus() with json prints the snapshot and keeps the exit code", async () => {
  const { code, printed } = await statusOf(TROUBLED, true);
  assert.equal(code, ExitCode.FAILED);
  assert.deepEqual(JSON.parse(printed), TROUBLED);
});

Deno.test("renderStatus() lets no control character through to the terminal", () => {
  assert.doesNotMatch(renderStatus(HOSTILE).replaceAll("\n", ""), /\p{Cc}/u);
});

Deno.test("renderStatus() puts brackets around an IPv6 VIP before its ports", () => {
  const services = ONE.services.map((service) => ({ ...service, vip: "2001:db8::10" }));
  assert.match(renderStatus({ ...ONE, services }), /TCP \[2001:db8::10\]:80,443 wlc/);
});

Deno.test("renderStatus() works for a director without services", () => {
  assert.match(renderStatus(EMPTY), /^No services are configured\n/);
});

Deno.test("runStatus() tells how to start a director when none runs there", async () => {
  await inTempDir(async (runDir) => {
    const error = await refusal(runDir);
    assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
    assert.equal(error.message, `No director is running on run directory "${runDir}"`);
    assert.match(error.remedy!, /lvsdr director -c FILE/);
  });
});

Deno.test("runStatus() takes the socket of a dead director for no director", async () => {
  await inTempDir(async (runDir) => {
    const path = `${runDir}/director.sock`;
    const killed = new Deno.Command(Deno.execPath(), {
      args: ["eval", `Deno.listen({ transport: "unix", path: "${path}" }); Deno.kill(Deno.pid, "SIGKILL");`],
      stderr: "null",
    });
    assert.equal((await killed.output()).signal, "SIGKILL");
    assert.ok(Deno.statSync(path).isSocket);
    assert.match((await refusal(runDir)).message, /^No director is running/);
  });
});

Deno.test("runStatus() says so when what listens there gives no status", async () => {
  await inTempDir(async (runDir) => {
    const door = Deno.serve(
      { path: `${runDir}/director.sock`, onListen: () => {} },
      () => new Response("out of order", { status: 500 }),
    );
    const error = await refusal(runDir);
    await door.shutdown();
    assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
    assert.match(error.message, /does not answer: it answered 500 out of order$/);
  });
});

Deno.test({
  name: "runStatus() tells a user without permission what to do",
  ignore: Deno.uid() !== 0, // only root can become somebody else
  fn: async () => {
    await inTempDir(async (dir) => {
      const runDir = `${dir}/run`;
      const app = createApp({ snapshot: () => ONE, token: null, isReady: () => true });
      const server = await serveStatus({
        app,
        listen: null,
        token: null,
        socketPath: `${runDir}/director.sock`,
      });
      const NOBODY = 65534;
      await Deno.chmod(dir, 0o755);
      const command = new URL("../../status/status_command.ts", import.meta.url).href;
      const script = `import { runStatus } from "${command}";
        await runStatus({ runDir: "${runDir}", json: false }, { write: () => {} })
          .catch((error) => console.log(error.exitCode, error.message));`;
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", "--no-config", "--no-lock", "--ext=ts", script],
        uid: NOBODY,
        gid: NOBODY,
        cwd: "/",
        env: { DENO_DIR: `/tmp/lvsdr-status-nobody-${Deno.pid}`, HOME: "/" },
      }).output();
      await Deno.remove(`/tmp/lvsdr-status-nobody-${Deno.pid}`, { recursive: true });
      await server.close();
      const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.equal(text, `${ExitCode.NO_PERMISSION} Not allowed to talk to the director on "${runDir}"\n`);
    });
  },
});
