import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { requireCommand } from "../../host/command.ts";
import type { Namespace } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import {
  CLIENT_OCTET,
  configText,
  DIRECTOR_MAC,
  DirectorNetwork,
  type DirectorProcess,
  ipv6Address,
  obstacle,
  until,
  VIP,
  VIP6,
} from "./director_network.ts";
import { NARROW_MTU, RoutedClient } from "./routed_client.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const MEGABYTES = 10;
const UDP_PORT = "7000";
const DATAGRAMS = [
  ...[Deno.execPath(), "run", "-q", "-A"],
  fileURLToPath(import.meta.resolve("./datagrams.ts")),
];
const FAR = "2001:db8:2::7";

const CONFIG = configText(
  { scheduler: "rr", vip: VIP6, servers: [[21, 1], [22, 1]] },
  { name: "web4", scheduler: "rr", servers: [[21, 1], [22, 1]] },
  {
    name: "echo",
    scheduler: "rr",
    vip: VIP6,
    settings: ["protocol: udp", `port: ${UDP_PORT}`],
    servers: [[21, 1], [22, 1]],
  },
);

/** Makes every real server hold the VIP with lvsdr's own role. */
async function harden(network: DirectorNetwork): Promise<void> {
  await Promise.all(network.servers.map(async ({ namespace, name }) => {
    const role = selfCommand(["realserver", "--vip", VIP6, "--run-dir", `${network.folder}/${name}-run`]);
    network.start(namespace, ...role);
    await until(
      `${name} holds the VIP`,
      async () => (await namespace.require("ip", ["-6", "address", "show", "dev", "lo"])).includes(VIP6),
    );
  }));
}

/** Frames that ended in a verdict. */
async function frames(director: DirectorProcess, verdict: string): Promise<number> {
  return (await director.status())!.verdicts.find(({ name }) => name === verdict)!.frames;
}

Deno.test(`an IPv6 service works for real programs, beside one of IPv4${needing}`, { ignore }, async (t) => {
  await using network = await DirectorNetwork.create(2, true);
  const { client } = network;
  await harden(network);
  const director = await network.startDirector(CONFIG);
  const capture = `${network.folder}/arrived.pcap`;
  const options = ["-i", "eth0", "-U", "--immediate-mode", "-B", "8192", "-w", capture];
  const tcpdump = network.start(network.servers[0]!.namespace, "tcpdump", ...options, "icmp6 or udp");
  await until("tcpdump listens", async () => (await Deno.stat(capture).catch(() => null)) !== null);

  await t.step("curl reaches both real servers, over both families", async () => {
    for (const vip of [VIP6, VIP]) {
      const address = vip === VIP6 ? ipv6Address(CLIENT_OCTET) : `192.0.2.${CLIENT_OCTET}`;
      const answers = [await network.request(vip), await network.request(vip)];
      assert.deepEqual(answers.toSorted(), [`rs1 ${address}`, `rs2 ${address}`]);
    }
  });
  await t.step("the VIP is resolved to the director, and to nobody else", async () => {
    await client.require("ip", ["-6", "neighbor", "flush", "dev", "eth0"]);
    await client.require("ping", ["-6", "-n", "-c", "2", "-i", "0.2", VIP6]);
    const neighbor = await client.require("ip", ["-6", "neighbor", "show", VIP6]);
    assert.ok(neighbor.includes(`lladdr ${DIRECTOR_MAC}`), neighbor);
    const answers = await network.capture(client, `icmp6 and ip6[40] == 136`, async () => {
      await client.require("ip", ["-6", "neighbor", "flush", "dev", "eth0"]);
      assert.ok((await network.request(VIP6)).startsWith("rs"));
    });
    const aboutVip = answers.filter((line) => line.includes(`tgt is ${VIP6}`));
    assert.notEqual(aboutVip.length, 0);
    for (const line of aboutVip) assert.ok(line.includes(` ${DIRECTOR_MAC} > `), line);
    assert.ok(await frames(director, "answered_ndp") >= 2);
  });
  await t.step(
    `uploads and downloads of ${MEGABYTES} MB, whatever the network cards leave to do`,
    async () => {
      const file = `${network.folder}/random`;
      await requireCommand("sh", ["-c", `head -c ${MEGABYTES}M /dev/urandom >${file}`]);
      const url = `http://[${VIP6}]`;
      // One of each with either real server.
      for (let turn = 0; turn < 2; turn++) {
        await client.require("curl", ["-sSfg", "-m", "60", "-T", file, `${url}/up/upload`]);
      }
      for (let turn = 0; turn < 2; turn++) {
        await client.require("curl", ["-sSfg", "-m", "60", "-o", `${file}.copy`, `${url}/files/random`]);
        await requireCommand("cmp", [file, `${file}.copy`]);
      }
      for (const { uploads } of network.servers) await requireCommand("cmp", [file, `${uploads}/upload`]);
    },
  );
  await t.step("a port without a service is refused at once", async () => {
    const { code, stderr } = await client.run("curl", ["-sSg", "-m", "30", `http://[${VIP6}]:81/`]);
    assert.equal(code, 7, stderr);
  });
  await t.step("datagrams of 8 kB and 60 kB arrive whole, their fragments in either order", async () => {
    for (const { namespace, name } of network.servers) {
      network.start(namespace, DATAGRAMS[0]!, ...DATAGRAMS.slice(1), "serve", VIP6, UDP_PORT);
      await until(
        `the server of ${name} listens`,
        async () => (await namespace.require("ss", ["-Huln"])).includes(`[${VIP6}]:${UDP_PORT}`),
      );
    }
    const ask = async (...words: string[]) => {
      const { code, stderr } = await client.run("timeout", ["20", ...DATAGRAMS, ...words]);
      assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    };
    await ask("ask", VIP6, UDP_PORT, "8192");
    await ask("ask-reversed", DIRECTOR_MAC, VIP6, UDP_PORT, "8192");
    await ask("ask-reversed", DIRECTOR_MAC, VIP6, UDP_PORT, "60000");
    assert.equal(await frames(director, "dropped_fragment"), 0);
  });
  await t.step(
    "1,504 bytes, more than the director may send: the sender is told, and cuts them",
    async () => {
      const wires = network.director.name.replace(/director$/, "w");
      for (const port of ["client", "director"]) {
        await requireCommand("ip", ["-n", wires, "link", "set", port, "mtu", "1504"]);
      }
      await client.ip(["link set eth0 mtu 1504"]);
      const ask = () => client.run("timeout", ["2", ...DATAGRAMS, "ask", VIP6, UDP_PORT, "1456"]);
      assert.notEqual((await ask()).code, 0);
      assert.equal(
        await until("it was answered", async () => (await frames(director, "answered_too_big")) || null),
        1,
      );
      assert.match(await client.require("ip", ["route", "get", VIP6]), /mtu 1500/);
      assert.equal((await ask()).code, 0);
      await client.ip(["link set eth0 mtu 1500"]);
    },
  );
  await t.step("with nothing that tshark objects to", async () => {
    await tcpdump.stop();
    const dissect = (filter: string) =>
      requireCommand("tshark", ["-r", capture, "-o", "udp.check_checksum:TRUE", "-Y", filter]);
    assert.equal(
      await dissect(`_ws.malformed || udp.checksum.status == 0 || icmpv6.checksum.status == 0`),
      "",
    );
    assert.notEqual(await dissect(`ipv6.dst == ${VIP6} && udp.length > 8000`), "");
  });
  await t.step("a path with a narrow link is found", () => narrowPath(network, director));
  assert.deepEqual(await director.messages("datapath.fault"), []);
});

