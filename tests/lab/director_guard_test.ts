/** The director's own kernel and the guard that keeps it out of VIP traffic. */

import assert from "node:assert/strict";
import { guardRuleset, guardTableName } from "../../director/guard_ruleset.ts";
import { requireCommand } from "../../host/command.ts";
import { connect, Namespace } from "../../lab/namespace.ts";
import { udpFrame, withVlanTag } from "../datapath/frame_builder.ts";
import { solicitationFrame, solicitedNode, udp6Frame } from "../datapath/ipv6_frame_builder.ts";
import { configText, DirectorNetwork, obstacle, until, VIP } from "./director_network.ts";
import { makeProgramFolder, Patient } from "./doctor_patient.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const CONFIG = configText({ servers: [[21, 1]] });
const TABLE = `netdev ${guardTableName("eth0")}`;

Deno.test(
  `a guard that somebody flushes or changes is back at once, with an event that names them${needing}`,
  {
    ignore,
  },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const before = await network.hostState();
    const director = await network.startDirector(CONFIG);
    const rules = () => network.director.require("nft", ["-s", "list", "ruleset"]);
    const guarded = await rules();

    assert.deepEqual(await monitorsOf(network.director), [
      "ip -oneline monitor link address",
      "nft monitor",
    ], "each once, however many of its parts listen");

    const harms = ["flush ruleset", `delete table ${TABLE}`, `flush chain ${TABLE} ingress`];
    for (const [index, harm] of harms.entries()) {
      await network.director.require("sh", ["-c", `nft ${harm}`]);
      const message = await director.logged("guard.restored", index + 1);
      assert.match(message, /were changed by process \d+ \(nft\); they are back$/);
      assert.equal(await rules(), guarded, harm);
    }
    // What others do to their own rules, and the director to its own, is nothing to restore.
    await network.director.require("nft", ["add", "table", "inet", "other"]);
    await network.director.require("nft", ["delete", "table", "inet", "other"]);
    assert.equal((await director.reload(CONFIG.replace(VIP, "192.0.2.11"))).logger, "config.loaded");
    await network.director.require("sh", ["-c", "nft flush ruleset"]);
    await director.logged("guard.restored", harms.length + 1);
    assert.match(await rules(), /elements = \{ 192\.0\.2\.11 \}/);
    assert.equal((await director.messages("guard.restored")).length, harms.length + 1);

    assert.equal((await director.process.stop()).code, 0);
    assert.equal(await network.hostState(), before);
  },
);

/** The programs of a host that report its changes, as they were called. */
async function monitorsOf({ name }: Namespace): Promise<string[]> {
  const pids = (await requireCommand("ip", ["netns", "pids", name])).trim().split("\n");
  const calls = await requireCommand("ps", ["-o", "args=", "-p", pids.join()]);
  return calls.split("\n").filter((call) => / monitor\b/.test(call)).toSorted();
}

Deno.test(
  `doctor notes that hosts which the director's host routes for do not reach the VIP, as they do not${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const { director: host, servers: [server], runDir, configFile } = network;
    const behind = await Namespace.create(`lvg${Deno.pid}r`);
    try {
      await connect({ namespace: behind, interface: "eth0", mac: CLIENT_MAC }, {
        namespace: host,
        interface: "eth1",
        mac: DIRECTOR_MAC,
      });
      await behind.ip(["addr add 198.51.100.9/24 dev eth0", "route add default via 198.51.100.1"]);
      await host.ip(["addr add 198.51.100.1/24 dev eth1"]);
      await server!.namespace.ip(["route add 198.51.100.0/24 via 192.0.2.2"]);
      const director = await network.startDirector(CONFIG);
      const programs = await makeProgramFolder(`${network.folder}/programs`);
      const patient = new Patient(host, { runDir, configFile, programs });
      const notes = async () => {
        const { ok, notes } = await patient.diagnosis();
        assert.equal(ok, true);
        return notes.filter(({ id }) => id === "routed-clients").flatMap(({ evidence }) => evidence);
      };
      assert.deepEqual(await notes(), []);
      await host.setSysctls({ "net.ipv4.ip_forward": 1 });
      assert.deepEqual(await notes(), [
        "net.ipv4.conf.eth1.forwarding = 1",
        "eth1 is up and has an address (ip address show)",
      ]);
      const ask = async (address: string) =>
        (await behind.run("curl", ["-s", "--max-time", "20", `http://${address}/`])).stdout;
      assert.equal(await ask(server!.address), "rs1 198.51.100.9\n");
      assert.equal(await ask(VIP), "");
      assert.equal(await network.request(), "rs1 192.0.2.100");
      assert.equal((await director.process.stop()).code, 0);
    } finally {
      await Namespace.remove(behind.name);
    }
  },
);

