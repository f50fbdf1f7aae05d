import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import { METHODS } from "../../model/config.ts";
import {
  configText,
  DIRECTOR_ADDRESS,
  DIRECTOR_MAC,
  DirectorNetwork,
  obstacle,
  SECOND_VIP,
  until,
  VIP,
  type WebHost,
} from "./director_network.ts";
import {
  arpVerdict,
  clusterText,
  pathVerdicts,
  PROBE_ADDRESS,
  runVerify,
  verifyJson,
} from "./sentinel_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Takes away what the network has hardened by hand and has `lvsdr realserver` do it. */
async function harden(network: DirectorNetwork, server: WebHost, method: string): Promise<void> {
  await server.namespace.ip([VIP, SECOND_VIP].map((vip) => `addr del ${vip}/32 dev lo`));
  await server.namespace.setSysctls({
    "net.ipv4.conf.all.arp_ignore": 0,
    "net.ipv4.conf.all.arp_announce": 0,
  });
  const words = ["--vip", VIP, "--port", "80", "--method", method, "--once"];
  const [self, ...args] = selfCommand([
    "realserver",
    ...words,
    "--run-dir",
    `${network.folder}/${server.name}`,
  ]);
  await server.namespace.require(self, args);
}

/** What a host believes about the addresses of others: address and MAC, without the probe address. */
async function beliefs(host: WebHost["namespace"]): Promise<string[]> {
  const neighbors = JSON.parse(await host.require("ip", ["-json", "neighbor", "show"])) as {
    dst: string;
    lladdr?: string;
  }[];
  return neighbors.filter(({ dst, lladdr }) => lladdr !== undefined && dst !== PROBE_ADDRESS)
    .map(({ dst, lladdr }) => `${dst} ${lladdr}`).toSorted();
}

Deno.test(`verify finds nothing on real servers hardened by each method, and nobody notices it${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(METHODS.length);
  const { client, director: host, servers } = network;
  for (const [index, method] of METHODS.entries()) await harden(network, servers[index]!, method);
  const director = await network.startDirector(configText({ servers: servers.map((_, i) => [21 + i, 1]) }));

  // A connection that lasts throughout, over the VIP.
  await network.request();
  await client.require("truncate", ["-s", "40M", `${network.folder}/big`]);
  const download = client.open(
    "curl",
    [
      "-sS",
      "--limit-rate",
      "4M",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code} %{size_download}",
      `http://${VIP}/files/big`,
    ],
    "piped",
  );
  const downloaded = new Response(download.stdout).text();
  const counted = await until("the download is counted", async () => {
    const status = await director.status();
    return status !== null && status.services[0]!.connections === 2 ? status : null;
  });
  for (const { address } of servers) await client.run("ping", ["-c", "1", "-W", "1", address]);
  const believed = await Promise.all([client, ...servers.map(({ namespace }) => namespace)].map(beliefs));

  let verified: Awaited<ReturnType<typeof verifyJson>> | null = null;
  const frames = await network.capture(host, "arp or tcp port 80 or icmp", async () => {
    verified = await verifyJson(network, clusterText(servers));
  });
  const verification = verified!;
  assert.deepEqual(verification.findings, []);
  for (const [index, method] of METHODS.entries()) {
    const server = servers[index]!;
    assert.deepEqual([method, arpVerdict(verification, server), ...pathVerdicts(verification, server)], [
      method,
      "hardened",
      "ok",
    ]);
  }

  const status = (await director.status())!;
  assert.equal(status.services[0]!.connections, 2, "the director has scheduled nothing more");
  assert.equal(status.connectionTable.used, counted.connectionTable.used);
  assert.deepEqual(
    await Promise.all([client, ...servers.map(({ namespace }) => namespace)].map(beliefs)),
    believed,
  );
  assert.equal((await download.status).code, 0);
  assert.equal(await downloaded, `200 ${40 << 20}`);
  await download.stderr.cancel();

  // What tcpdump has seen, frame by frame.
  const sent = frames.flatMap((line) => {
    const match = line.match(/ (\S+) > (\S+), ethertype IPv4 .*: 192\.0\.2\.200\.\d+ > \S+: Flags \[(.*?)\]/);
    return match === null ? [] : [match.slice(1).join(" ")];
  });
  assert.deepEqual(
    sent.toSorted(),
    servers.flatMap(({ mac }) => ["R", "S"].map((flag) => `${DIRECTOR_MAC} ${mac} ${flag}`)).toSorted(),
    "one SYN and its reset at the MAC of each real server, so that no connection is ever completed",
  );
  const senders = frames.flatMap((line) => {
    const match = line.match(new RegExp(` ${DIRECTOR_MAC} > .* who-has (\\S+).* tell (\\S+),`));
    // The director announces its VIP for a while after its start, who-has VIP tell VIP.
    return match === null || match[1] === match[2] ? [] : [match[2]];
  });
  assert.deepEqual(
    [...new Set(senders)].toSorted(),
    ["0.0.0.0", DIRECTOR_ADDRESS],
    "it asks by ARP only as itself or as nobody",
  );
});

Deno.test(`verify answers ARP for its probe address only while it runs${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(1);
  // A host that forwards would like to handle the answers to a foreign address as well.
  await network.director.setSysctls({ "net.ipv4.ip_forward": 1 });
  assert.deepEqual(await network.arpAnswers(PROBE_ADDRESS, 1), []);
  const frames = await network.capture(network.servers[0]!.namespace, "arp", async () => {
    assert.equal((await verifyJson(network, clusterText(network.servers))).ok, true);
  });
  assert(
    frames.some((line) => line.includes(`Reply ${PROBE_ADDRESS} is-at ${DIRECTOR_MAC}`)),
    frames.join("\n"),
  );
  assert.deepEqual(await network.arpAnswers(PROBE_ADDRESS, 1), []);
});

Deno.test(
  `verify works from any host of the link, and says who else answers for a VIP${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    await network.startDirector(configText({ servers: [[21, 1]] }));
    const { code, stdout, stderr } = await runVerify(
      network,
      clusterText(network.servers),
      [],
      network.client,
    );
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^Direct routing works, seen from eth0: 1 path proven\n/);
    assert.match(stdout, new RegExp(`${VIP} is answered for by ${DIRECTOR_MAC}, no real server: right if`));
  },
);
