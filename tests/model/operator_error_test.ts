import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { inOneLine, OperatorError, sortedErrors } from "../../model/operator_error.ts";

const CAUSE = new OperatorError("The interface is gone", ExitCode.UNAVAILABLE);
const UNDO = new OperatorError("The route cannot be put back", ExitCode.FAILED, { remedy: "ip route add" });
const LATER = new OperatorError("Nor can the sysctl", ExitCode.FAILED);
const DEFECT = new TypeError("undefined is not a function");

Deno.test("sortedErrors() has the cause before what came up while the host was put back after it", () => {
  const thrown = new SuppressedError(LATER, new SuppressedError(UNDO, CAUSE));
  assert.deepEqual(sortedErrors(thrown), { told: [CAUSE, UNDO, LATER], defects: [] });
  assert.deepEqual(sortedErrors(UNDO), { told: [UNDO], defects: [] });
});

Deno.test("sortedErrors() loses no error that an operator is meant to read beside a defect, and no defect", () => {
  assert.deepEqual(sortedErrors(new SuppressedError(UNDO, DEFECT)), { told: [UNDO], defects: [DEFECT] });
  assert.deepEqual(sortedErrors(new SuppressedError(DEFECT, CAUSE)), { told: [CAUSE], defects: [DEFECT] });
  assert.deepEqual(sortedErrors(new SuppressedError("text", DEFECT)).defects, [DEFECT, "text"]);
});

Deno.test("inOneLine() puts the remedy in brackets", () => {
  assert.equal(inOneLine(CAUSE), "The interface is gone");
  assert.equal(inOneLine(UNDO), "The route cannot be put back (ip route add)");
});