/** Transfers through a router whose link takes less than the others, by a client far away. */
async function narrowPath(network: DirectorNetwork, director: DirectorProcess): Promise<void> {
  await using path = await RoutedClient.create(network);
  const far = path.namespace;
  await addIpv6(network, path);
  const copy = `${network.folder}/copy`;
  const download = (seconds: number) =>
    far.run("curl", ["-sSg", "-m", `${seconds}`, "-o", copy, `http://[${VIP6}]/files/random`]);
  const onServers = async (...words: string[]) => {
    for (const { namespace } of network.servers) await namespace.require("ip6tables", words);
  };
  const rule = ["INPUT", "-p", "icmpv6", "--icmpv6-type", "packet-too-big", "-j", "DROP"];
  await onServers("-A", ...rule);
  assert.equal((await download(3)).code, 28, "nothing arrives where the real servers are not told");
  await onServers("-D", ...rule);
  for (let turn = 0; turn < 2; turn++) {
    const { code, stderr } = await download(30);
    assert.equal(code, 0, stderr);
    await requireCommand("cmp", [`${network.folder}/random`, copy]);
  }
  for (const { namespace, name } of network.servers) {
    assert.match(await namespace.require("ip", ["route", "get", FAR, "from", VIP6]), /mtu 1400/, name);
  }
  assert.ok(await frames(director, "forwarded_icmp") >= 2);
  const trace = await far.require("tracepath", ["-6", "-n", VIP6]);
  assert.match(trace, new RegExp(`pmtu ${NARROW_MTU}`));
  assert.match(trace, new RegExp(` ${VIP6} .*reached`));
  await traceHops(far);
}

/** The director is one hop, as a router is. */
async function traceHops(far: Namespace): Promise<void> {
  const { stdout } = await far.run("traceroute", ["-6", "-n", "-q", "1", "-T", "-p", "80", VIP6]);
  const hops = stdout.split("\n").slice(1).filter((line) => line !== "").map((line) =>
    line.trim().split(/\s+/)[1]
  );
  assert.deepEqual(hops.slice(0, 3), ["2001:db8:2::1", "2001:db8:3::1", VIP6]);
}

/** Gives the hosts between the far client and the real servers IPv6. */
async function addIpv6(network: DirectorNetwork, { namespace, edge }: RoutedClient): Promise<void> {
  const inner = network.client;
  await namespace.ip([`addr add ${FAR}/64 dev eth0 nodad`, "route add default via 2001:db8:2::1"]);
  await edge.ip([
    "addr add 2001:db8:2::1/64 dev far nodad",
    "addr add 2001:db8:3::2/64 dev narrow nodad",
    "route add default via 2001:db8:3::1",
  ]);
  await inner.ip([
    "addr add 2001:db8:3::1/64 dev narrow nodad",
    "route add 2001:db8:2::/64 via 2001:db8:3::2",
  ]);
  for (const router of [edge, inner]) await router.setSysctls({ "net.ipv6.conf.all.forwarding": 1 });
  for (const { namespace: server } of network.servers) {
    await server.ip([`route add 2001:db8:2::/64 via ${ipv6Address(CLIENT_OCTET)}`]);
  }
}
