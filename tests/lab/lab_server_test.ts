import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { answer, deterministicBytes, digest, runLabServer } from "../../lab/server.ts";
import { HostError } from "../../model/operator_error.ts";

const ask = (path: string, init?: RequestInit) =>
  answer("rs7", new Request(`http://vip${path}`, init), "192.0.2.100");

Deno.test("answer() says who answers whom", async () => {
  const response = await ask("/?request=1");
  assert.equal(await response.text(), "rs7 answers 192.0.2.100\n");
  assert.equal(response.headers.get("x-real-server"), "rs7");
});

Deno.test("answer() streams exactly as many bytes as asked for, always the same", async () => {
  for (const length of [0, 1, 65_535, 65_536, 200_001]) {
    const response = await ask(`/bytes/${length}`);
    assert.equal(response.headers.get("content-length"), String(length));
    const bytes = await response.bytes();
    assert.equal(bytes.length, length);
    assert.deepEqual(bytes, await new Response(deterministicBytes(length)).bytes());
  }
});

Deno.test("deterministicBytes() does not repeat itself from one chunk to the next", async () => {
  const bytes = await new Response(deterministicBytes(131_072)).bytes();
  assert.notDeepEqual(bytes.subarray(0, 65_536), bytes.subarray(65_536));
  assert.equal(new Set(bytes).size, 256);
});

Deno.test("answer() gives SHA-256 and length of an upload", async () => {
  const body = await new Response(deterministicBytes(300_000)).bytes();
  const sha256 = createHash("sha256").update(body).digest("hex");
  for (const method of ["PUT", "POST"]) {
    assert.equal(await (await ask("/sha256", { method, body })).text(), `${sha256} 300000\n`);
  }
  assert.equal((await ask("/sha256")).status, 405);
});

Deno.test("digest() of nothing is the SHA-256 of the empty string", async () => {
  // FIPS 180-4; the value is in NIST's example for a message of length 0.
  assert.deepEqual(await digest(deterministicBytes(0)), {
    sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    length: 0,
  });
});

Deno.test("answer() is 404 for what it does not know", async () => {
  for (const path of ["/unknown", "/bytes/", "/bytes/-1", "/bytes/1e3", "/bytes/9999999999999"]) {
    assert.equal((await ask(path)).status, 404, path);
  }
});

Deno.test("runLabServer() says that its port is taken", async () => {
  using listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  await assert.rejects(
    runLabServer({ name: "rs7", address: "0.0.0.0", port: listener.addr.port }),
    (error) =>
      error instanceof HostError && /another program has it/.test(error.message) && error.exitCode === 69,
  );
});
