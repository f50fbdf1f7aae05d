/**
 * Opens a small table at the path it is given, then one that cannot have room there, then the small one again, and
 * prints as JSON what has happened.
 *
 * @module
 */

import { State } from "../../datapath/connection_state.ts";
import { keyWord } from "../../datapath/connection_table.ts";
import { NOW_MS, open } from "./adoption.ts";
import { ipv4Client, NO_LEDGER } from "./table_entries.ts";

const path = Deno.args[0]!;
{
  using file = open(path);
  const vip = file.registry.numberOf("vip", { isReferred: () => true, forget: () => {} });
  for (let client = 0; client < 3; client++) {
    const expiresAtMs = NOW_MS + 1_000;
    file.connections.insert(
      ipv4Client(client),
      1,
      keyWord(vip, 6),
      vip,
      State.Established,
      expiresAtMs,
      NO_LEDGER,
    );
  }
}
let problem = new Error("there was room");
try {
  open(path, { maximum: 1_000_000 });
} catch (error) {
  problem = error as Error;
}
const left = [...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].map(({ name }) => name);
using file = open(path, { maximum: 12 });
const report = { error: problem.name, message: problem.message, left, afterwards: file.adoption };
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report)));
