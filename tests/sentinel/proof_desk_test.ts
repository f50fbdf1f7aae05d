import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { ProofDesk } from "../../sentinel/proof_desk.ts";

/** Opens a desk whose addresses cannot be chosen; returns what it says of that. */
function lostFor(error: Error): string[] {
  const reasons: string[] = [];
  using desk = new ProofDesk({
    link: { name: "lo", index: 1, mac: "02:00:00:00:00:02" },
    candidates: () => {
      throw error;
    },
    onClaimed: () => {},
    onLost: (reason) => reasons.push(reason),
  });
  assert.equal(desk.isLost, true);
  return reasons;
}

Deno.test("ProofDesk says why it has no address, and what helps", () => {
  const taken = new OperatorError("It is taken", ExitCode.CONFIG, { remedy: "Choose another one" });
  assert.deepEqual(lostFor(taken), ["It is taken (Choose another one)"]);
});

Deno.test("ProofDesk takes no fault of its own for an address that is lost", () => {
  assert.throws(() => lostFor(new TypeError("undefined is not an address")), TypeError);
});
