import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { DriftWatch, type Seen } from "../../realserver/drift_watch.ts";

const SCOPE = { vips: ["192.0.2.10"], hasRules: false, hasRivals: false, hasRuleReports: false };
/** No kernel variable has such a value. */
const CHANGED: Seen = { sysctls: new Map([["net/ipv4/ip_default_ttl", "changed"]]), isInOrder: true };

/** Waits for what must come soon: without a reason, the next look would come after half a minute. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("It did not come")), 20_000);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("DriftWatch looks at once, and again when a variable is not what the look has seen", async () => {
  const again = Promise.withResolvers<void>();
  let count = 0;
  await using _ = new DriftWatch(SCOPE, {
    look: () => {
      count += 1;
      if (count === 2) again.resolve();
      return Promise.resolve(count === 1 ? CHANGED : { sysctls: new Map(), isInOrder: true });
    },
    onFault: again.reject,
  });
  await soon(again.promise);
});

for (const error of [new TypeError("no look"), new OperatorError("No look", ExitCode.FAILED)]) {
  Deno.test(`DriftWatch hands over an error of a look that its owner does not expect: ${error.name}`, async () => {
    const fault = Promise.withResolvers<unknown>();
    await using _ = new DriftWatch(SCOPE, { look: () => Promise.reject(error), onFault: fault.resolve });
    assert.equal(await soon(fault.promise), error);
  });
}
