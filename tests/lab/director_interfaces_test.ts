import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { requireCommand } from "../../host/command.ts";
import { connect, Namespace } from "../../lab/namespace.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import {
  CLIENT_ADDRESS,
  configText,
  DIRECTOR_ADDRESS,
  DIRECTOR_MAC,
  DirectorNetwork,
  obstacle,
  SECOND_VIP,
  until,
  VIP,
  VIP6,
} from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const MEGABYTES = 5;
const UPLINK = { name: "eth1", mac: "02:00:00:00:01:02", mtu: 1400 };
const UDP_PORT = "7000";
const UDP_SERVER = [
  Deno.execPath(),
  "run",
  "-q",
  "-A",
  fileURLToPath(import.meta.resolve("./datagrams.ts")),
  ...["serve", VIP, UDP_PORT],
] as const;

/** A real server on the first switch, two on the second one, all for IPv4, two of them for IPv6. */
const CONFIG = configText(
  { scheduler: "rr", servers: [[21, 1]] },
  {
    name: "six",
    vip: VIP6,
    scheduler: "rr",
    servers: [[21, 1]],
  },
  {
    name: "udp",
    scheduler: "rr",
    settings: ["protocol: udp", `port: ${UDP_PORT}`, "health: none"],
    servers: [],
  },
)
  .replace(
    /(192\.0\.2\.21", weight: 1 \})/,
    `$1\n      - { address: 10.0.0.22 }\n      - { address: 10.0.0.23 }`,
  )
  .replace(/(2001:db8::21", weight: 1 \})/, `$1\n      - { address: "2001:db8:1::22" }`) +
  `      - { address: 10.0.0.22 }\n`;

/** Puts the second and the third real server, the director and a stranger on a second switch. */
async function addSecondSwitch(network: DirectorNetwork, switchboard: Namespace, stranger: Namespace) {
  await switchboard.ip([
    "link add bridge type bridge stp_state 0 forward_delay 0",
    "link set bridge up",
  ]);
  const join = async (namespace: Namespace, port: string, octet: number, mac?: string) => {
    await connect(
      { namespace, interface: UPLINK.name, ...(mac === undefined ? {} : { mac }) },
      { namespace: switchboard, interface: port },
    );
    await switchboard.ip([`link set ${port} master bridge`]);
    await namespace.ip([
      `link set ${UPLINK.name} mtu ${UPLINK.mtu}`,
      `addr add 10.0.0.${octet}/24 dev ${UPLINK.name}`,
      `addr add 2001:db8:1::${octet}/64 dev ${UPLINK.name} nodad`,
    ]);
  };
  await join(network.director, "director", 2, UPLINK.mac);
  await join(stranger, "stranger", 99);
  for (const [index, { namespace }] of network.servers.entries()) {
    if (index > 0) await join(namespace, `rs${index + 1}`, 21 + index);
    await namespace.ip([`addr add ${VIP6}/128 dev lo nodad`]);
  }
}

async function upload(network: DirectorNetwork, times: number): Promise<void> {
  const file = `${network.folder}/random`;
  await requireCommand("dd", ["if=/dev/urandom", `of=${file}`, "bs=1M", `count=${MEGABYTES}`]);
  for (let turn = 0; turn < times; turn++) {
    const { code, stderr } = await network.client.run("curl", [
      ...["-sSf", "--max-time", "30", "-T", file, `http://${VIP}/up/${turn}`],
    ]);
    assert.equal(code, 0, stderr);
    const stored = [];
    for (const { uploads } of network.servers) {
      stored.push(
        (await requireCommand("sh", ["-c", `cmp -s ${file} ${uploads}/${turn} && echo same || :`])).trim(),
      );
      await Deno.remove(`${uploads}/${turn}`).catch(() => {});
    }
    assert.deepEqual(stored.toSorted(), ["", "", "same"]);
  }
}

function framesOf(status: StatusSnapshot, verdict: string): number {
  return status.verdicts.find(({ name }) => name === verdict)!.frames;
}

Deno.test(
  `real servers are reached by whichever interface leads to them${needing}`,
  { ignore },
  async (t) => {
    await using network = await DirectorNetwork.create(3, true);
    const prefix = `lvi${Deno.pid}`;
    await using switchboard = await Namespace.create(`${prefix}w`);
    await using stranger = await Namespace.create(`${prefix}s`);
    await switchboard.setSysctls({ "net.ipv6.conf.all.disable_ipv6": 1 });
    await addSecondSwitch(network, switchboard, stranger);
    const { client, director: host, servers } = network;
    // A trap: the kernel would answer for the VIP on every interface, and reset or forward what comes.
    await host.ip([`addr add ${VIP}/32 dev ${UPLINK.name}`]);
    await host.setSysctls({ "net.ipv4.ip_forward": 1 });
    const director = await network.startDirector(CONFIG);

    await t.step("each has its turn, over both families", async () => {
      const names = (answers: readonly string[]) => answers.map((answer) => answer.split(" ")[0]).toSorted();
      const ask = async (vip: string) => [await network.request(vip), await network.request(vip)];
      assert.deepEqual(names([...await ask(VIP), await network.request(VIP)]), ["rs1", "rs2", "rs3"]);
      assert.deepEqual(names(await ask(VIP6)), ["rs1", "rs2"]);
      const { datapath, services } = (await director.status())!;
      assert.deepEqual(datapath.uplinks, [UPLINK]);
      const macs = services[0]!.servers.map(({ mac }) => mac);
      const own = JSON.parse(
        await servers[1]!.namespace.require("ip", ["-json", "link", "show", UPLINK.name]),
      );
      assert.equal(macs[0], servers[0]!.mac);
      assert.equal(macs[1], own[0].address);
    });

    await t.step("uploads arrive whole though the second link takes less", async () => {
      await upload(network, 3);
      assert.equal((await director.status())!.datapath.transmitErrors, 0);
    });

    await t.step("who sends datagrams that are too large for the second link is told its MTU", async () => {
      network.start(servers[1]!.namespace, ...UDP_SERVER);
      const ask = UDP_SERVER.map((word) => word === "serve" ? "ask" : word);
      // The kernel heeds the error only while the socket that it is about is open.
      const send = `exec 3<>/dev/udp/${VIP}/${UDP_PORT}; head -c 1450 /dev/zero >&3; read -t 5 -n 1 <&3 || :`;
      await client.require("bash", ["-c", send]);
      await until(
        "the client knows the MTU",
        async () => (await client.require("ip", ["route", "get", VIP])).includes(`mtu ${UPLINK.mtu}`),
      );
      await director.waitFor("it is counted", (status) => framesOf(status, "answered_too_big") === 1);
      await until(
        "the server listens",
        async () => (await servers[1]!.namespace.require("ss", ["-Huln"])).includes(`${VIP}:${UDP_PORT}`),
      );
      const { code, stderr } = await client.run("timeout", ["20", ...ask, "1450"]);
      assert.equal(code, 0, stderr);
    });

    await t.step(
      "nobody answers for the VIP on the second link, and nothing from there is forwarded",
      async () => {
        const { stdout } = await stranger.run("arping", ["-c", "1", "-w", "1", "-I", UPLINK.name, VIP]);
        assert.match(stdout, /Received 0 response/);
        const before = framesOf((await director.status())!, "forwarded");
        await stranger.ip([`route add ${VIP}/32 via 10.0.0.2`]);
        const { code } = await stranger.run("curl", ["-s", "--max-time", "1", `http://${VIP}/`]);
        assert.equal(code, 28, "nobody answers");
        assert.equal(framesOf((await director.status())!, "forwarded"), before);
        assert.deepEqual(new Set(await network.arpAnswers(VIP, 1)), new Set([DIRECTOR_MAC]));
      },
    );

    await t.step("what the first link says about a server on the second one is not believed", async () => {
      const macs = async () => (await director.status())!.services[0]!.servers.map(({ mac }) => mac);
      const before = await macs();
      await client.ip(["addr add 10.0.0.22/32 dev eth0"]);
      const ignored = framesOf((await director.status())!, "ignored_arp");
      await client.run("arping", ["-c", "1", "-A", "-I", "eth0", "-s", "10.0.0.22", "10.0.0.22"]);
      await director.waitFor("it has been heard", (status) => framesOf(status, "ignored_arp") > ignored);
      assert.deepEqual(await macs(), before);
    });

    await t.step("a change of the second interface is followed", async () => {
      await host.ip([`link set ${UPLINK.name} mtu 1300`]);
      await director.waitFor("the new MTU is known", ({ datapath }) => datapath.uplinks[0]?.mtu === 1300);
      await director.waitFor(
        "all servers are known",
        ({ services }) => services[0]!.servers.every(({ state }) => state === "up"),
      );
      await Promise.all([0, 1, 2].map(() => network.request()));
    });
  },
);

Deno.test(`VIP traffic may arrive on a bridge or a bond${needing}`, { ignore }, async () => {
  const kinds = ["bridge stp_state 0 forward_delay 0", "bond mode active-backup miimon 100"];
  for (const kind of kinds) {
    await using network = await DirectorNetwork.create(2);
    const { director: host } = network;
    const { code, stderr } = await host.run("ip", ["link", "add", "upper0", "type", ...kind.split(" ")]);
    // Not every kernel has a driver for bonds.
    if (code !== 0 && kind.startsWith("bond")) {
      assert.match(stderr, /Unknown device type|not supported/);
      continue;
    }
    assert.equal(code, 0, stderr);
    await host.ip([
      `addr del ${DIRECTOR_ADDRESS}/24 dev eth0`,
      "link set eth0 down",
      "link set eth0 master upper0",
      "link set eth0 up",
      `link set upper0 address ${DIRECTOR_MAC}`,
      "link set upper0 up",
      `addr add ${DIRECTOR_ADDRESS}/24 dev upper0`,
    ]);
    const config = configText(
      { scheduler: "rr", servers: [[21, 1], [22, 1]] },
      { name: "second", vip: SECOND_VIP, scheduler: "rr", servers: [[22, 1]] },
    );
    const director = await network.startDirector(`director: { interface: upper0 }\n${config}`);
    assert.deepEqual([await network.request(), await network.request()].toSorted(), [
      `rs1 ${CLIENT_ADDRESS}`,
      `rs2 ${CLIENT_ADDRESS}`,
    ]);
    assert.deepEqual(new Set(await network.arpAnswers(VIP, 1)), new Set([DIRECTOR_MAC]));
    const file = `${network.folder}/random`;
    await requireCommand("dd", ["if=/dev/urandom", `of=${file}`, "bs=1M", `count=${MEGABYTES}`]);
    await network.client.require("curl", ["-sSf", "-T", file, `http://${SECOND_VIP}/up/whole`]);
    await requireCommand("cmp", [file, `${network.servers[1]!.uploads}/whole`]);
    assert.equal((await director.status())!.datapath.interface.name, "upper0");
  }
});
