import assert from "node:assert/strict";
import { configText, DirectorNetwork, obstacle, VIP } from "./director_network.ts";
import { raised } from "./sentinel_alarms.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** More than are shown. */
const VIPS = [VIP, ...Array.from({ length: 69 }, (_, index) => `192.0.2.${130 + index}`)];
const SHOWN = 64;

Deno.test(
  `an alarm that others keep from being shown does not count as over, nor as raised again${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const [server] = network.servers;
    await network.client.ip(VIPS.map((vip) => `addr add ${vip}/32 dev eth0`));
    const director = await network.startDirector(configText(...VIPS.map((vip, index) => ({
      name: `web${index}`,
      vip,
      settings: ["port: 80", "health: none"],
      servers: [[21, 1]] as const,
    }))));
    const { alarms } = await director.waitFor(
      "an alarm for every VIP",
      ({ wire }) => wire.raised.duplicate_director >= VIPS.length,
    );
    assert.equal(alarms.length, SHOWN);

    // A real server comes before all strangers.
    await server!.namespace.run("arping", ["-A", "-c", "1", "-I", "eth0", VIP]);
    await raised(director, "gratuitous_by_realserver", server!.mac);
    const { wire } = (await director.status())!;
    assert.deepEqual(
      [wire.raised.duplicate_director, wire.raised.gratuitous_by_realserver],
      [VIPS.length, 1],
    );
    assert.deepEqual(await director.messages("wire.cleared"), []);
  },
);
