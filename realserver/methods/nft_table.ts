/**
 * That a table of lvsdr's own is in force.
 *
 * @module
 */

import type { NftTable } from "../../host/step.ts";
import { counted } from "../../model/counted.ts";
import type { HostState } from "../host_state.ts";
import { isSameTable, type ListedTable, renderTable, type Table, TABLE_NAME } from "../nft_rules.ts";
import type { Requirement } from "../requirement.ts";

/** The table exists with exactly these rules; one of the same name with others is never touched. */
export function tableRequirement(state: HostState, table: Table, why: string): Requirement {
  const listed = state.nftTables.get(table.family);
  const holds = listed !== undefined && isSameTable(table, listed);
  const step: NftTable = {
    kind: "nftTable",
    family: table.family,
    name: TABLE_NAME,
    ruleset: renderTable(table),
  };
  const ruleCount = table.chains.reduce((count, chain) => count + chain.rules.length, 0);
  const wanted = `in force, ${counted(ruleCount, "rule")}`;
  return {
    fact: `nft table ${table.family} ${TABLE_NAME}`,
    found: listed === undefined ? "absent" : holds ? wanted : otherText(listed),
    wanted,
    holds,
    why,
    steps: listed === undefined ? [step] : [],
    remedy: listed === undefined || holds
      ? null
      : `lvsdr realserver --undo, or if nothing is there to undo: nft delete table ${table.family} ${TABLE_NAME}`,
    restorations: listed === undefined || holds ? [] : [{
      sentence: `load nft table ${table.family} ${TABLE_NAME} in place of the altered one`,
      words: ["nft", "-f", "-"],
      // One transaction: there is no moment without rules.
      stdin: `delete table ${table.family} ${TABLE_NAME}\n${step.ruleset}`,
    }],
  };
}

function otherText({ flags }: ListedTable): string {
  return flags === "" ? "there with other rules" : `there with flags ${flags}`;
}
