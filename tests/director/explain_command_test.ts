import assert from "node:assert/strict";
import { runExplain } from "../../director/explain_command.ts";
import { type QuestionWords, readQuestion } from "../../director/explain_question.ts";
import { ExitCode } from "../../model/exit_code.ts";
import type { Explanation } from "../../model/explanation.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { createApp } from "../../status/app.tsx";
import { serveStatus } from "../../status/serve.ts";
import { ONE } from "../status/snapshots.ts";

const WORDS: QuestionWords = { client: "[2001:db8:1::7]:5353", target: "[2001:db8::10]:53", protocol: "udp" };

function explanationOf(words: QuestionWords, server: string | null): Explanation {
  const macs = { destinationMac: "02:00:00:00:00:15", sourceMac: "02:00:00:00:00:02" };
  return {
    question: readQuestion(words),
    decision: {
      worker: 0,
      service: null,
      isDenied: false,
      newConnectionsLeft: null,
      connection: null,
      template: null,
      isTableFull: false,
      servers: [],
      verdict: { name: "forwarded", meaning: "passed on" },
      sent: { ...macs, server, egress: 0, vlan: null, hopLimit: 63 },
    },
    service: null,
    nearest: [],
    interfaces: ["eth0"],
    kernel: { guard: null, interference: null },
  };
}

/** Runs the command against a director that answers like this, over a real socket. */
async function run(
  explain: (words: QuestionWords) => Promise<Explanation>,
  { words = WORDS, json = true } = {},
): Promise<{ code: ExitCode; printed: string }> {
  const runDir = await Deno.makeTempDir({ prefix: "lvsdr-explain-" });
  const app = createApp({ snapshot: () => ONE, token: "secret", isReady: () => true, explain });
  const socketPath = `${runDir}/director.sock`;
  const server = await serveStatus({ app, listen: null, token: "secret", socketPath });
  let printed = "";
  try {
    const code = await runExplain({ ...words, runDir, json }, { write: (text) => printed += text });
    return { code, printed };
  } finally {
    await server.close();
    await Deno.remove(runDir, { recursive: true });
  }
}

Deno.test("runExplain() asks the director of the run directory and prints its answer", async () => {
  const { code, printed } = await run((words) => Promise.resolve(explanationOf(words, "2001:db8::21")));
  assert.equal(code, ExitCode.OK);
  assert.deepEqual(JSON.parse(printed), explanationOf(WORDS, "2001:db8::21"));
});

Deno.test("runExplain() exits 1 where the client gets an answer from the director only", async () => {
  const { code, printed } = await run((words) => Promise.resolve(explanationOf(words, null)), {
    json: false,
  });
  assert.equal(code, ExitCode.FAILED);
  assert.match(printed, /^The first packet of \[2001:db8:1::7\]:5353 to UDP \[2001:db8::10\]:53/);
});

for (const exitCode of [ExitCode.USAGE, ExitCode.UNAVAILABLE]) {
  Deno.test(`runExplain() passes on why the director does not answer, with exit code ${exitCode}`, async () => {
    const refused = () =>
      Promise.reject(new OperatorError("A port is needed", exitCode, { remedy: "Name it" }));
    await assert.rejects(run(refused), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.deepEqual([error.exitCode, error.message, error.remedy], [
        exitCode,
        "A port is needed",
        "Name it",
      ]);
      return true;
    });
  });
}

Deno.test("runExplain() says what is wrong with the question before it looks for a director", async () => {
  const refusal = (words: Partial<QuestionWords>) => {
    const options = { ...WORDS, ...words, runDir: "/nonexistent", json: false };
    return runExplain(options, { write: () => {} }).then(() => null, (error: OperatorError) => error);
  };
  assert.equal((await refusal({ target: "192.0.2.10" }))?.exitCode, ExitCode.USAGE);
  const missing = await refusal({});
  assert.equal(missing?.exitCode, ExitCode.UNAVAILABLE);
  assert.equal(missing?.message, 'No director is running on run directory "/nonexistent"');
  assert.match(missing.remedy!, /--run-dir/);
});

Deno.test("GET /api/v1/explain answers on the Unix socket only", async () => {
  const explain = (words: QuestionWords) => Promise.resolve(explanationOf(words, null));
  const app = createApp({ snapshot: () => ONE, token: null, isReady: () => true, explain });
  const path = `/api/v1/explain?${new URLSearchParams({ ...WORDS })}`;
  const headers = { Host: "localhost" };
  const get = (isLocalSocket: boolean) => app.request(path, { headers }, { isLocalSocket });
  assert.deepEqual([(await get(true)).status, (await get(false)).status], [200, 403]);
});
