import assert from "node:assert/strict";
import { Turns } from "../../director/turns.ts";

Deno.test("Turns begins an action when all before it have ended, in their order, also where one fails", async () => {
  const turns = new Turns();
  const said: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take(async () => {
    said.push("first begins");
    await gate.promise;
    said.push("first ends");
    throw new RangeError("no");
  });
  const second = turns.take(() => {
    said.push("second");
    return 2;
  });
  const idle = turns.idle.then(() => said.push("idle"));
  await Promise.resolve();
  assert.deepEqual(said, ["first begins"]);
  gate.resolve();
  await assert.rejects(first, RangeError);
  assert.equal(await second, 2);
  await idle;
  assert.deepEqual(said, ["first begins", "first ends", "second", "idle"]);
});
