import assert from "node:assert/strict";
import {
  configText,
  DirectorNetwork,
  ipv6Address,
  obstacle,
  until,
  VIP6,
  type WebHost,
} from "./director_network.ts";
import { cleared, obey, raised } from "./sentinel_alarms.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

Deno.test(
  `the sentinel names a real server that answers solicitations for an IPv6 VIP, and what it says helps${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2, true);
    const { client, servers } = network;
    const [thief] = servers as [WebHost, WebHost];
    for (const { namespace } of servers) await namespace.ip([`addr add ${VIP6}/128 dev lo`]);
    const director = await network.startDirector(configText(
      { vip: VIP6, servers: [[21, 1], [22, 1]] },
      { name: "web4", servers: [[21, 1], [22, 1]] },
    ));
    const askAnew = async () => {
      await client.require("ip", ["-6", "neighbor", "flush", "dev", "eth0"]);
      await network.request(VIP6);
    };
    await askAnew();
    assert.deepEqual((await director.status())!.alarms, []);

    await thief.namespace.ip([`addr del ${VIP6}/128 dev lo`, `addr add ${VIP6}/128 dev eth0 nodad`]);
    await until("the sentinel sees it", async () => {
      // A connection whose packets go now to the one, now to the other, is reset.
      await askAnew().catch(() => {});
      return (await director.status())!.alarms.length > 0;
    });
    const alarm = await raised(director, "vip_answered_by_other", thief.mac);
    assert.deepEqual([alarm.vip, alarm.realServer], [VIP6, ipv6Address(21)]);
    assert.match(alarm.sentence, /^2001:db8::21 answers NDP for 2001:db8::10 /);
    assert.equal((await director.status())!.alarms.length, 1);

    await obey(network, thief.namespace, alarm);
    await cleared(director, thief.mac);
  },
);
