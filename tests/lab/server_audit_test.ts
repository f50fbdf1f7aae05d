import assert from "node:assert/strict";
import { connect } from "../../lab/namespace.ts";
import type { AuditReport, StatusSnapshot } from "../../model/status_snapshot.ts";
import { configText, DirectorNetwork, obstacle, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Has the director audit its real servers, as the README says. */
async function audit(network: DirectorNetwork): Promise<AuditReport> {
  const socket = ["--unix-socket", `${network.runDir}/director.sock`];
  const url = "http://director/api/v1/audit";
  return JSON.parse(await network.director.require("curl", ["-sSf", "-X", "POST", ...socket, url]));
}

function verdicts(status: StatusSnapshot): (string | undefined)[] {
  return status.services[0]!.servers.map((server) => server.audit?.verdict);
}

Deno.test(
  `a reload that leaves an audit under way without its interface does no harm${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const server = configText({ settings: ["port: 80", "health: none"], servers: [[21, 1]] });
    const config = `director: { interface: eth0 }\n${server}`;
    // Nobody is at the second address: it is asked for as long as possible.
    const director = await network.spawnDirector(
      `${config}      - { address: 192.0.2.77 }\n`,
    );
    await director.logged("director.started");
    const inVlan = config.replace("    servers:", "    vlan: 7\n    servers:") +
      "      - { address: 192.0.2.77 }\n";
    assert.equal((await director.reload(inVlan)).logger, "config.loaded");
    const { audits, obstacles } = await audit(network);
    assert.deepEqual(audits, []);
    assert.match(obstacles[0]!, /^Real server 192\.0\.2\.21 is in VLAN 7, where this host has no address/);
    assert.match(obstacles[1]!, /^Real server 192\.0\.2\.77 is in VLAN 7/);
    const told = await director.logged("audit.failed");
    assert.match(told, /Real server 192\.0\.2\.21 .*; Real server 192\.0\.2\.77 /);
    assert.doesNotMatch(told, /--interface|Run it/, "that is for who runs verify");
    assert.equal((await director.process.stop()).code, 0);
  },
);

Deno.test(
  `a director audits its real servers at the start and on demand, and says who is exposed${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(3);
    const [exposed, gone] = network.servers;
    const harden = (value: number) =>
      exposed!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": value });
    await harden(0);
    // Real servers that nobody checks: down is none of them.
    const director = await network.spawnDirector(configText({
      settings: ["protocol: tcp", "port: 80", "health: none"],
      servers: [[21, 1], [22, 1], [23, 1]],
    }));
    await director.waitFor(
      "the first audit",
      (status) => verdicts(status).join(" ") === "answers hardened hardened",
    );
    const said = async (name: string) =>
      (await director.log()).filter(({ logger }) => logger === name).map(({ message }) => message);
    assert.deepEqual(await said("realserver.exposed"), [
      `192.0.2.21 answers ARP for ${VIP} (with ${
        exposed!.mac
      }): whoever asks may send the VIP's traffic to it, past ` +
      "the director; where lvsdr realserver runs already, restart it " +
      `(on 192.0.2.21: lvsdr realserver -c ${network.configFile})`,
    ]);

    await audit(network);
    assert.equal((await said("realserver.exposed")).length, 1, "said once");
    await harden(1);
    await gone!.namespace.ip(["link set eth0 down"]);
    const { audits, obstacles } = await audit(network);
    assert.deepEqual(obstacles, []);
    assert.deepEqual(
      audits.map(({ server, vip, verdict, mac }) => `${server} ${vip} ${verdict} ${mac}`),
      [
        `192.0.2.21 ${VIP} hardened ${exposed!.mac}`,
        `192.0.2.22 ${VIP} unreachable null`,
        `192.0.2.23 ${VIP} hardened ${network.servers[2]!.mac}`,
      ],
    );
    const status = (await director.status())!;
    assert.deepEqual(verdicts(status), ["hardened", "unreachable", "hardened"]);
    assert.deepEqual(await said("realserver.hardened"), [
      `192.0.2.21 does not answer ARP for ${VIP} any more`,
    ]);
    const port = await network.director.run("curl", [
      ...["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"],
      "http://127.0.0.1:8480/api/v1/audit",
    ]);
    assert.equal(port.stdout, "403");
  },
);

Deno.test(
  `a director's audit tells a host with two addresses, and later one it knows that takes all of them${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const [first, double] = network.servers;
    await double!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    await double!.namespace.ip(["addr add 192.0.2.31/24 dev eth0"]);
    const director = await network.spawnDirector(configText({
      settings: ["protocol: tcp", "port: 80", "health: none"],
      servers: [[21, 1], [22, 1], [31, 1]],
    }));
    await director.waitFor(
      "the first audit",
      (status) => verdicts(status).join(" ") === "hardened answers answers",
    );
    await first!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    await first!.namespace.ip([`addr add ${VIP}/24 dev lo`]);
    assert.deepEqual(
      (await audit(network)).audits.map(({ verdict, mac }) => [verdict, mac]),
      [first!, double!, double!].map(({ mac }) => ["answers", mac]),
    );
    await first!.namespace.ip(["link set eth0 down"]);
    assert.deepEqual(
      (await audit(network)).audits.map(({ verdict }) => verdict),
      ["unreachable", "answers", "answers"],
    );
  },
);

Deno.test(
  `a verdict ends with the interface it was found by, and the others are audited all the same${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const { director: host, servers: [server] } = network;
    await connect({ namespace: host, interface: "eth1" }, {
      namespace: server!.namespace,
      interface: "eth1",
    });
    await host.ip(["addr add 10.0.0.2/24 dev eth1"]);
    await server!.namespace.ip(["addr add 10.0.0.22/24 dev eth1"]);
    const config = configText({ settings: ["port: 80", "health: none"], servers: [[22, 1], [21, 1]] });
    const director = await network.spawnDirector(
      "director: { interface: eth0 }\n" + config.replace("192.0.2.22", "10.0.0.22"),
    );
    const isAudited = (...wanted: readonly (string | undefined)[]) =>
      director.waitFor(
        `audits ${wanted}`,
        (status) => verdicts(status).every((verdict, index) => verdict === wanted[index]),
      );
    await isAudited("hardened", "hardened");

    await host.ip(["link set eth1 down"]);
    await isAudited(undefined, "hardened");
    assert.equal(
      await director.logged("audit.failed"),
      'Not every real server can be audited: Interface "eth1" is down (ip link set eth1 up)',
    );
    await server!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    const { audits, obstacles } = await audit(network);
    assert.deepEqual(audits.map(({ server, verdict }) => [server, verdict]), [["192.0.2.21", "answers"]]);
    assert.deepEqual(obstacles, ['Interface "eth1" is down (ip link set eth1 up)']);
    await isAudited(undefined, "answers");
    assert.equal((await director.messages("audit.failed")).length, 1, "said once");

    await host.ip(["link set eth1 up"]);
    await isAudited("answers", "answers");
  },
);

Deno.test(
  `a real server that a reload adds is audited at once${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    await network.servers[1]!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    const configWith = (...servers: [number, number][]) =>
      configText({ settings: ["port: 80", "health: none"], servers });
    const director = await network.spawnDirector(configWith([21, 1]));
    await director.waitFor("the first audit", (status) => verdicts(status)[0] === "hardened");
    assert.equal((await director.reload(configWith([21, 1], [22, 1]))).logger, "config.loaded");
    await director.waitFor("its audit", (status) => verdicts(status)[1] === "answers");
  },
);

Deno.test(
  `an interface that cannot be listened on keeps no other real server from being audited${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const [server] = network.servers;
    const module = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
    // It went after the interfaces were read, which is too short a time to hit.
    const code = `
      import { parseConfig } from ${module("config/parse_config.ts")};
      import { EventLog } from ${module("director/events.ts")};
      import { ServerAudits } from ${module("director/server_audits.ts")};
      import { readLinks } from ${module("host/links.ts")};
      import { findVantages } from ${module("sentinel/vantage.ts")};
      const config = parseConfig(Deno.readTextFileSync(${
      JSON.stringify(network.configFile)
    }), "cluster.yaml");
      const servers = config.services.flatMap(({ servers }) => servers);
      const vantages = (links) => findVantages(links, servers, new Set(), { only: null, director: "eth0", asker: "director" }).vantages;
      const links = await readLinks();
      const gone = links.map((link) => link.name !== "eth0" ? link : {
        ...link, name: "gone", index: 99, addresses: [{ address: "10.0.0.2", prefixLength: 24, scope: "global" }],
      });
      const audits = new ServerAudits({ config, path: "" }, new EventLog(() => {}));
      audits.adopt({ config, path: "" }, { vantages: [...vantages(gone), ...vantages(links)], unseen: new Map() });
      const { obstacles } = await audits.auditAll();
      const found = servers.map(({ address }) => audits.statusOf(address, "${VIP}")?.verdict ?? null);
      console.log(JSON.stringify({ obstacles, found }));
      await audits.stop();`;
    const config = configText({ settings: ["port: 80", "health: none"], servers: [[22, 1], [21, 1]] });
    await Deno.writeTextFile(network.configFile, config.replace("192.0.2.22", "10.0.0.22"));
    const words = ["eval", "--quiet", "--ext=ts", code];
    const said = JSON.parse(await network.director.require(Deno.execPath(), words));
    assert.equal(said.obstacles.length, 1);
    assert.match(said.obstacles[0], /"gone"/);
    assert.deepEqual(said.found, [null, "hardened"], `${server!.address} was asked`);
  },
);
