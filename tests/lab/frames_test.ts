import assert from "node:assert/strict";
import { requireCommand } from "../../host/command.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, until, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;
const CONFIG = configText({ servers: [[21, 1]] });

Deno.test(`a director survives its interface going down and up again${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(1);
  const director = await network.startDirector(CONFIG);
  assert.equal(await network.request(), "rs1 192.0.2.100");

  for (let flap = 1; flap <= 3; flap++) {
    await network.director.ip(["link set dev eth0 down"]);
    await director.waitFor(
      "the server is noticed to be unreachable",
      ({ services }) => services[0]!.servers[0]!.state === "down",
    );
    await network.director.ip(["link set dev eth0 up"]);
    await director.waitFor("the server is back", ({ services }) => services[0]!.servers[0]!.state === "up");
    assert.equal(await network.request(), "rs1 192.0.2.100");
  }
  assert.deepEqual(await director.messages("datapath.fault"), []);
  assert.equal((await director.process.stop()).code, 0);
});

Deno.test(
  `a director on a promiscuous interface forwards each frame once and leaves those of others alone${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const [server] = network.servers;
    const director = await network.startDirector(CONFIG);
    // A switch that has learnt nothing floods: the director's interface sees every frame.
    const wires = network.director.name.replace(/director$/, "w");
    for (const port of ["client", "director", "rs1"]) {
      const settings = ["type", "bridge_slave", "learning", "off", "fdb_flush"];
      await requireCommand("ip", ["-n", wires, "link", "set", port, ...settings]);
    }
    const othersFrames = async () => {
      const { verdicts } = (await director.status())!;
      return verdicts.find(({ name }) => name === "ignored_other_host")!.frames;
    };
    const toServer = `tcp and dst host ${VIP} and ether dst ${server!.mac}`;

    await network.capture(network.director, "ip", async () => {
      const arrived = await network.capture(server!.namespace, toServer, () => network.request());
      assert.notEqual(arrived.length, 0);
      for (const line of arrived) assert.ok(line.includes(` ${DIRECTOR_MAC} > ${server!.mac}`), line);
      const withoutTime = arrived.map((line) => line.slice(line.indexOf(" ")));
      assert.deepEqual(withoutTime, [...new Set(withoutTime)]);

      // Frames that pass the director by on their way to the real server.
      await network.client.ip([`neighbor replace ${VIP} lladdr ${server!.mac} dev eth0 nud permanent`]);
      const before = await othersFrames();
      const direct = await network.capture(server!.namespace, toServer, async () => {
        await network.request();
        await until("the director has seen them", async () => await othersFrames() > before);
      });
      assert.notEqual(direct.length, 0);
      for (const line of direct) assert.ok(!line.includes(DIRECTOR_MAC), line);
    });
  },
);

Deno.test(`a director whose interface is deleted says so and ends with exit code 69${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const director = await network.startDirector(CONFIG);
  await network.director.ip(["link delete eth0"]);
  assert.equal((await director.process.ended).code, 69);
  assert.match(await director.logged("datapath.fault"), /^Cannot capture on "eth0": /);
  assert.equal(await network.director.require("nft", ["list", "ruleset"]), "");
});
