/** Whom `director.quarantine` takes out, and whom it leaves: the rules alone are in tests/director/quarantine_test.ts. */

import assert from "node:assert/strict";
import { configText, DirectorNetwork, obstacle, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

Deno.test(
  `a thief keeps its clients as long as the only other server cannot be found${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const [thief] = network.servers;
    // Nobody checks servers of UDP services: only their MACs tell whether they are there.
    const director = await network.spawnDirector(
      "director: { quarantine: true }\n" +
        configText({ settings: ["protocol: udp", "port: 53"], servers: [[21, 1], [77, 1]] }),
    );
    await director.logged("neighbor.learnt");
    await thief!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    await network.arpAnswers(VIP, 1);
    const isRaised = (count: number) =>
      director.waitFor("an alarm", ({ alarms }) => (alarms[0]?.count ?? 0) >= count);
    const { alarms } = await isRaised(1);
    const { services } = await isRaised(alarms[0]!.count + 2);
    assert.deepEqual(await director.messages("realserver.quarantined"), []);
    assert.equal(services[0]!.servers[0]!.effectiveWeight, 1);

    await network.client.ip(["addr add 192.0.2.77/24 dev eth0"]);
    assert.match(
      await director.logged("realserver.quarantined"),
      /^web\/192\.0\.2\.21 gets no new connections/,
    );
    const { services: [held] } = await director.waitFor(
      "it is held",
      (status) => status.services[0]!.servers[0]!.state === "quarantined",
    );
    assert.deepEqual(held!.servers.map(({ effectiveWeight }) => effectiveWeight), [0, 1]);
  },
);
