import assert from "node:assert/strict";
import { until } from "./director_network.ts";
import { obstacle, RealServerPair, VIP } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** What the README promises. */
const PROMISED_MS = 2_000;
/** Breaks of one kind; the first that is repaired as promised is enough, because a machine may be busy now and then. */
const MOST_BREAKS = 10;

/** What is changed, how, how it is seen that it is right again, and what the role calls it. */
const BREAKS = [
  [
    "sysctl",
    "sysctl -w net.ipv4.conf.all.arp_announce=0",
    "sysctl -n net.ipv4.conf.all.arp_announce | grep -x 2",
    "arp_announce on eth0",
  ],
  [
    "address",
    `ip address delete ${VIP}/32 dev lo`,
    `ip address show dev lo | grep -F ${VIP}/32`,
    `VIP ${VIP}`,
  ],
] as const;

for (const [kind, damage, isRight, fact] of BREAKS) {
  Deno.test(`a changed ${kind} can be right again within two seconds, seen from outside${needing}`, {
    ignore,
  }, async () => {
    await using pair = await RealServerPair.create();
    const role = await pair.hold("--vip", VIP);
    let fastestMs = Infinity;
    for (let tries = 0; tries < MOST_BREAKS && fastestMs >= PROMISED_MS; tries++) {
      const brokenAtMs = performance.now();
      await pair.server.require("sh", ["-ec", damage]);
      await until(
        `repair of the ${kind}`,
        async () => (await pair.server.run("sh", ["-c", isRight])).code === 0,
      );
      fastestMs = Math.min(fastestMs, performance.now() - brokenAtMs);
      // Right after a look, so that the next one is as far away as it can be: no luck makes it early.
      await role.until(new RegExp(`repaired: ${fact}: .*\n`));
    }
    assert(fastestMs < PROMISED_MS, `the fastest took ${fastestMs} ms`);
    assert.equal((await role.stop("SIGINT")).code, 0);
  });
}
