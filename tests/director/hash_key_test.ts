import assert from "node:assert/strict";
import { hashKey } from "../../director/hash_key.ts";
import { OperatorError } from "../../model/operator_error.ts";

async function withFolder(action: (path: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-key-" });
  try {
    action(`${folder}/hash_key`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("hashKey() reads a configured key and touches no file", () =>
  withFolder((path) => {
    const words = hashKey("00000001fffffffF0123456789ABCDEF", path);
    assert.deepEqual([...words], [1, 0xffffffff, 0x01234567, 0x89abcdef]);
    assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
  }));

Deno.test("hashKey() makes a key once, for its owner's eyes only, and keeps it", () =>
  withFolder((path) => {
    const made = hashKey(null, path);
    assert.equal(made.length, 4);
    assert.deepEqual(hashKey(null, path), made);
    assert.match(Deno.readTextFileSync(path), /^[0-9a-f]{32}\n$/);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(path.replace("/hash_key", ""))].length, 1);
  }));

Deno.test("hashKey() is not misled by what a crash has left", () =>
  withFolder((path) => {
    Deno.writeTextFileSync(`${path}.new`, "0123", { mode: 0o644 });
    hashKey(null, path);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  }));

Deno.test("hashKey() makes another key in another place", async () => {
  const keys: string[] = [];
  for (let place = 0; place < 2; place++) {
    await withFolder((path) => void keys.push(hashKey(null, path).join()));
  }
  assert.notEqual(keys[0], keys[1]);
});

for (const content of ["", "0123", "0".repeat(33), `${"0".repeat(31)}g`]) {
  Deno.test(`hashKey() refuses a file that holds "${content}" and leaves it alone`, () =>
    withFolder((path) => {
      Deno.writeTextFileSync(path, content);
      assert.throws(() => hashKey(null, path), (error) => {
        assert(error instanceof OperatorError);
        assert.match(error.message, /hash_key" is damaged/);
        assert.match(error.remedy!, /^Remove it/);
        return true;
      });
      assert.equal(Deno.readTextFileSync(path), content);
    }));
}

Deno.test("hashKey() says which file it cannot use", () =>
  withFolder((path) => {
    Deno.mkdirSync(path);
    assert.throws(() => hashKey(null, path), {
      name: "OperatorError",
      message: /Cannot use file ".*hash_key"/,
    });
    assert.throws(() => hashKey(null, `${path}/missing/key`), {
      name: "OperatorError",
      message: /missing\/key/,
    });
  }));
