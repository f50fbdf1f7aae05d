import assert from "node:assert/strict";
import { OperatorError } from "../../model/operator_error.ts";
import { IdentityRegistry, type IdentityUse } from "../../datapath/identity_registry.ts";

const RECORD_BYTES = IdentityRegistry.BYTES / IdentityRegistry.LIMIT;
const IN_USE: IdentityUse = { isReferred: () => true, forget: () => {} };

Deno.test("IdentityRegistry gives each text one number, never 0, and knows its text", () => {
  const registry = new IdentityRegistry(new Uint8Array(IdentityRegistry.BYTES));
  const numbers = ["a", "b", "a", "é 中", "b"].map((text) => registry.numberOf(text, IN_USE));
  assert.deepEqual(numbers, [1, 2, 1, 3, 2]);
  assert.deepEqual([0, 1, 2, 3, 4].map((number) => registry.textOf(number)), [
    undefined,
    "a",
    "b",
    "é 中",
    undefined,
  ]);
});

Deno.test("IdentityRegistry.read() finds the texts of an earlier process, and leaves out what is broken", () => {
  const memory = new Uint8Array(IdentityRegistry.BYTES);
  const registry = new IdentityRegistry(memory);
  for (const text of ["one", "two", "three", "four", "x".repeat(190)]) registry.numberOf(text, IN_USE);
  assert.deepEqual([...IdentityRegistry.read(memory)], [
    ...[[1, "one"], [2, "two"], [3, "three"], [4, "four"], [5, "x".repeat(190)]],
  ]);
  const view = new DataView(memory.buffer);
  view.setUint16(1 * RECORD_BYTES, 0, true);
  view.setUint16(2 * RECORD_BYTES, RECORD_BYTES - 1, true);
  view.setUint8(3 * RECORD_BYTES + 3, 0xff);
  assert.deepEqual([...IdentityRegistry.read(memory).keys()], [4, 5]);
});

Deno.test("IdentityRegistry refuses a text that does not fit, by its bytes", () => {
  const registry = new IdentityRegistry(new Uint8Array(IdentityRegistry.BYTES));
  assert.equal(registry.numberOf("é".repeat(95), IN_USE), 1);
  assert.throws(() => registry.numberOf("é".repeat(96), IN_USE), /longer than 190 bytes/);
});

Deno.test("IdentityRegistry gives numbers anew in turn, after saying so, once all have been given", () => {
  const memory = new Uint8Array(IdentityRegistry.BYTES);
  const registry = new IdentityRegistry(memory);
  const last = IdentityRegistry.LIMIT - 1;
  for (let number = 1; number <= last; number++) registry.numberOf(`text ${number}`, IN_USE);
  assert.throws(
    () => registry.numberOf("one more", IN_USE),
    (error) => error instanceof OperatorError && error.message.startsWith("Cannot tell more than 16383"),
  );
  assert.equal(registry.numberOf("text 5", IN_USE), 5);
  const forgotten: number[] = [];
  const use: IdentityUse = {
    isReferred: (number) => number !== 7 && number !== 9,
    forget: (number) => {
      assert.equal(registry.textOf(number), `text ${number}`);
      forgotten.push(number);
    },
  };
  assert.deepEqual([registry.numberOf("new", use), registry.numberOf("newer", use)], [7, 9]);
  assert.deepEqual(forgotten, [7, 9]);
  assert.deepEqual([registry.textOf(7), IdentityRegistry.read(memory).get(9)], ["new", "newer"]);
  assert.equal(registry.numberOf("text 7", { ...use, isReferred: (number) => number !== 3 }), 3);
});
