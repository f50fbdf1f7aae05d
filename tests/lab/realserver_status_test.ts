import assert from "node:assert/strict";
import type { Process } from "../../lab/namespace.ts";
import type { HostStatus } from "../../model/host_status.ts";
import { until } from "./director_network.ts";
import {
  CLIENT_ADDRESS6,
  obstacle,
  REAL_SERVER_ADDRESS,
  REAL_SERVER_ADDRESS6,
  RealServerPair,
  VIP,
  VIP6,
} from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const PORT = 8481;
const TOKEN = "a-long-enough-secret";

/** Writes a cluster configuration in which the pair's server has a VIP of both families and a status port. */
async function writeConfig(
  pair: RealServerPair,
  { method = "loopback", ports = "[80]" } = {},
): Promise<string> {
  const path = `${pair.folder}/cluster.yaml`;
  const text = `services:
  - { name: web, vip: ${VIP}, ports: ${ports}, health: none, servers: [{ address: ${REAL_SERVER_ADDRESS} }] }
  - { name: web6, vip: "${VIP6}", ports: ${ports}, health: none, servers: [{ address: "${REAL_SERVER_ADDRESS6}" }] }
realserver: { method: ${method}, status: { port: ${PORT}, token: ${TOKEN} } }
`;
  await Deno.writeTextFile(path, text);
  return path;
}

/** What the client's curl(1) gets from the status port of an address: the code, 000 for no answer, and the body. */
async function ask(
  pair: RealServerPair,
  address: string,
  ...args: string[]
): Promise<{ readonly code: string; readonly body: string }> {
  const host = address.includes(":") ? `[${address}]` : address;
  const { stdout } = await pair.client.run("curl", [
    ...["-sg", "--max-time", "10", "-w", "\\n%{http_code}"],
    ...[...args, `http://${host}:${PORT}/api/v1/status`],
  ]);
  const end = stdout.lastIndexOf("\n");
  return { code: stdout.slice(end + 1), body: stdout.slice(0, end) };
}

const WITH_TOKEN = ["-H", `Authorization: Bearer ${TOKEN}`];

async function statusOf(pair: RealServerPair): Promise<HostStatus> {
  return JSON.parse((await ask(pair, REAL_SERVER_ADDRESS, ...WITH_TOKEN)).body);
}

Deno.test(
  `a real server tells of itself on its own addresses, to whoever has the token, never on a VIP${needing}`,
  {
    ignore,
  },
  async () => {
    await using pair = await RealServerPair.create("ipv4 and ipv6");
    const before = await pair.snapshot();
    const role = await pair.hold("-c", await writeConfig(pair));
    await pair.pointClientAtServer(VIP);
    await pair.pointClientAtServer(VIP6);
    for (const [own, vip] of [[REAL_SERVER_ADDRESS, VIP], [REAL_SERVER_ADDRESS6, VIP6]] as const) {
      assert.equal((await ask(pair, own)).code, "401", own);
      assert.equal((await ask(pair, own, ...WITH_TOKEN, "-X", "DELETE")).code, "405", own);
      assert.equal((await ask(pair, own, ...WITH_TOKEN)).code, "200", own);
      assert.equal((await pair.client.run("ping", ["-c", "1", "-W", "2", vip])).code, 0, `${vip} is served`);
      assert.equal((await ask(pair, vip, ...WITH_TOKEN)).code, "000", vip);
    }
    const listening = await pair.server.require("ss", ["-Hltn", `sport = :${PORT}`]);
    assert.deepEqual(listening.trim().split("\n").map((line) => line.split(/\s+/)[3]).toSorted(), [
      `${REAL_SERVER_ADDRESS}:${PORT}`,
      `[${REAL_SERVER_ADDRESS6}]:${PORT}`,
    ]);

    const status = await statusOf(pair);
    assert.deepEqual([status.ok, status.method, status.trouble, status.drifts], [true, "loopback", null, []]);
    assert.deepEqual(status.targets, [
      { vip: VIP, device: "eth0", realServerAddress: REAL_SERVER_ADDRESS },
      { vip: VIP6, device: "eth0", realServerAddress: REAL_SERVER_ADDRESS6 },
    ]);
    for (const fact of ["arp_ignore on eth0", `VIP ${VIP}`, `VIP ${VIP6}`]) {
      assert(status.facts.some((one) => one.fact === fact && one.ok), fact);
    }
    const loadavg = Number((await pair.server.require("cat", ["/proc/loadavg"])).split(" ")[2]);
    assert(Math.abs(status.load.averages[2] - loadavg) < 1, `${status.load.averages} beside ${loadavg}`);

    const { code, text } = await role.stop("SIGINT");
    assert.equal(code, 0, text);
    assert(!text.includes(TOKEN));
    assert.equal((await ask(pair, REAL_SERVER_ADDRESS, ...WITH_TOKEN)).code, "000", "closed with the role");
    assert.equal(await pair.snapshot(), before);
  },
);

