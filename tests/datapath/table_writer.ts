/**
 * Fills the table file named by its argument with 500 connections, says so, and then opens and closes others until it
 * is killed.
 *
 * @module
 */

import { State } from "../../datapath/connection_state.ts";
import { keyWord, NONE } from "../../datapath/connection_table.ts";
import { ipv4Client, NO_LEDGER } from "./table_entries.ts";
import { NOW_MS, open } from "./adoption.ts";

const { connections, registry } = open(Deno.args[0]!, { maximum: 2_000 });
const use = { isReferred: () => true, forget: () => {} };
const key = keyWord(registry.numberOf("vip", use), 6);
const servers = Array.from({ length: 7 }, (_, server) => registry.numberOf(`server ${server}`, use));

function add(client: number): void {
  const words = ipv4Client(client);
  if (connections.recall(words, 1, key) !== NONE) return;
  connections.insert(words, 1, key, servers[client % 7]!, State.Established, NOW_MS + 600_000, NO_LEDGER);
}

for (let client = 0; client < 500; client++) add(client);
Deno.stdout.writeSync(new TextEncoder().encode("filled\n"));
for (let client = 1_000;; client = client === 2_000 ? 1_000 : client + 1) {
  add(client);
  const old = connections.recall(ipv4Client(1_000 + (client + 300) % 1_001), 1, key);
  if (old !== NONE) connections.remove(old, NO_LEDGER);
}
