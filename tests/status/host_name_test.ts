import assert from "node:assert/strict";
import { createApp } from "../../status/app.tsx";
import { serveStatus } from "../../status/serve.ts";
import { ONE } from "./snapshots.ts";

const TOKEN = "a-long-enough-secret";
const PATHS = ["/", "/api/v1/status", "/metrics", "/events", "/page.js", "/nothing"];

function appWith(token: string | null) {
  return createApp({ snapshot: () => ONE, token, isReady: () => true });
}

Deno.test("without a token, a request under a name that is not this machine's own is refused", async () => {
  const app = appWith(null);
  const names = [
    "evil.example",
    "evil.example:8480",
    "192.0.2.2:8480",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
  ];
  for (const host of [...names, "[2001:db8::1]:8480", ""]) {
    for (const path of PATHS) {
      const response = await app.request(path, { headers: { Host: host } });
      assert.equal(response.status, 403, `${path} of "${host}"`);
      assert.ok(!(await response.text()).includes("192.0.2.21"));
    }
  }
});

Deno.test("without a token, loopback names and addresses pass, whatever port a tunnel gave them", async () => {
  const app = appWith(null);
  for (const host of ["localhost", "LOCALHOST:9000", "127.0.0.1:8480", "127.0.0.2", "[::1]:8480", "[::1]"]) {
    const response = await app.request("/api/v1/status", { headers: { Host: host } });
    assert.equal(response.status, 200, host);
    await response.body?.cancel();
  }
});

Deno.test("with a token, on the Unix socket, and for /healthz the name does not matter", async () => {
  const headers = { Host: "director.example" };
  const withToken = { ...headers, Authorization: `Bearer ${TOKEN}` };
  assert.equal((await appWith(TOKEN).request("/api/v1/status", { headers: withToken })).status, 200);
  const local = await appWith(null).request("/api/v1/status", { headers }, { isLocalSocket: true });
  assert.equal(local.status, 200);
  assert.equal((await appWith(null).request("/healthz", { headers })).status, 200);
});

Deno.test("a browser that is led to the port by another name gets nothing from the open port", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-status-" });
  const server = await serveStatus({
    app: appWith(null),
    listen: { host: "127.0.0.1", port: 0 },
    token: null,
    socketPath: `${folder}/director.sock`,
  });
  try {
    const { port } = server.address!;
    const ask = async (name: string) => {
      const { stdout } = await new Deno.Command("curl", {
        args: [
          ...["-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}"],
          ...["--resolve", `${name}:${port}:127.0.0.1`, `http://${name}:${port}/api/v1/status`],
        ],
      }).output();
      return new TextDecoder().decode(stdout);
    };
    assert.equal(await ask("rebound.example"), "403");
    assert.equal(await ask("localhost"), "200");
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
});
