import assert from "node:assert/strict";
import fc from "fast-check";
import { columnLines, printable } from "../../model/plain_text.ts";

Deno.test("printable() leaves no control character, whatever the text", () => {
  assert.equal(printable("a\x1b[31mb\n"), "a\ufffd[31mb\ufffd");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(printable(text), /\p{Cc}/u);
  }));
});

Deno.test("columnLines() puts columns below each other, numbers at their end, and ends no line with spaces", () => {
  const rows = [["Name", "Count", ""], ["a", "12345678", "x"], ["longer", "1", ""]];
  assert.deepEqual(columnLines(rows, (column) => column === 1), [
    "Name       Count",
    "a       12345678  x",
    "longer         1",
  ]);
  assert.deepEqual(columnLines(rows), ["Name    Count", "a       12345678  x", "longer  1"]);
  assert.deepEqual(columnLines([]), []);
});

Deno.test("columnLines() lets no foreign text steer the terminal", () => {
  assert.deepEqual(columnLines([["a\x1b[2J", "b\n"]]), ["a\ufffd[2J  b\ufffd"]);
});
