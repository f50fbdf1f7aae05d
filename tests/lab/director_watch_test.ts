/** The watch over the VIPs on interfaces that come late, go away and change. */

import assert from "node:assert/strict";
import { configText, DirectorNetwork, obstacle, VIP } from "./director_network.ts";
import { cleared, raised } from "./sentinel_alarms.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const IN_VLAN = "director: { interface: eth0 }\n" +
  configText({ settings: ["vlan: 7", "port: 80", "health: none"], servers: [[21, 1]] });

Deno.test(
  `VIPs are watched as soon as their interface is there, and what is known of a thief outlasts its absence${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const { director: host, servers: [thief] } = network;
    await host.ip(["addr flush dev eth0"]);
    /** It has no VLAN: what matters is that it comes and goes. */
    const create = () =>
      host.ip([
        "link add link eth0 name eth0.7 type macvlan mode bridge",
        "link set eth0.7 up",
        "addr add 192.0.2.2/24 dev eth0.7",
      ]);
    /** Has the thief answer, which nobody hears but who has asked. */
    const steal = async () => {
      await thief!.namespace.ip([`addr add ${VIP}/24 dev eth0`]);
      assert.deepEqual(await network.arpAnswers(VIP, 1), [thief!.mac]);
    };
    const director = await network.spawnDirector(IN_VLAN);
    const absence =
      `VIPs that nobody watches over: ${VIP}: this host has no address of its subnet in the VLAN`;
    assert.equal(await director.logged("wire.unwatched"), absence);

    await create();
    assert.equal(await director.logged("wire.watched"), `VIPs that are watched over from now on: ${VIP}`);
    await steal();
    await director.logged("wire.alarm");

    await host.ip(["link delete eth0.7"]);
    await director.logged("wire.unwatched", 2);
    await create();
    await director.logged("wire.watched", 2);
    // Gone and back before anybody has looked.
    await host.ip(["link delete eth0.7"]);
    await create();
    const { count } = (await director.status())!.alarms[0]!;
    await director.waitFor("it is asked, and answers", ({ alarms }) => alarms[0]!.count > count);
    assert.deepEqual(await director.messages("wire.cleared"), [], "it has never given the VIP up");

    await thief!.namespace.ip([`addr del ${VIP}/24 dev eth0`]);
    await director.waitFor("it is asked in vain", ({ alarms }) => alarms.length === 0);
    await steal();
    await director.logged("wire.alarm", 2);
    assert.equal((await director.messages("wire.alarm")).length, 2);
    assert.equal((await director.messages("wire.cleared")).length, 1);
    assert.equal((await director.process.stop()).code, 0);
  },
);

Deno.test(
  `a thief stays in quarantine while the interface changes under the watch, and comes out when it is cured${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const { director: host, servers: [thief] } = network;
    const settings = ["port: 80", "health: none"];
    const director = await network.startDirector(
      "director: { quarantine: true }\n" + configText({ settings, servers: [[21, 1], [22, 1]] }),
    );
    await director.logged("neighbor.learnt", 2);
    await thief!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    await network.arpAnswers(VIP, 1);
    const alarm = await raised(director, "vip_answered_by_other", thief!.mac);
    await director.logged("realserver.quarantined");

    await host.ip(["link set eth0 mtu 1400"]);
    await director.logged("interface.changed");
    await host.ip(["link set eth0 down"]);
    assert.match(
      await director.logged("wire.unwatched"),
      new RegExp(`^VIPs that nobody watches over: ${VIP}: .*eth0`),
    );
    await host.ip(["link set eth0 up"]);
    await director.logged("wire.watched");
    const { count } = (await director.status())!.alarms[0]!;
    assert(count >= alarm.count);
    await director.waitFor("it is asked again, and answers", ({ alarms }) => alarms[0]!.count > count);
    assert.deepEqual(await director.messages("wire.cleared"), []);
    assert.deepEqual(await director.messages("realserver.released"), []);

    await thief!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 1 });
    await cleared(director, thief!.mac);
    await director.logged("realserver.released");
    assert.equal((await director.process.stop()).code, 0);
  },
);
