/** What becomes of a director when an interface that real servers are behind, or were, is removed. */

import assert from "node:assert/strict";
import { connect } from "../../lab/namespace.ts";
import { configText, DirectorNetwork, obstacle, until } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const MAC = "02:00:00:00:01:02";
const SERVER_MACS = ["02:00:00:00:01:22", "02:00:00:00:02:22"] as const;
const NEAR = `director: { offloads: disable }\n` + configText({ scheduler: "rr", servers: [[21, 1]] });
/** One real server is behind the second interface. */
const FAR = `${NEAR}      - { address: 10.0.0.22 }\n`;

/** Joins the director and the second real server, which has this MAC there, by a cable of their own. */
async function layCable({ director, servers }: DirectorNetwork, mac: string): Promise<void> {
  const server = servers[1]!.namespace;
  await connect({ namespace: director, interface: "eth1", mac: MAC }, {
    namespace: server,
    interface: "eth1",
    mac,
  });
  await director.ip(["addr add 10.0.0.2/24 dev eth1"]);
  await server.ip(["addr add 10.0.0.22/24 dev eth1"]);
}

async function hasSegmentation({ director }: DirectorNetwork, device: string): Promise<boolean> {
  return /^\ttx-tcp-segmentation: on/m.test(await director.require("ethtool", ["-k", device]));
}

Deno.test(
  `an uplink may go and come back; needed no more, it may go for good${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const { director: host } = network;
    const before = await network.hostState();
    await layCable(network, SERVER_MACS[0]);
    const director = await network.startDirector(FAR);
    const ask = async () => (await Promise.all([network.request(), network.request()])).toSorted();
    const both = ["rs1 192.0.2.100", "rs2 192.0.2.100"];
    assert.deepEqual(await ask(), both);
    assert.equal(await hasSegmentation(network, "eth1"), false);

    await host.ip(["link del eth1"]);
    assert.match(
      await director.logged("interface.unusable"),
      /^Interface "eth1" has been removed; that cannot be used yet: Real server 10\.0\.0\.22 .* is on no link/,
    );
    await director.waitFor(
      "the other server is left",
      ({ services }) => services[0]!.servers[1]!.state === "down",
    );
    assert.deepEqual(await ask(), ["rs1 192.0.2.100", "rs1 192.0.2.100"]);

    await layCable(network, SERVER_MACS[1]);
    assert.equal(
      await director.logged("interface.changed"),
      'Interface "eth1" has been removed; its connections go on',
    );
    await director.waitFor("the server is back", ({ services }) => {
      const { state, mac } = services[0]!.servers[1]!;
      return state === "up" && mac === SERVER_MACS[1];
    });
    // The datapath that was opened for it may not know the other one yet.
    await until("both serve", async () => (await ask()).join() === both.join());
    assert.equal(
      await hasSegmentation(network, "eth1"),
      false,
      "it is another interface, used like the first",
    );

    for (const config of [NEAR, FAR, NEAR]) {
      assert.equal((await director.reload(config)).logger, "config.loaded", "it is still open");
    }
    await host.ip(["link del eth1"]);
    assert.equal(
      await director.logged("interface.changed", 2),
      'Interface "eth1" has been removed; its connections go on',
    );
    await director.waitFor(
      "it works without it",
      ({ datapath, services }) => datapath.uplinks.length === 0 && services[0]!.servers[0]!.state === "up",
    );
    assert.deepEqual(await ask(), ["rs1 192.0.2.100", "rs1 192.0.2.100"]);

    assert.deepEqual(await director.messages("interface.lost"), []);
    assert.deepEqual(await director.messages("connections.adopted"), [], "they are of this run");
    assert.equal((await director.process.stop()).code, 0);
    assert.equal(await network.hostState(), before);
  },
);
