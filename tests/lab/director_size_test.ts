import assert from "node:assert/strict";
import { configText, DirectorNetwork, obstacle, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** A service on each of so many ports, each with 200 real servers. */
function servicesText(count: number): string {
  const servers = Array.from({ length: 200 }, (_, index) => `{ address: 192.0.2.${index + 20} }`).join(", ");
  const services = Array.from(
    { length: count },
    (_, index) => `- { vip: ${VIP}, port: ${index + 1}, health: none, servers: [${servers}] }\n`,
  );
  return `services:\n${services.join("")}`;
}

Deno.test(
  `a reload with more real servers than a director can tell apart is refused, and nothing ends${needing}`,
  {
    ignore,
  },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const director = await network.spawnDirector(configText({ servers: [[21, 1]] }));
    await director.logged("director.started");
    const refused = await director.reload(servicesText(90));
    assert.equal(refused.logger, "config.refused");
    assert.match(refused.message, /Cannot have 18091 services, VIPs and real servers .*can tell 8000 apart/);
    assert.equal((await director.reload(configText({ servers: [[21, 2]] }))).logger, "config.loaded");
    assert.equal((await director.process.stop()).code, 0);
  },
);
