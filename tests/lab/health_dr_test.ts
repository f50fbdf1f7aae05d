import assert from "node:assert/strict";
import { connect } from "../../lab/namespace.ts";
import type { RealServerStatus, StatusSnapshot } from "../../model/status_snapshot.ts";
import {
  configText,
  DIRECTOR_MAC,
  DirectorNetwork,
  type DirectorProcess,
  obstacle,
  SECOND_VIP,
  until,
  VIP,
  type WebHost,
} from "./director_network.ts";
import { addRule, PROBE_ADDRESS } from "./sentinel_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const INTERVAL_MS = 300;
const FALL = 2;
const TIMING = `interval: ${INTERVAL_MS}ms, timeout: 250ms, rise: 1, fall: ${FALL}`;
const SERVERS = [[21, 1], [22, 1]] as const;
/** The same real servers behind two VIPs: one checked through it, the other at their own addresses. */
const CONFIG = configText(
  {
    settings: ["protocol: tcp", "port: 80", `health: { type: dr, port: 80, ${TIMING} }`],
    servers: SERVERS,
  },
  {
    name: "other",
    vip: SECOND_VIP,
    settings: ["protocol: tcp", "port: 80", `health: { type: tcp, port: 80, ${TIMING} }`],
    servers: SERVERS,
  },
) + `director: { probe_address: ${PROBE_ADDRESS} }\n`;

/** What a service says of the first real server. */
function first(status: StatusSnapshot, service: string): RealServerStatus {
  return status.services.find(({ name }) => name === service)!.servers[0]!;
}

/** Waits for longer than it takes checks that fail to take a server out, by the checks of the other service. */
async function timeToFall(director: DirectorProcess): Promise<StatusSnapshot> {
  const before = first((await director.status())!, "other").lastCheck!.at;
  return await director.waitFor("some checks of the other service", (status) => {
    const { at } = first(status, "other").lastCheck!;
    return Date.parse(at) >= Date.parse(before) + 4 * FALL * INTERVAL_MS;
  });
}

/** Has the director audit its real servers, those that it can ask. */
async function askForAudit(network: DirectorNetwork): Promise<void> {
  const url = ["--unix-socket", `${network.runDir}/director.sock`, "http://director/api/v1/audit"];
  await network.director.require("curl", ["-sS", "-X", "POST", ...url]);
}

/** Starts an nginx that listens on the real server's own address and nowhere else. */
async function serveOwnAddressOnly(network: DirectorNetwork, server: WebHost): Promise<void> {
  await network.stopWeb(server);
  const file = `${network.folder}/own.conf`;
  await Deno.writeTextFile(
    file,
    `daemon off; master_process off; user root; pid ${network.folder}/own.pid; error_log stderr; events {}
    http { access_log off; server { listen ${server.address}:80; location / { return 200 "own\\n"; } } }`,
  );
  network.start(server.namespace, "nginx", "-c", file, "-e", "stderr");
}

