/** What becomes of a director when its interface is changed under it. */

import assert from "node:assert/strict";
import { requireCommand } from "../../host/command.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { assess } from "../../status/assessment.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, VIP } from "./director_network.ts";
import { SlowUpload } from "./slow_transfer.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const OTHER_MAC = "02:00:00:00:00:99";

/** Whether the datapath has found every real server. */
function isUsable({ services }: StatusSnapshot): boolean {
  return services.every(({ servers }) => servers.every(({ state }) => state === "up"));
}

function countOf(status: StatusSnapshot, verdict: string): number {
  return status.verdicts.find(({ name }) => name === verdict)!.frames;
}

/** Gives every interface of a network another MTU, the switch's own included. */
async function changeMtu({ client, director, servers }: DirectorNetwork, mtu: number): Promise<void> {
  const switchName = director.name.replace(/director$/, "w");
  for (const port of ["client", "director", "rs1"]) {
    await requireCommand("ip", ["-n", switchName, "link", "set", port, "mtu", String(mtu)]);
  }
  for (const host of [client, servers[0]!.namespace, director]) await host.ip([`link set eth0 mtu ${mtu}`]);
}

Deno.test(`a director waits for an interface that cannot be used yet, and asks in its new name${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const { director: host, servers: [server] } = network;
  await host.setSysctls({ "net.ipv4.conf.eth0.promote_secondaries": 1 });
  // The kernel's way to the real server, and with it health checks from there, is not what is tested.
  const settings = ["protocol: tcp", "port: 80", "health: none"];
  const director = await network.startDirector(configText({ settings, servers: [[21, 1]] }));

  await host.ip(["link set eth0 down", "link set eth0 mtu 1400"]);
  const unusable = "eth0: MTU 1500 → 1400; that cannot be used yet: ";
  assert.equal(
    await director.logged("interface.unusable"),
    `${unusable}Interface "eth0" is down (ip link set eth0 up)`,
  );
  await host.ip(["link set eth0 up"]);
  assert.equal(await director.logged("interface.changed"), "eth0: MTU 1500 → 1400; its connections go on");
  await director.waitFor("the server has been found", isUsable);

  await host.ip(["addr del 192.0.2.2/24 dev eth0"]);
  assert.match(
    await director.logged("interface.unusable", 2),
    /^eth0: without 192\.0\.2\.2\/24; .* no addresses/,
  );
  assert.equal(await network.request(), "rs1 192.0.2.100", "what works goes on");
  await host.ip(["addr add 192.0.2.2/24 dev eth0"]);
  assert.equal(await director.logged("interface.usable"), "The interfaces are again what they were");

  // The kernel itself has nothing to ask.
  await host.ip([`neigh replace 192.0.2.21 lladdr ${server!.mac} nud permanent dev eth0`]);
  const learnt = (await director.messages("neighbor.learnt")).length;
  const lines = await network.capture(server!.namespace, `arp and ether src ${DIRECTOR_MAC}`, async () => {
    await host.ip(["addr add 192.0.2.3/24 dev eth0", "addr del 192.0.2.2/24 dev eth0"]);
    const change = "eth0: without 192.0.2.2/24, with 192.0.2.3/24; its connections go on";
    assert.equal(await director.logged("interface.changed", 2), change);
    await director.logged("neighbor.learnt", learnt + 1);
  });
  const questions = lines.filter((line) => line.includes("who-has 192.0.2.21"));
  assert.match(questions.at(-1) ?? "none", /tell 192\.0\.2\.3,/);
  await director.waitFor("the server has been found", isUsable);
  assert.equal(await network.request(), "rs1 192.0.2.100");

  // No other datapath can start.
  const file = `${network.runDir}/connections`;
  await Deno.remove(file);
  await Deno.mkdir(file);
  await host.ip(["link set eth0 mtu 1300"]);
  assert.match(await director.logged("interface.unusable", 3), /MTU 1400 → 1300; .*connections/);
  await host.ip(["link set eth0 mtu 1400"]);
  assert.match(await director.logged("interface.unusable", 4), /^eth0: as it was; .*connections/);
  const health = async () => {
    const url = "http://127.0.0.1:8480/healthz";
    return await host.require("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", url]);
  };
  assert.equal(await health(), "503");
  const stopped = (await director.status())!;
  assert.equal(stopped.datapath.isForwarding, false);
  const { level, headline, reasons } = assess(stopped);
  assert.deepEqual([level, headline], ["error", "Nothing is forwarded"]);
  assert.match(reasons[0]!, /^eth0: as it was; .*connections/);
  await Deno.remove(file);
  assert.equal(await director.logged("interface.changed", 3), "eth0: as it was; its connections go on");
  assert.equal(await health(), "200");
  await director.waitFor("the server has been found", isUsable);
  assert.equal(await network.request(), "rs1 192.0.2.100");
  assert.deepEqual(await director.messages("interface.lost"), []);
  assert.equal((await director.process.stop()).code, 0);
});

Deno.test(`a director follows the MTU and the MAC of its interface, and its connections go on${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  // The real servers hear of the director's new MAC at once: the health checks are not what is tested.
  await network.director.setSysctls({ "net.ipv4.conf.all.arp_notify": 1 });
  // Frames on the wires are no larger than their sender's MTU allows.
  for (const sender of [network.client, network.director]) {
    await sender.require("ethtool", ["-K", "eth0", "tso", "off", "gso", "off"]);
  }
  const director = await network.startDirector(configText({ servers: [[21, 1]] }));
  const upload = new SlowUpload(network.client, `http://${VIP}/up/slow`);
  await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));
  await network.request();
  const before = (await director.status())!;

  await changeMtu(network, 9000);
  assert.equal(await director.logged("interface.changed"), "eth0: MTU 1500 → 9000; its connections go on");
  await director.waitFor(
    "it has the new MTU",
    (status) => status.datapath.interface.mtu === 9000 && isUsable(status),
  );
  const file = `${network.folder}/jumbo`;
  await Deno.writeFile(file, crypto.getRandomValues(new Uint8Array(60_000)));
  const frames = await network.capture(network.servers[0]!.namespace, `tcp and greater 9000`, async () => {
    await network.client.require("curl", ["-sSf", "-T", file, `http://${VIP}/up/jumbo`]);
  });
  assert(frames.length > 0, "jumbo frames arrive whole");
  await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));

  await network.director.ip([`link set eth0 address ${OTHER_MAC}`]);
  const change = `eth0: MAC 02:00:00:00:00:02 → ${OTHER_MAC}; its connections go on`;
  assert.equal(await director.logged("interface.changed", 2), change);
  await director.waitFor(
    "it has the new MAC",
    (status) => status.datapath.interface.mac === OTHER_MAC && isUsable(status),
  );
  assert.deepEqual(await network.arpAnswers(VIP, 1), [OTHER_MAC]);
  assert.equal(await network.request(), "rs1 192.0.2.100");
  await upload.finish();

  const after = await director.waitFor(
    "totals go on",
    ({ services }) => services[0]!.connections >= before.services[0]!.connections + 2,
  );
  assert(countOf(after, "forwarded") > countOf(before, "forwarded"));
  assert.equal(countOf(after, "answered_too_big"), 0);
  assert.equal(countOf(after, "answered_reset"), 0);

  await network.director.ip(["link set eth0 name lan0"]);
  assert.equal(await director.logged("interface.lost"), 'Interface "eth0" has been renamed to "lan0"');
  assert.equal((await director.process.ended).code, 69);
  assert.equal(await network.director.require("nft", ["list", "ruleset"]), "");
});

