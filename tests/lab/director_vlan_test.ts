import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { requireCommand } from "../../host/command.ts";
import { connect, Namespace, type Process } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import { obstacle as rootObstacle, until } from "./director_network.ts";

function hasCompiler(): boolean {
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const obstacle = rootObstacle ?? (hasCompiler() ? null : "gcc is not installed");
const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const VIP = "192.0.2.10";
const VIP6 = "2001:db8::10";
const VIP_VLAN = 7;
const OTHER_VLAN = 8;
const CLIENT = { address: "192.0.2.100", address6: "2001:db8::100", answers: "198.51.100.100" };
const CLIENT_ANSWERS6 = "2001:db8:51::100";
const DIRECTOR_MAC = "02:00:00:00:00:02";
const MEGABYTES = 5;

/** Each in a VLAN of its own: another one than the VIP's, the VIP's, and none. */
const SERVERS = [
  { name: "rs1", vlan: OTHER_VLAN, address: "10.8.0.21", address6: "2001:db8:8::21", octet: 21 },
  { name: "rs2", vlan: VIP_VLAN, address: "192.0.2.22", address6: "2001:db8::22", octet: 22 },
  { name: "rs3", vlan: 0, address: "10.0.0.23", address6: "2001:db8:10::23", octet: 23 },
] as const;

const vlanText = (vlan: number) => vlan === 0 ? "none" : String(vlan);
const CONFIG = `
director: { interface: eth0 }
status: { listen: "off" }
services:
${
  ([[VIP, "address"], [VIP6, "address6"]] as const).map(([vip, key]) => `
  - vip: "${vip}"
    vlan: ${VIP_VLAN}
    port: 80
    scheduler: rr
    health: none
    servers:
${
    SERVERS.map((server) => `      - { address: "${server[key]}", vlan: ${vlanText(server.vlan)} }`).join(
      "\n",
    )
  }`).join(
    "\n",
  )
}
`;

/** A client, a director behind a trunk and real servers, whose answers reach the client on a way of their own. */
class VlanNetwork implements AsyncDisposable {
  readonly folder: string;
  readonly client: Namespace;
  readonly director: Namespace;
  readonly #namespaces: Namespace[] = [];
  readonly #processes: Process[] = [];

  private constructor(folder: string, client: Namespace, director: Namespace) {
    this.folder = folder;
    this.client = client;
    this.director = director;
  }

  static async create(): Promise<VlanNetwork> {
    const prefix = `lvv${Deno.pid}`;
    const folder = await Deno.makeTempDir({ prefix: "lvsdr-vlan-" });
    const made: Namespace[] = [];
    const host = async (name: string, octet: number) => {
      const namespace = await Namespace.create(prefix + name);
      made.push(namespace);
      await namespace.setSysctls({
        "net.ipv4.conf.all.rp_filter": 0,
        "net.ipv4.conf.all.arp_ignore": 1,
        "net.ipv4.conf.all.arp_announce": 2,
        "net.ipv6.conf.default.accept_dad": 0,
      });
      const mac = `02:00:00:00:00:${octet.toString(16).padStart(2, "0")}`;
      await connect({ namespace, interface: "eth0", mac }, { namespace: wires, interface: name });
      return namespace;
    };
    const wires = await Namespace.create(`${prefix}w`);
    made.push(wires);
    await wires.setSysctls({ "net.ipv6.conf.all.disable_ipv6": 1 });
    await wires.ip(["link add answers type bridge stp_state 0 forward_delay 0", "link set answers up"]);
    const client = await host("client", 100);
    const director = await host("director", 2);
    const network = new VlanNetwork(folder, client, director);
    network.#namespaces.push(...made);
    const join = async (namespace: Namespace, name: string, lines: readonly string[]) => {
      await connect({ namespace, interface: "eth1" }, { namespace: wires, interface: `${name}a` });
      await wires.ip([`link set ${name}a master answers`]);
      await namespace.ip(lines);
    };
    await director.ip(["addr add 10.0.0.2/24 dev eth0", "addr add 2001:db8:10::2/64 dev eth0"]);
    await client.ip([`addr add ${CLIENT.address}/24 dev eth0`, `addr add ${CLIENT.address6}/64 dev eth0`]);
    await join(client, "client", [
      `addr add ${CLIENT.answers}/24 dev eth1`,
      `addr add ${CLIENT_ANSWERS6}/64 dev eth1`,
    ]);
    for (const { name, octet, address, address6 } of SERVERS) {
      const namespace = await host(name, octet);
      network.#namespaces.push(namespace);
      await namespace.ip([
        `addr add ${address}/24 dev eth0`,
        `addr add ${address6}/64 dev eth0`,
        `addr add ${VIP}/32 dev lo`,
        `addr add ${VIP6}/128 dev lo nodad`,
      ]);
      await join(namespace, name, [
        `addr add 198.51.100.${octet}/24 dev eth1`,
        `addr add 2001:db8:51::${octet}/64 dev eth1`,
        `route add ${CLIENT.address}/32 via ${CLIENT.answers}`,
        `route add ${CLIENT.address6}/128 via ${CLIENT_ANSWERS6}`,
      ]);
      await network.#serve(namespace, name);
    }
    await network.#switch(wires);
    return network;
  }

  start(namespace: Namespace, program: string, ...args: string[]): Process {
    const process = namespace.spawn(program, args, { logFile: `${this.folder}/log` });
    this.#processes.push(process);
    return process;
  }

  async #serve(namespace: Namespace, name: string): Promise<void> {
    const config = `${this.folder}/${name}.conf`;
    const uploads = `${this.folder}/${name}`;
    await Deno.mkdir(uploads);
    await Deno.writeTextFile(
      config,
      `daemon off; master_process off; user root; pid ${config}.pid; error_log stderr; events {}
      http {
        access_log off; client_max_body_size 0; client_body_temp_path ${uploads}/tmp;
        server {
          listen 80; listen [::]:80;
          location / { return 200 "${name}\\n"; }
          location /files/ { alias ${this.folder}/; }
          location /up/ { alias ${uploads}/; dav_methods PUT; }
        }
      }`,
    );
    this.start(namespace, "nginx", "-c", config, "-e", "stderr");
    await until(
      `nginx of ${name} answers`,
      async () => (await namespace.run("curl", ["-sf", `http://127.0.0.1/`])).code === 0,
    );
  }

  async #switch(wires: Namespace): Promise<void> {
    const program = `${this.folder}/vlan_switch`;
    const source = fileURLToPath(import.meta.resolve("./vlan_switch.c"));
    await requireCommand("gcc", ["-O2", "-Wall", "-Wextra", "-o", program, source]);
    const ports = [`client=${VIP_VLAN}`, ...SERVERS.map(({ name, vlan }) => `${name}=${vlan}`)];
    this.start(wires, program, "director", ...ports);
    await until(
      "the switch works",
      async () => (await Deno.readTextFile(`${this.folder}/log`)).includes("switching"),
    );
  }

  /** Starts tcpdump(8) on the director's interface; call what is returned for the lines. */
  async watch(): Promise<() => Promise<string[]>> {
    const file = `${this.folder}/trunk.pcap`;
    const options = ["-i", "eth0", "-U", "--immediate-mode", "-B", "32768", "-s", "200", "-w", file];
    const tcpdump = this.start(this.director, "tcpdump", ...options);
    await until("tcpdump listens", async () => (await Deno.stat(file).catch(() => null)) !== null);
    return async () => {
      await tcpdump.stop();
      return (await requireCommand("tcpdump", ["-nn", "-e", "-r", file])).split("\n");
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    for (const { name } of this.#namespaces) await Namespace.remove(name);
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test(
  `a VIP in a VLAN is served by real servers in that, in another and in no VLAN${needing}`,
  { ignore },
  async (t) => {
    await using network = await VlanNetwork.create();
    const { client, folder } = network;
    const stopWatching = await network.watch();
    await Deno.writeTextFile(`${folder}/cluster.yaml`, CONFIG);
    const director = selfCommand(["director", "-c", `${folder}/cluster.yaml`, "--run-dir", `${folder}/run`]);
    const process = network.start(network.director, ...director);
    const get = (vip: string, path: string, ...options: string[]) =>
      client.run("curl", [
        "-sSfg",
        "-m",
        "30",
        ...options,
        `http://${vip === VIP ? vip : `[${vip}]`}/${path}`,
      ]);
    await until("every real server is found", async () => {
      if (process.hasEnded) throw new Error(await Deno.readTextFile(`${folder}/log`));
      const answers = new Set<string>();
      for (const vip of [VIP, VIP6]) {
        for (let request = 0; request < 3; request++) {
          answers.add(vip + (await get(vip, "", "-m", "1")).stdout.trim());
        }
      }
      return SERVERS.every(({ name }) => answers.has(VIP + name) && answers.has(VIP6 + name));
    });

    await t.step("each gets its share, over both families", async () => {
      for (const vip of [VIP, VIP6]) {
        const answers = [await get(vip, ""), await get(vip, ""), await get(vip, "")];
        assert.deepEqual(answers.map(({ stdout }) => stdout.trim()).toSorted(), ["rs1", "rs2", "rs3"]);
      }
    });
    await t.step(`uploads and downloads of ${MEGABYTES} MB arrive whole, merged frames and all`, async () => {
      const file = `${folder}/random`;
      await requireCommand("sh", ["-c", `head -c ${MEGABYTES}M /dev/urandom >${file}`]);
      for (const vip of [VIP, VIP6]) {
        for (const { name } of SERVERS) {
          const { code, stderr } = await get(vip, "up/upload", "-T", file);
          assert.equal(code, 0, `${vip} ${name}: ${stderr}`);
        }
        for (const { name } of SERVERS) {
          await requireCommand("cmp", [file, `${folder}/${name}/upload`]);
          await Deno.remove(`${folder}/${name}/upload`);
        }
        const { code, stderr } = await get(vip, "files/random", "-o", `${file}.copy`);
        assert.equal(code, 0, stderr);
        await requireCommand("cmp", [file, `${file}.copy`]);
      }
    });
    await t.step("pings are answered, and a VIP is found at the director alone", async () => {
      for (const vip of [VIP, VIP6]) {
        await client.require("ping", ["-n", "-c", "1", "-W", "5", vip]);
        const neighbor = await client.require("ip", ["neighbor", "show", vip]);
        assert.ok(neighbor.includes(`lladdr ${DIRECTOR_MAC}`), neighbor);
      }
    });
    await t.step("every frame has the tag it should have, and no other", async () => {
      const lines = await stopWatching();
      const sent = (line: string) => line.includes(` ${DIRECTOR_MAC} > `);
      const inVlan = (vlan: number) => (line: string) =>
        vlan === 0 ? !line.includes("802.1Q") : line.includes(`vlan ${vlan},`);
      const toServer = (octet: number) => (line: string) =>
        line.includes(`> 02:00:00:00:00:${octet.toString(16)},`);
      for (const { name, vlan, octet, address, address6 } of SERVERS) {
        const forwarded = lines.filter((line) =>
          sent(line) && toServer(octet)(line) && / > .*\.80: /.test(line)
        );
        assert.ok(forwarded.length > 10, name);
        assert.deepEqual(forwarded.filter((line) => !inVlan(vlan)(line)), [], name);
        const asked = lines.filter((line) =>
          sent(line) && (line.includes(`who-has ${address} `) || line.includes(`who has ${address6},`))
        );
        assert.deepEqual(asked.filter((line) => !inVlan(vlan)(line)), [], name);
        assert.ok(
          asked.some((line) => line.includes("who-has")) && asked.some((line) => line.includes("who has")),
        );
      }
      const announced = lines.filter((line) =>
        sent(line) &&
        (line.includes(`who-has ${VIP} tell ${VIP},`) || line.includes(`tgt is ${VIP6}`) ||
          line.includes(`${VIP} is-at`))
      );
      assert.ok(announced.length >= 3);
      assert.deepEqual(announced.filter((line) => !inVlan(VIP_VLAN)(line)), []);
    });
    await t.step("a switch that listens to MLD in the VLAN is told of the VIP's group", async () => {
      const filter = `eth.src == ${DIRECTOR_MAC} && vlan.id == ${VIP_VLAN} && icmpv6.type == 143`;
      const fields = [
        ...["ipv6.src", "ipv6.dst", "ipv6.hlim", "ipv6.opt.router_alert", "icmpv6.checksum.status"],
        ...["icmpv6.mldr.mar.record_type", "icmpv6.mldr.mar.multicast_address", "_ws.expert.severity"],
      ];
      const reports = await requireCommand("tshark", [
        ...["-r", `${folder}/trunk.pcap`, "-Y", filter, "-T", "fields", "-E", "separator= "],
        ...fields.flatMap((field) => ["-e", field]),
      ]);
      const lines = reports.trim().split("\n");
      assert.ok(lines.length >= 2, reports);
      // An alert for MLD, a right checksum, a change to "from everybody", and nothing that tshark objects to.
      assert.deepEqual(
        [...new Set(lines.map((line) => line.trim()))],
        ["fe80::ff:fe00:2 ff02::16 1 0 1 4 ff02::1:ff00:10"],
      );
    });
  },
);