Deno.test(
  `a dr check sees what a tcp check does not: the application or the VIP is missing${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const [server] = network.servers;
    // Somebody who forwards would like to deal with the answers as well.
    await network.director.setSysctls({ "net.ipv4.ip_forward": 1 });
    const director = await network.startDirector(CONFIG);
    const subject = `VIP ${VIP}:80 at ${server!.address}`;
    const isRed = (verdict: string) => (status: StatusSnapshot) => {
      const { state, lastCheck } = first(status, "web");
      return state === "down" && lastCheck!.message.startsWith(`${subject} ${verdict}: `) &&
        first(status, "other").state === "up";
    };
    const isGreen = (status: StatusSnapshot) =>
      first(status, "web").state === "up" && first(status, "other").state === "up";

    const before = await director.waitFor("the check passes", isGreen);
    assert.equal(first(before, "web").lastCheck!.message, `${subject} ok`);
    await until(
      "this host's kernel is kept away from the answers",
      async () => (await network.director.require("nft", ["list", "ruleset"])).includes(PROBE_ADDRESS),
    );

    const [, other] = network.servers;
    await serveOwnAddressOnly(network, server!);
    await director.waitFor("only the dr check sees that nobody listens on the VIP", isRed("not_listening"));
    assert.match(await network.request(), new RegExp(`^${other!.name} `));
    assert.match(await network.request(), new RegExp(`^${other!.name} `));

    await server!.namespace.ip([`addr del ${VIP}/32 dev lo`]);
    const red = await director.waitFor("the VIP is missing", isRed("vip_missing"));
    assert.equal(first(red, "web").lastCheck!.message, `${subject} vip_missing: VIP missing`);

    await server!.namespace.ip([`addr add ${VIP}/32 dev lo`]);
    await director.waitFor("the VIP is back, the application is not", isRed("not_listening"));
    await addRule(server!, "type filter hook input priority 0;", `ip daddr ${VIP} tcp dport 80 drop`);
    await director.waitFor("a firewall drops what is for the VIP", isRed("dropped"));
    await server!.namespace.require("nft", ["delete", "table", "ip", "broken"]);
    await server!.namespace.require("sh", ["-c", `kill $(cat ${network.folder}/own.pid)`]);
    await network.startWeb(server!);
    const after = await director.waitFor("all is well again", isGreen);

    assert.equal(after.services[0]!.connections, 2, "nothing but the two requests was scheduled");
    assert.equal(first(after, "web").connections, 0);
    const said = (await director.log()).filter(({ logger }) => logger === "realserver.down");
    assert.equal(said.length, 1);
    assert.match(
      said[0]!.message,
      /^web\/192\.0\.2\.21 is down: VIP 192\.0\.2\.10:80 at 192\.0\.2\.21 \w+: /,
    );
  },
);

Deno.test(
  `dr checks are made from an address of their own, which nobody but them answers for${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const director = await network.startDirector(CONFIG);
    const frames = await network.capture(network.director, `arp or host ${PROBE_ADDRESS}`, async () => {
      const at = first((await director.status())!, "web").lastCheck!.at;
      await director.waitFor("more checks", (status) => {
        const { lastCheck } = first(status, "web");
        return Date.parse(lastCheck!.at) > Date.parse(at) + 900;
      });
    });
    const sent = frames.flatMap((line) => {
      const match = line.match(
        / (\S+) > (\S+), ethertype IPv4 .*: 192\.0\.2\.200\.\d+ > \S+: Flags \[(.*?)\]/,
      );
      return match === null ? [] : [match.slice(1).join(" ")];
    });
    const wanted = network.servers.flatMap(({ mac }) =>
      ["R", "S"].map((flag) => `${DIRECTOR_MAC} ${mac} ${flag}`)
    );
    assert.deepEqual(
      [...new Set(sent)].toSorted(),
      wanted.toSorted(),
      "a SYN and its reset, and nothing else",
    );
    assert.deepEqual(
      [...new Set(await network.arpAnswers(PROBE_ADDRESS, 1))],
      [DIRECTOR_MAC],
      "held between the checks",
    );
    const { alarms, services } = (await director.status())!;
    assert.deepEqual(alarms, [], "the sentinel takes it for nobody's VIP");
    assert.equal(services[0]!.connections, 0);

    // Somebody takes it: no server goes down for that, and the log says why there are no checks.
    await network.client.ip([`addr add ${PROBE_ADDRESS}/24 dev eth0`]);
    await network.client.require("arping", ["-c", "1", "-A", "-I", "eth0", PROBE_ADDRESS]);
    await director.waitFor(
      "the address is lost",
      ({ events }) =>
        events.some(({ name, message }) => name === "probe.lost" && message.includes(PROBE_ADDRESS)),
    );
    const status = await timeToFall(director);
    assert.deepEqual(status.services[0]!.servers.map(({ state }) => state), ["up", "up"]);
    assert.deepEqual(await director.messages("realserver.down"), []);
  },
);

