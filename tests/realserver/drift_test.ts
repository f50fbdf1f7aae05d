import assert from "node:assert/strict";
import type { NftTranslation } from "../../host/nft_translations.ts";
import { requirementsOf } from "../../realserver/choose_method.ts";
import { repairText } from "../../realserver/drift.ts";
import type { Requirement } from "../../realserver/requirement.ts";
import { hostState, target } from "./host_states.ts";

/** The fact about rules of others that come first. */
function earlierRules(...earlierTranslations: NftTranslation[]): Requirement {
  const aim = { targets: [target()], wantedDevice: null, looseDevices: new Set<number>() };
  const requirements = requirementsOf("redirect", hostState({ earlierTranslations }), aim);
  return requirements.find(({ fact }) => fact.startsWith("nft rules before "))!;
}

function rule(handle: number): NftTranslation {
  return {
    ...{ table: "ip other", chain: "web", handle, text: "redirect to :9", priority: -150 },
    ...{ conditions: [], exemptions: [] },
  };
}

Deno.test("a rule that packets come to by several chains is told once, and deleted by one command", () => {
  const { remedy, restorations, found } = earlierRules(rule(7), rule(7), rule(8));
  const commands = [7, 8].map((handle) => `nft delete rule ip other web handle ${handle}`);
  assert.deepEqual(remedy!.split("\n"), commands);
  assert.deepEqual(restorations!.map(({ words }) => words.join(" ")), commands);
  assert.equal(found, "ip other web: redirect to :9, which takes 192.0.2.10 tcp port 80");
});

Deno.test("repairText() is one line, however many commands a person has to type", () => {
  assert.equal(
    repairText([earlierRules(rule(7), rule(8))]),
    "nft delete rule ip other web handle 7; nft delete rule ip other web handle 8",
  );
});
