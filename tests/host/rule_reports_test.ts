import assert from "node:assert/strict";
import { ruleReporter } from "../../host/rule_reports.ts";

/** What each line of `nft monitor` comes to: nothing, a reason to look, or a clue. */
function heard(lines: readonly string[]): (string | null)[] {
  const { isRelevant, clueOf } = ruleReporter((line) => line.includes("ours"), (process) => `by ${process}`);
  return lines.map((line) => isRelevant(line) ? clueOf(line) ?? "look" : null);
}

Deno.test("ruleReporter() looks at a change of the rules in question, and names the process that the report ends with", () => {
  assert.deepEqual(
    heard([
      "delete rule arp ours input handle 3",
      "delete table inet theirs",
      "# new generation 7 by process 42 (nft)",
    ]),
    ["look", null, "by process 42 (nft)"],
  );
});

Deno.test("ruleReporter() does not take a change of other rules for one of the rules in question", () => {
  assert.deepEqual(
    heard([
      "add table arp ours",
      "# new generation 7 by process 42 (nft)",
      "add table inet theirs",
      "# new generation 8 by process 43 (dockerd)",
    ]),
    ["look", "by process 42 (nft)", null, null],
  );
});
