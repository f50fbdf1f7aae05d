/**
 * What `lvsdr doctor` offers where an application listens on its host's own address only: method redirect, and the address
 * that it takes the kernel to hand packets to.
 *
 * @module
 */

import assert from "node:assert/strict";
import { isInstalled } from "../../host/command.ts";
import { parseLinks } from "../../host/links.ts";
import type { Process } from "../../lab/namespace.ts";
import { redirectionAddress } from "../../sentinel/doctor/arrivals.ts";
import { parseUnusable } from "../../sentinel/doctor/host_facts.ts";
import {
  configText,
  DIRECTOR_MAC,
  DirectorNetwork,
  obstacle as namespaceObstacle,
  SECOND_VIP,
  until,
  VIP,
  type WebHost,
} from "./director_network.ts";
import { makeProgramFolder, Patient } from "./doctor_patient.ts";
import { RealServerPair, VIP6 } from "./realserver_pair.ts";

/** Why these tests cannot run here, or `null` if they can. */
const obstacle = namespaceObstacle ?? (isInstalled("nft") ? null : "nft is not installed");

const HEALTH = "health: { type: tcp, port: 80, interval: 200ms, timeout: 150ms, rise: 2, fall: 2 }";
const CONFIG = configText(
  { settings: ["protocol: tcp", "ports: [80, 81]", HEALTH], servers: [[21, 1]] },
  { name: "other", vip: SECOND_VIP, servers: [[21, 1]] },
);

/** Makes nginx listen on its host's own address, on both ports. */
async function listenOnOwnAddress(network: DirectorNetwork, server: WebHost): Promise<void> {
  await network.stopWeb(server);
  const { name, address, namespace } = server;
  const text = await Deno.readTextFile(`${network.folder}/${name}.conf`);
  const file = `${network.folder}/own.conf`;
  const listen = `listen ${address}:80; listen ${address}:81;`;
  await Deno.writeTextFile(file, text.replace(/(listen \S+ reuseport; ?)+/, listen));
  network.start(namespace, "nginx", "-c", file, "-e", "stderr");
  await until(
    "nginx answers",
    async () => (await namespace.run("curl", ["-sf", `${address}:81`])).code === 0,
  );
}

Deno.test({
  name:
    "doctor's commands for an application on another address, typed one by one, never expose a VIP and serve all ports",
  ignore: obstacle !== null,
  async fn() {
    await using network = await DirectorNetwork.create(1);
    const { configFile } = network;
    const programs = await makeProgramFolder(`${network.folder}/bin`);
    const [server] = network.servers as readonly [WebHost];
    const runDir = `${network.folder}/rs1-run`;
    const patient = new Patient(server.namespace, { runDir, configFile, programs });
    const logFile = `${network.folder}/typed.log`;
    const type = (command: string): Process => patient.start(command, logFile);

    // One VIP was there before the role, the other one it gives the host itself: both it undoes in its own way.
    await Deno.writeTextFile(configFile, CONFIG);
    await server.namespace.ip([`address delete ${VIP}/32 dev lo`]);
    await server.namespace.setSysctls({
      "net.ipv4.conf.all.arp_ignore": 0,
      "net.ipv4.conf.all.arp_announce": 0,
    });
    const once = type(`lvsdr realserver -c ${configFile} --once --run-dir ${runDir}`);
    assert.equal((await once.ended).code, 0);
    await listenOnOwnAddress(network, server);
    await network.startDirector(CONFIG);

    const [silent, held, ...others] = await patient.findings();
    assert.deepEqual([silent?.id, held?.id, others], ["app-not-listening", "not-held", []]);
    assert.match(
      silent!.problem,
      new RegExp(`${VIP}:80, tcp ${VIP}:81, tcp ${SECOND_VIP}:80: .* are refused`),
    );
    const commands = silent!.fix!.split("\n");
    assert.equal(commands.length, 4);
    for (const command of commands.slice(0, -1)) {
      assert.equal((await type(command).ended).code, 0, command);
      const answers = await Promise.all([VIP, SECOND_VIP].map((vip) => network.arpAnswers(vip, 1)));
      assert.deepEqual(answers, [[DIRECTOR_MAC], [DIRECTOR_MAC]], command);
    }
    const role = type(commands.at(-1)!);
    try {
      await until("the role holds", async () => {
        if (role.hasEnded) throw new Error(`It ended: ${commands.at(-1)}`);
        const text = await Deno.readTextFile(logFile);
        return text.includes("holding");
      });
      assert.equal(held!.fix, null, "nothing more is to be typed");
      assert.deepEqual(await patient.findings(), []);
      for (const place of [VIP, `${VIP}:81`, SECOND_VIP]) {
        const answer = await network.client.require("curl", ["-sS", "--max-time", "30", `http://${place}/`]);
        assert.match(answer, new RegExp(`^${server.name} `), place);
      }
    } finally {
      await role.stop();
    }
  },
});

