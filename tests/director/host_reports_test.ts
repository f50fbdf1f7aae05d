import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import { HostReports, readReport } from "../../director/host_reports.ts";
import type { HostReport } from "../../model/status_snapshot.ts";

const TOKEN = "a-long-enough-secret";
const SERVER = "127.0.0.1";

const TOLD = {
  method: "loopback",
  facts: [
    { fact: "arp_ignore on eth0", ok: false },
    { fact: "arp_announce on eth0", ok: true },
    { fact: "VIP 192.0.2.10", ok: false },
  ],
  trouble: null,
  load: { averages: [0.52, 0.4, 0.3], cpus: 2 },
};

/** What a director says of a real server that answers every request as `answer` does; `null` for none that listens. */
async function reported(answer: ((request: Request) => Response) | null): Promise<HostReport> {
  const server = Deno.serve({ hostname: SERVER, port: 0, onListen: () => {} }, (request) => answer!(request));
  const { port } = server.addr;
  if (answer === null) await server.shutdown();
  const reports = new HostReports();
  // A real server with this host's own address is refused by no check of the configuration itself.
  const config = parseConfig(
    `services: [{ vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }]
realserver: { status: { port: ${port}, token: ${TOKEN} } }`,
    "cluster.yaml",
  );
  const [service] = config.services;
  reports.adopt({
    ...config,
    services: [{ ...service!, servers: [{ ...service!.servers[0]!, address: SERVER }] }],
  });
  try {
    reports.start();
    for (;;) {
      const report = reports.reportOf(SERVER);
      if (report !== null) return report;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } finally {
    reports.stop();
    if (answer !== null) await server.shutdown();
  }
}

Deno.test("a real server is asked with the token, and its wrong facts and load are kept", async () => {
  let asked = "";
  const report = await reported((request) => {
    asked = `${request.method} ${new URL(request.url).pathname} ${request.headers.get("Authorization")}`;
    return Response.json(TOLD);
  });
  assert.equal(asked, `GET /api/v1/status Bearer ${TOKEN}`);
  const { at, ...rest } = report;
  assert.match(at, /Z$/);
  assert.deepEqual(rest, {
    kind: "told",
    method: "loopback",
    factsWrong: 2,
    wrongFacts: ["arp_ignore on eth0", "VIP 192.0.2.10"],
    trouble: null,
    load: { averages: [0.52, 0.4, 0.3], cpus: 2 },
  });
});

Deno.test("a real server that refuses, redirects, rambles or is not there is silent, and why is kept", async () => {
  const reason = async (answer: ((request: Request) => Response) | null) => {
    const report = await reported(answer);
    return report.kind === "silent" ? report.reason : report.kind;
  };
  assert.match(await reason(() => new Response(null, { status: 401 })), /^127\.0\.0\.1:\d+ answered 401$/);
  assert.match(
    await reason(() => Response.redirect("http://192.0.2.66/", 302)),
    /answered 302$/,
    "the token goes nowhere else",
  );
  assert.match(await reason(() => new Response("x".repeat(3 << 20))), /no status of a real server/);
  assert.match(await reason(null), /refused$/);
});

Deno.test("readReport() takes only what is a status, and cuts what is too long", () => {
  for (const text of ["", "[]", "{", "null", JSON.stringify({ ...TOLD, method: "magic" })]) {
    assert.equal(readReport(text), null, text);
  }
  const facts = Array.from({ length: 100 }, () => ({ fact: "x".repeat(5_000), ok: false }));
  const report = readReport(JSON.stringify({ ...TOLD, facts, trouble: "y".repeat(5_000) }));
  assert(report?.kind === "told");
  assert.deepEqual([report.factsWrong, report.wrongFacts.length, report.wrongFacts[0]!.length], [
    100,
    20,
    200,
  ]);
  assert.equal(report.trouble!.length, 200);
});

Deno.test("what a real server said is forgotten when it leaves the configuration", async () => {
  const reports = new HostReports();
  const config = (server: string) =>
    parseConfig(
      `services: [{ vip: 192.0.2.10, port: 80, servers: [{ address: ${server} }] }]
realserver: { status: { port: 1, token: ${TOKEN} } }`,
      "cluster.yaml",
    );
  const first = config("192.0.2.21");
  const local = {
    ...first,
    services: [{ ...first.services[0]!, servers: [{ ...first.services[0]!.servers[0]!, address: SERVER }] }],
  };
  reports.adopt(local);
  reports.start();
  while (reports.reportOf(SERVER) === null) await new Promise((resolve) => setTimeout(resolve, 5));
  reports.adopt(config("192.0.2.22"));
  assert.equal(reports.reportOf(SERVER), null);
  reports.stop();
});