/** Puts a program in front of nft(8) that is slow, or fails, to change rules while a file of that name is there. */
async function temperNft({ folder }: DirectorNetwork): Promise<readonly string[]> {
  await Deno.mkdir(`${folder}/bin`);
  await Deno.writeTextFile(
    `${folder}/bin/nft`,
    `#!/bin/sh
[ "$*" = "-f -" ] && [ -e ${folder}/slow ] && { touch ${folder}/begun; sleep 1; }
[ "$*" = "-f -" ] && [ -e ${folder}/broken ] && { echo out of memory >&2; exit 1; }
exec /usr/sbin/nft "$@"
`,
    { mode: 0o755 },
  );
  return ["env", `PATH=${folder}/bin:${Deno.env.get("PATH")}`];
}

Deno.test(
  `a reload that nft refuses changes nothing, and a guard that cannot be put back is once it can${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const director = await network.spawnDirector(CONFIG, await temperNft(network));
    await director.logged("director.started");
    const flush = () => network.director.require("nft", ["flush", "ruleset"]);
    const rules = () => network.director.require("nft", ["-s", "list", "ruleset"]);
    const guarded = await rules();
    const broken = `${network.folder}/broken`;

    await Deno.writeTextFile(broken, "");
    const { message } = await director.reload(CONFIG.replace(VIP, "192.0.2.11"));
    assert.match(message, /^The configuration in use stays: Command "nft -f -" failed: out of memory/);
    await flush();
    assert.equal(
      await director.logged("guard.lost"),
      "The rules that keep this host's kernel out of VIP traffic can neither be checked nor put back: " +
        'Command "nft -f -" failed: out of memory',
    );
    await Deno.remove(broken);
    assert.match(await director.logged("guard.restored"), /they are back$/);
    assert.equal(await rules(), guarded, "it covers the VIP that is still in use");

    await director.process.stop();
    assert.equal(await rules(), "");
  },
);

Deno.test(`a guard that is being changed when the director ends is gone afterwards${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const config = configText({
    settings: ["protocol: tcp", "port: 80", "health: { type: dr, port: 80 }"],
    servers: [[21, 1]],
  });
  const director = await network.spawnDirector(config, await temperNft(network));
  await director.logged("director.started");
  await Deno.writeTextFile(`${network.folder}/slow`, "");
  await until("its rules are being changed", async () => {
    return (await network.director.run("test", ["-e", `${network.folder}/begun`])).code === 0;
  });
  await director.logged("probe.claimed");
  assert.equal((await director.process.stop()).code, 0);
  await until(
    "nft has ended",
    async () =>
      (await network.director.run("pgrep", ["-f", `^/bin/sh ${network.folder}/bin/nft`])).code === 1,
  );
  assert.equal(await network.director.require("nft", ["list", "ruleset"]), "");
});

const PROBE_ADDRESS = "192.0.2.250";
const STACKED_MAC = "02:00:00:00:07:02";
/** A VIP and its real servers in a VLAN, checked the way clients come. */
const IN_VLAN = `director: { interface: eth0, probe_address: ${PROBE_ADDRESS} }\n` + configText({
  settings: ["vlan: 7", "protocol: tcp", "port: 80", "health: { type: dr, port: 80 }"],
  servers: [[21, 1]],
});