/** Addresses of the VIP's family that eth0 of the real server is given, in this order; a link-local one is there always. */
const ADDRESSES: readonly (readonly [vip: string, ...addresses: string[]])[] = [
  [VIP, "192.0.2.21/24", "169.254.7.7/16 scope link"],
  [VIP, "192.0.2.21/24", "10.9.9.9/32 scope host"],
  [VIP, "192.0.2.21/24", "192.0.2.22/24", "198.51.100.5/24"],
  [VIP6, "2001:db8::21/64 nodad", "2001:db8::22/64 nodad"],
  [VIP6, "2001:db8::21/64 nodad", "fd00::5/64 nodad preferred_lft 0"],
  [VIP6],
];

Deno.test({
  name: "redirectionAddress() is the address that the kernel's redirect hands packets to",
  ignore: obstacle !== null,
  async fn() {
    await using pair = await RealServerPair.create("ipv4 and ipv6");
    const { server, client, folder } = pair;
    const file = `${folder}/where.conf`;
    await Deno.writeTextFile(
      file,
      `daemon off; pid ${folder}/where.pid; error_log stderr; events {}
      http { access_log off; server { listen 80; listen [::]:80; location / { return 200 "$server_addr"; } } }`,
    );
    const nginx = server.spawn("nginx", ["-c", file, "-e", "stderr"]);
    try {
      for (const vip of [VIP, VIP6]) await pair.pointClientAtServer(vip);
      const { code, stderr } = await pair.role(
        ...["--once", "--method", "redirect", "--vip", VIP, "--vip", VIP6, "--port", "80"],
      );
      assert.equal(code, 0, stderr);
      await until("nginx answers", async () => (await server.run("curl", ["-sf", "127.0.0.1"])).code === 0);

      const expected = async (vip: string): Promise<string | null> => {
        const links = parseLinks(await server.require("ip", ["-json", "address", "show"]));
        const unusable = parseUnusable(await server.require("ip", ["-json", "-6", "address", "show"]));
        return redirectionAddress({ links, unusable }, { vip, device: "eth0" }, [VIP, VIP6]);
      };
      for (const [vip, ...addresses] of ADDRESSES) {
        const family = vip === VIP ? ["-4"] : ["-6"];
        const scope = vip === VIP ? [] : ["scope", "global"];
        await server.require("ip", [...family, "address", "flush", "dev", "eth0", ...scope]);
        await server.ip(addresses.map((address) => `address add ${address} dev eth0`));
        const net = vip === VIP ? "192.0.2.0/24" : "2001:db8::/64";
        await server.ip([`route replace ${net} dev eth0`]);
        assert.equal(await pair.fetchFromVip(vip), await expected(vip), addresses.join());
      }

      // What somebody else has already is passed over.
      await client.ip(["address add 2001:db8::66/128 dev eth0 nodad preferred_lft 0"]);
      await server.setSysctls({ "net.ipv6.conf.eth0.accept_dad": 1 });
      await server.ip([
        "address add 2001:db8::21/64 dev eth0 nodad",
        "address add 2001:db8::66/64 dev eth0",
      ]);
      await until("duplicate detection fails", async () => {
        return (await server.require("ip", ["-6", "address", "show"])).includes("dadfailed");
      });
      assert.equal(await expected(VIP6), "2001:db8::21");
      assert.equal(await pair.fetchFromVip(VIP6), "2001:db8::21");
    } finally {
      await nginx.stop();
    }
  },
});
