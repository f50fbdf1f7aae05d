import assert from "node:assert/strict";
import { parseReversePathDrops } from "../../../sentinel/doctor/reverse_path_drops.ts";

Deno.test("parseReversePathDrops() finds the counter by its name, and 0 where the kernel has none", () => {
  const text = "TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 3 41\nIpExt: InNoRoutes\nIpExt: 5\n";
  assert.equal(parseReversePathDrops(text), 41);
  assert.equal(parseReversePathDrops("TcpExt: SyncookiesSent\nTcpExt: 3\n"), 0);
});