Deno.test(`a drift and its repair are told with their cause and times${needing}`, { ignore }, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  const config = await writeConfig(pair);
  const reporting = await pair.hold("--no-repair", "-c", config);
  await pair.server.ip([`address delete ${VIP}/32 dev lo`]);
  await reporting.until(/drift: VIP/);
  const wrong = await statusOf(pair);
  assert.equal(wrong.ok, false);
  assert.deepEqual(wrong.facts.filter(({ ok }) => !ok).map(({ fact, found }) => [fact, found]), [
    [`VIP ${VIP}`, "on no interface"],
  ]);
  assert.deepEqual(wrong.drifts.map(({ fact, mendedAt }) => [fact, mendedAt]), [[`VIP ${VIP}`, null]]);
  await reporting.stop("SIGINT");

  const repairing = await pair.hold("-c", config);
  await pair.server.ip([`address delete ${VIP}/32 dev lo`]);
  await repairing.until(/repaired: VIP/);
  const { ok, drifts: [drift] } = await statusOf(pair);
  assert.equal(ok, true);
  assert.match(drift!.cause, /ip monitor: Deleted .*192\.0\.2\.10/);
  assert(drift!.at <= drift!.mendedAt!);
  await repairing.stop("SIGINT");
});

Deno.test(
  `a status port that is taken, or open through the VIP, is refused before anything changes${needing}`,
  {
    ignore,
  },
  async () => {
    await using pair = await RealServerPair.create("ipv4 and ipv6");
    const before = await pair.snapshot();
    const anyPort = await writeConfig(pair, { ports: "any" });
    const hidden = await pair.role("-c", anyPort, "--method", "redirect");
    assert.equal(hidden.code, 78, hidden.stderr);
    assert.match(hidden.stderr, /reachable at the VIP 192\.0\.2\.10/);
    const unopened = await pair.role("--once", "-c", anyPort, "--method", "redirect");
    assert.equal(unopened.code, 0, unopened.stderr);
    assert.equal((await pair.role("--undo")).code, 0);

    await pair.startWeb(PORT);
    const config = await writeConfig(pair);
    const taken = await pair.role("-c", config);
    assert.equal(taken.code, 69, taken.stderr);
    assert.match(taken.stderr, /Cannot serve the status at 192\.0\.2\.21:8481: the port is taken/);
    assert.match(taken.stderr, /ss -ltnp 'sport = :8481'/);
    assert.equal(await pair.snapshot(), before);
    assert.equal((await pair.role("--once", "-c", config)).code, 0, "without a port to open it works");
  },
);

/** Starts another program on the status port, for IPv6 only, and returns when it has it. */
async function takeIpv6Port({ server, folder }: RealServerPair): Promise<Process> {
  const path = `${folder}/taker.conf`;
  const listen = `server { listen [::]:${PORT} ipv6only=on; }`;
  await Deno.writeTextFile(path, `daemon off; pid ${folder}/taker.pid; events {} http { ${listen} }`);
  const taker = server.spawn("nginx", ["-c", path, "-e", "stderr"]);
  await until(
    "the port is taken",
    async () => (await server.require("ss", ["-Hltn6", `sport = :${PORT}`])).includes(`[::]:${PORT}`),
  );
  return taker;
}

Deno.test(`the status port opens on an IPv6 address as soon as it is unique and the port is free${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  await pair.server.setSysctls({ "net.ipv6.conf.eth0.accept_dad": 1 });
  // Whether an address is unique cannot be asked while the cable is out.
  await pair.client.ip(["link set eth0 down"]);
  // The kernel notices up to a second later; a question asked before would be taken for answered.
  await until(
    "the kernel has noticed",
    async () => (await pair.server.require("ip", ["link", "show", "eth0"])).includes("NO-CARRIER"),
  );
  const address = `${REAL_SERVER_ADDRESS6}/64`;
  await pair.server.ip([`address delete ${address} dev eth0`, `address add ${address} dev eth0`]);
  const role = await pair.hold("-c", await writeConfig(pair));
  const taker = await takeIpv6Port(pair);
  await pair.client.ip(["link set eth0 up", `address add ${CLIENT_ADDRESS6}/64 dev eth0`]);
  await role.until(/Cannot serve the status at \[2001:db8::21\]:8481: the port is taken \(.*\n/);
  await taker.stop();
  await role.until(/status at http:\/\/\[2001:db8::21\]:8481\/api\/v1\/status/);
  assert.equal((await ask(pair, REAL_SERVER_ADDRESS6, ...WITH_TOKEN)).code, "200");
  const { text } = await role.stop("SIGINT");
  assert.match(text, /status not at \[2001:db8::21\]:8481 yet: the address is not ready/);
  assert.equal(text.match(/the port is taken/g)?.length, 1, "said once");
});