/**
 * Gives the director's host an interface on top of eth0 in place of its address there. It has no VLAN: what matters is
 * that it gets frames through eth0, as one in a VLAN does, for which a kernel may lack the module.
 */
async function stackInterface({ director }: DirectorNetwork): Promise<void> {
  await director.ip([
    "addr flush dev eth0",
    `link add link eth0 name eth0.7 address ${STACKED_MAC} type macvlan mode bridge`,
    "link set eth0.7 up",
    "addr add 192.0.2.2/24 dev eth0.7",
  ]);
}

Deno.test(
  `what is done on an interface that is stacked on the director's is not blinded by the guard${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    await stackInterface(network);
    // The kernel would like to answer for the VIP there; below, frames for it would have the tag of the VLAN.
    await network.director.setSysctls({ "net.ipv4.conf.eth0.arp_ignore": 8 });
    await network.director.ip([`addr add ${VIP}/32 dev lo`]);
    assert.deepEqual(await network.arpAnswers(VIP, 1), [STACKED_MAC], "unguarded, the kernel answers");
    const director = await network.spawnDirector(IN_VLAN);
    assert.match(await director.logged("probe.claimed"), new RegExp(PROBE_ADDRESS));
    const chains = async () => {
      const table = await network.director.require("nft", ["list", "table", ...TABLE.split(" ")]);
      return [...table.matchAll(/device "([^"]+)"/g)].map(([, device]) => device);
    };
    await until(
      "the guard covers the probe address",
      async () => (await network.director.require("nft", ["list", "ruleset"])).includes(PROBE_ADDRESS),
    );

    assert.deepEqual(await network.arpAnswers(PROBE_ADDRESS, 1), [STACKED_MAC]);
    assert.deepEqual(await network.arpAnswers(VIP, 1), [], "the guard is in force there");
    const [thief] = network.servers;
    await thief!.namespace.ip([`addr add ${VIP}/24 dev eth0`]);
    await thief!.namespace.require("arping", ["-U", "-c", "1", "-I", "eth0", VIP]);
    assert.match(await director.logged("wire.alarm"), new RegExp(`${VIP}.* ${thief!.mac}`));

    await network.director.ip(["link delete eth0.7"]);
    await until("the guard is where the VIP comes in", async () => (await chains()).join() === "eth0");
    assert.match(
      await network.director.require("nft", ["list", "chain", ...TABLE.split(" "), "ingress"]),
      /@vips/,
    );
    await stackInterface(network);
    await until("the guard follows", async () => (await chains()).join() === "eth0,eth0.7");
    await thief!.namespace.ip([`addr del ${VIP}/24 dev eth0`]);
    assert.deepEqual(await network.arpAnswers(VIP, 1), []);
    assert.deepEqual(
      (await director.log()).filter(({ logger }) => logger.startsWith("guard.")),
      [],
      "nobody has changed the rules",
    );
    assert.equal((await director.process.stop()).code, 0);
  },
);

const DIRECTOR_MAC = "02:00:00:00:00:02";
const CLIENT_MAC = "02:00:00:00:00:64";

/** A director's host set up to interfere in every way, and a client. */
async function interferingHost(here: Namespace, there: Namespace): Promise<void> {
  for (const namespace of [here, there]) {
    // Addresses are there at once, not after duplicate detection.
    await namespace.setSysctls({ "net.ipv6.conf.default.accept_dad": 0 });
  }
  await connect({ namespace: here, interface: "eth0", mac: DIRECTOR_MAC }, {
    namespace: there,
    interface: "eth0",
    mac: CLIENT_MAC,
  });
  await here.setSysctls({ "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1 });
  await here.ip(
    ["192.0.2.2/24", "192.0.2.10/32", "2001:db8::2/64", "2001:db8::10/128"].map((own) =>
      `addr add ${own} dev eth0`
    ),
  );
  await there.ip(["192.0.2.100/24", "2001:db8::100/64"].map((own) => `addr add ${own} dev eth0`));
}

Deno.test(
  `the guard keeps a kernel that has the VIPs, and is a router, from answering for them in both families${needing}`,
  { ignore },
  async () => {
    const here = await Namespace.create(`lvg${Deno.pid}a`);
    const there = await Namespace.create(`lvg${Deno.pid}b`);
    try {
      await interferingHost(here, there);
      const answers = async (address: string) => {
        await there.ip(["neigh flush all"]);
        return (await there.run("ping", ["-c", "1", "-W", "1", address])).code === 0;
      };
      const neighbour = async (address: string) => await there.ip([`neigh show ${address}`]);
      for (const vip of ["192.0.2.10", "2001:db8::10"]) {
        assert.equal(await answers(vip), true, `unguarded, ${vip} is answered for`);
      }

      const vips = ["192.0.2.10", "2001:db8::10", "2001:db8::11"];
      await here.require("nft", ["-f", "-"], {
        stdin: guardRuleset("eth0", [{ device: "eth0", addresses: vips }]),
      });
      for (const vip of ["192.0.2.10", "2001:db8::10"]) {
        assert.equal(await answers(vip), false, vip);
        assert.doesNotMatch(await neighbour(vip), new RegExp(DIRECTOR_MAC), `nobody says where ${vip} is`);
        await there.ip([`neigh replace ${vip} dev eth0 lladdr ${DIRECTOR_MAC}`]);
        assert.equal((await there.run("ping", ["-c", "1", "-W", "1", vip])).code, 1, `${vip} at a known MAC`);
      }
      for (const own of ["192.0.2.2", "2001:db8::2"]) assert.equal(await answers(own), true, own);
    } finally {
      await Namespace.remove(here.name);
      await Namespace.remove(there.name);
    }
  },
);

Deno.test(`the guard drops frames for a VIP with and without a VLAN tag, and no others${needing}`, {
  ignore,
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-guard-" });
  const here = await Namespace.create(`lvg${Deno.pid}a`);
  const there = await Namespace.create(`lvg${Deno.pid}b`);
  try {
    const program = `${folder}/send_frames`;
    const source = new URL("send_frames.c", import.meta.url).pathname;
    await requireCommand("gcc", ["-O2", "-Wall", "-Werror", "-o", program, source]);
    await interferingHost(here, there);
    await here.require("nft", ["-f", "-"], {
      stdin: guardRuleset("eth0", [{ device: "eth0", addresses: ["192.0.2.10", "2001:db8::10"] }]),
    });

    const head = { from: CLIENT_MAC, to: DIRECTOR_MAC, sourcePort: 1, destinationPort: 2 };
    const packet = (address: string) =>
      udpFrame({ ...head, source: "192.0.2.100", destination: address, payload: new Uint8Array(8) });
    const packet6 = (address: string) =>
      udp6Frame({ ...head, source: "2001:db8::100", destination: address, payload: new Uint8Array(8) });
    const solicitation = (target: string) =>
      solicitationFrame({ from: CLIENT_MAC, source: "2001:db8::100", ...solicitedNode(target), target });
    const untagged = [
      ...[packet("192.0.2.10"), packet("192.0.2.2"), packet6("2001:db8::10"), packet6("2001:db8::2")],
      ...[solicitation("2001:db8::10"), solicitation("2001:db8::2")],
    ];
    const frames = [...untagged, ...untagged.map((frame) => withVlanTag(frame, 7))];
    const counted = async () => {
      const { stdout } = await here.run("nft", ["list", "table", ...TABLE.split(" ")]);
      return [...stdout.matchAll(/^\s+(\S+ \S+).* counter packets (\d+) /gm)]
        .map(([, match, packets]) => `${match} ${packets}`);
    };
    await there.require(program, ["eth0"], { stdin: frames.map((frame) => frame.toHex() + "\n").join("") });
    await until("the last frame is counted", async () => (await counted()).at(-1)!.endsWith(" 2"));
    assert.deepEqual(await counted(), [
      "ip daddr 2",
      "arp operation 0",
      "ip6 daddr 2",
      "icmpv6 type 2",
    ]);
  } finally {
    await Namespace.remove(here.name);
    await Namespace.remove(there.name);
    await Deno.remove(folder, { recursive: true });
  }
});