Deno.test(
  `a reload moves dr checks to another address, and refuses one they cannot use${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const director = await network.startDirector(CONFIG);
    const refused = await director.reload(CONFIG.replace(PROBE_ADDRESS, "198.51.100.1"));
    assert.equal(refused.logger, "config.refused");
    assert.match(
      refused.message,
      /probe_address 198\.51\.100\.1 is not in the real servers' subnet 192\.0\.2\.2\/24/,
    );

    const taken = await director.reload(CONFIG.replace(PROBE_ADDRESS, "192.0.2.201"));
    assert.equal(taken.logger, "config.loaded");
    const status = await director.waitFor(
      "checks from the other address",
      ({ events }) => events.some(({ name, message }) => name === "probe.claimed" && /201$/.test(message)),
    );
    const checkedAt = first(status, "web").lastCheck!.at;
    const later = await director.waitFor("a check", (now) => first(now, "web").lastCheck!.at > checkedAt);
    assert.match(first(later, "web").lastCheck!.message, / ok$/);
    assert.deepEqual(later.events.filter(({ name }) => name === "realserver.down"), [], "nothing went down");
    assert.deepEqual(await network.arpAnswers(PROBE_ADDRESS, 1), [], "the former one is given up");
  },
);

Deno.test(
  `real servers that could never be checked get no connections, and the log says so${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    await network.client.ip([`addr add ${PROBE_ADDRESS}/24 dev eth0`]);
    const director = await network.spawnDirector(CONFIG);
    assert.match(
      await director.logged("probe.lost"),
      new RegExp(`the others get no connections: ${PROBE_ADDRESS} is in use by .*set director.probe_address`),
    );
    assert.equal(await director.logged("service.unavailable"), "No real server of web can be used");
    const { code, stderr } = await network.client.run("curl", ["-sS", "--max-time", "60", `http://${VIP}/`]);
    assert.equal(code, 7, stderr);
    assert.match(await network.request(SECOND_VIP), /^rs\d /);

    await director.reload(CONFIG.replace(PROBE_ADDRESS, "192.0.2.201"));
    await director.logged("service.available");
    assert.match(await network.request(), /^rs\d /);
    assert.deepEqual(await director.messages("realserver.down"), []);
  },
);

Deno.test(
  `real servers whose interface is down for a while stay what they were, and are checked again${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const [host, server] = [network.director, network.servers[0]!.namespace];
    await connect({ namespace: host, interface: "eth1" }, { namespace: server, interface: "eth1" });
    await host.ip(["addr add 10.0.0.2/24 dev eth1"]);
    await server.ip(["addr add 10.0.0.21/24 dev eth1"]);
    const director = await network.startDirector(
      CONFIG.replaceAll("192.0.2.21", "10.0.0.21").replace(/director: .*/, "director: { interface: eth0 }")
        // The director has not heard of its interface when the first checks cannot be made.
        .replace(/interval: .*, rise: 1, fall: \d/, "interval: 110ms, timeout: 100ms, rise: 1, fall: 1"),
    );
    const isChecked = (after: string) => (status: StatusSnapshot) => {
      const { state, lastCheck } = first(status, "web");
      return state === "up" && lastCheck!.message.endsWith(" ok") && lastCheck!.at > after;
    };
    await director.waitFor("it is checked", isChecked(""));

    await host.ip(["link set eth1 down"]);
    await timeToFall(director);
    await askForAudit(network);
    assert.match(await director.logged("probe.lost"), /^Real servers on eth1 cannot be checked/);
    await host.ip(["link set eth1 up"]);
    await director.waitFor("it is checked again", isChecked((await director.status())!.at));
    const downs = await director.messages("realserver.down");
    assert.deepEqual(downs.filter((message) => message.startsWith("web/")), []);
  },
);

Deno.test(
  `a real server that was taken out and comes back with another MAC is checked where it is${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const [server] = network.servers;
    // Checks have time to wait for a MAC.
    const patient = CONFIG.replaceAll(/interval: .*, rise/g, "interval: 4s, timeout: 3s, rise");
    const director = await network.startDirector(patient);
    const line = '      - { address: "192.0.2.21", weight: 1 }\n';
    assert.equal((await director.reload(patient.replaceAll(line, ""))).logger, "config.loaded");
    await server!.namespace.ip(["link set eth0 address 02:00:00:00:00:99"]);
    assert.equal((await director.reload(patient)).logger, "config.loaded");
    await director.waitFor("it is checked", (status) => first(status, "web").state === "up");
    assert.deepEqual(
      (await director.messages("realserver.down")).filter((message) => message.startsWith("web/")),
      [],
    );
  },
);