Deno.test(
  `a director outlives programs of its host that fail for a while${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const folder = `${network.folder}/bin`;
    const obstruction = `${network.folder}/obstruction`;
    await Deno.mkdir(folder);
    const script = `#!/bin/sh
    if [ "$*" = "-json address show" ] && [ -e ${obstruction} ]; then echo "No buffer space" >&2; exit 1; fi
    exec ${(await requireCommand("which", ["ip"])).trim()} "$@"\n`;
    await Deno.writeTextFile(`${folder}/ip`, script, { mode: 0o755 });
    const path = `PATH=${folder}:${Deno.env.get("PATH")}`;
    const config = configText({ servers: [[21, 1]] });
    const director = await network.spawnDirector(config, ["env", path]);
    await director.waitFor("the server is up", ({ services }) => services[0]!.servers[0]!.state === "up");

    await Deno.writeTextFile(obstruction, "");
    await network.director.ip(["link set eth0 mtu 1400"]);
    assert.match(
      await director.logged("interface.unusable"),
      /^The interfaces cannot be looked at: Command "ip -json address show" failed: No buffer space/,
    );
    assert.equal(await network.request(), "rs1 192.0.2.100");
    await network.director.ip(["link set eth0 mtu 1500"]);
    await Deno.remove(obstruction);
    assert.equal(await director.logged("interface.usable"), "The interfaces are again what they were");
    assert.equal((await director.process.stop()).code, 0);
  },
);
