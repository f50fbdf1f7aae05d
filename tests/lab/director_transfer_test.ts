import assert from "node:assert/strict";
import { configText, DirectorNetwork, obstacle, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const MEGABYTES = 100;

Deno.test(
  `uploads and downloads of 100 MB are byte-identical, whatever the network cards leave to do${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const [server] = network.servers;
    const file = `${network.folder}/random`;
    await network.client.require("sh", ["-c", `head -c ${MEGABYTES}M /dev/urandom >${file}`]);
    const director = await network.startDirector(configText({ servers: [[21, 1]] }));

    const offloads: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["default offloads", () => Promise.resolve()],
      [
        "no GRO on the director",
        () => network.director.require("ethtool", ["-K", "eth0", "gro", "off"]),
      ],
      [
        "no TSO and no checksums on the client either",
        () => network.client.require("ethtool", ["-K", "eth0", "tso", "off", "gso", "off", "tx", "off"]),
      ],
    ];
    for (const [what, apply] of offloads) {
      await apply();
      const up = await network.client.run("curl", ["-sSf", "-T", file, `http://${VIP}/up/upload`]);
      assert.equal(up.code, 0, `${what}: ${up.stderr}`);
      const uploaded = await network.client.run("cmp", [file, `${server!.uploads}/upload`]);
      assert.deepEqual(uploaded, { code: 0, stdout: "", stderr: "" }, what);
      await Deno.remove(`${server!.uploads}/upload`);

      const copy = `${network.folder}/copy`;
      const down = await network.client.run("curl", ["-sSf", "-o", copy, `http://${VIP}/files/random`]);
      assert.equal(down.code, 0, `${what}: ${down.stderr}`);
      assert.deepEqual(
        await network.client.run("cmp", [file, copy]),
        { code: 0, stdout: "", stderr: "" },
        what,
      );
    }

    const { datapath, services } = (await director.status())!;
    assert.equal(datapath.transmitErrors, 0);
    assert(services[0]!.bytes > offloads.length * MEGABYTES * 1e6, "the director has counted every upload");
  },
);

Deno.test(`a UDP service carries datagrams both ways without loss${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create();
  const iperf = (protocol: string) => ({
    name: `iperf-${protocol}`,
    // Both choose by the client's address, so that its control connection and its datagrams meet.
    scheduler: "sh",
    settings: [
      `protocol: ${protocol}`,
      "port: 5201",
      "health: { type: tcp, port: 80, interval: 200ms, timeout: 150ms }",
    ],
    servers: [[21, 1], [22, 1]] as const,
  });
  for (const { namespace } of network.servers) network.start(namespace, "iperf3", "-s", "-B", VIP);
  const director = await network.startDirector(configText(iperf("tcp"), iperf("udp")));
  for (const direction of [[], ["--reverse"]]) {
    const args = ["-c", VIP, "-u", "-b", "4M", "-n", "500K", "-J", ...direction];
    const { code, stdout } = await network.client.run("iperf3", args);
    assert.equal(code, 0, stdout);
    const { sum } = JSON.parse(stdout).end;
    assert.deepEqual({ lost: sum.lost_packets, isWhole: sum.bytes >= 500 * 1024 }, {
      lost: 0,
      isWhole: true,
    });
  }
  const udp = (await director.status())!.services.find(({ protocol }) => protocol === "udp")!;
  assert(udp.bytes >= 500 * 1024, "one direction has come through the director");
  assert.equal(udp.connections, 2);
  assert.deepEqual(udp.servers.map(({ connections }) => connections).toSorted(), [0, 2]);
});
