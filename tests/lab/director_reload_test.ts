import assert from "node:assert/strict";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, SECOND_VIP, VIP } from "./director_network.ts";
import { fileHash, SlowDownload, SlowUpload } from "./slow_transfer.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

Deno.test(
  `transfers go on while reloads change servers, weights, scheduler and VIPs${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(3);
    const file = `${network.folder}/file`;
    await network.client.require("sh", ["-c", `head -c 40M /dev/urandom >${file}`]);
    const director = await network.startDirector(configText({ servers: [[21, 1], [22, 1]] }));
    const upload = new SlowUpload(network.client, `http://${VIP}/up/file`);
    const download = new SlowDownload(network.client, `http://${VIP}/files/file`);
    const progress = async () => {
      await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));
      await download.receive(4_000_000);
    };
    await progress();
    await director.waitFor(
      "both transfers",
      ({ services: [service] }) => service!.servers.every(({ activeConnections }) => activeConnections === 1),
    );

    const servers = [[21, 0], [22, 0], [23, 2]] as const;
    assert.equal((await director.reload(configText({ servers }))).logger, "config.loaded");
    await director.waitFor(
      "the new server is up",
      ({ services: [service] }) => service!.servers[2]?.state === "up",
    );
    for (let request = 0; request < 3; request++) assert.equal(await network.request(), "rs3 192.0.2.100");
    await progress();

    const second = { name: "second", vip: SECOND_VIP, servers: [[22, 1]] } as const;
    assert.deepEqual(await network.arpAnswers(SECOND_VIP, 1), []);
    assert.equal(
      (await director.reload(configText({ servers, scheduler: "lc" }, second))).logger,
      "config.loaded",
    );
    const changed = await director.waitFor(
      "the new VIP",
      ({ services }) => services[1]?.servers[0]?.state === "up",
    );
    assert.equal(changed.services[0]!.scheduler, "lc");
    assert.deepEqual(await network.arpAnswers(SECOND_VIP, 1), [DIRECTOR_MAC]);
    assert.equal(await network.request(SECOND_VIP), "rs2 192.0.2.100");
    await progress();
    const guarded = () =>
      network.director.require("nft", ["list", "set", "netdev", "lvsdr_director_eth0", "vips"]);
    assert.match(await guarded(), /192\.0\.2\.11/);

    assert.equal((await director.reload(configText({ servers, scheduler: "lc" }))).logger, "config.loaded");
    await director.waitFor("the new VIP is gone", ({ services }) => services.length === 1);
    assert.deepEqual(await network.arpAnswers(SECOND_VIP, 1), []);
    assert.deepEqual(await network.arpAnswers(VIP, 1), [DIRECTOR_MAC]);
    assert.doesNotMatch(await guarded(), /192\.0\.2\.11/);

    const last = (await director.status())!.services[0]!.servers;
    assert.deepEqual(last.slice(0, 2).map(({ state, activeConnections }) => [state, activeConnections]), [
      ["quiesced", 1],
      ["quiesced", 1],
    ]);
    await progress();
    assert.equal(await download.finish(), await fileHash(file));
    const sent = await upload.finish();
    const stored = network.servers.slice(0, 2).map(({ uploads }) =>
      fileHash(`${uploads}/file`).catch(() => null)
    );
    assert((await Promise.all(stored)).includes(sent));
  },
);

Deno.test(`a reload that cannot be used is refused with its reason and changes nothing${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  await network.director.ip([
    "link add other0 type veth peer name other1",
    "link set other0 up",
    "addr add 198.51.100.2/24 dev other0",
  ]);
  const good = configText({ servers: [[21, 1]] });
  const director = await network.startDirector(good);
  const before = await network.hostState();
  const generation = (await director.status())!.datapath.generation;
  const cases: readonly (readonly [string, RegExp])[] = [
    [good.replace("wrr", "wwr"), /cluster\.yaml:5:16: services\[0\]\.scheduler: .*"wrr"/],
    [good.replace("services:", "services: ["), /cluster\.yaml:\d+:\d+: /],
    [
      good.replace("8480", "8481"),
      /A running director cannot change status \(Restart it; its connections go on\)/,
    ],
    [good.replace("192.0.2.21", "203.0.113.1"), /Real server 203\.0\.113\.1 .* is on no link of this host/],
    [good.replace(VIP, "203.0.113.9"), /VIP 203\.0\.113\.9 is in no subnet of this host/],
    [
      good.replace(VIP, "198.51.100.9").replace("192.0.2.21", "198.51.100.21"),
      /cannot move from eth0 to other0/,
    ],
  ];
  for (const [config, reason] of cases) {
    const { logger, message } = await director.reload(config);
    assert.equal(logger, "config.refused", message);
    assert.match(message, /^The configuration in use stays: [^\n]+$/, "one line, and none of the file");
    assert.match(message, reason);
  }
  assert.equal((await director.status())!.datapath.generation, generation);
  assert.equal(await network.hostState(), before);
  assert.equal(await network.request(), "rs1 192.0.2.100");
});

Deno.test(
  `a reload may widen a netmask as far as the workers share clients out, whatever was reloaded meanwhile${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const withNetmask = (netmask: number) => {
      const persistence = `persistence: { timeout: 5m, netmask: ${netmask} }`;
      const settings = ["protocol: tcp", "port: 80", "health: none", persistence];
      return `director: { workers: 2 }\n${configText({ settings, servers: [[21, 1]] })}`;
    };
    const director = await network.startDirector(withNetmask(24));
    assert.equal((await director.reload(withNetmask(32))).logger, "config.loaded");
    assert.equal((await director.reload(withNetmask(24))).logger, "config.loaded");
    assert.match((await director.reload(withNetmask(16))).message, /cannot widen persistence\.netmask to 16/);
  },
);
