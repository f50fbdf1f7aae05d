import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, VIP } from "./director_network.ts";
import { addRule, PROBE_ADDRESS } from "./sentinel_cluster.ts";
import { NotifyListener, notifyObstacle } from "./notify_listener.ts";

const reason = obstacle ?? notifyObstacle;
const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

Deno.test(
  `systemd is told READY=1 when the director answers for its VIPs, STOPPING=1 when it ends${
    reason === null ? "" : ` (skipped: ${reason})`
  }`,
  { ignore: reason !== null },
  async () => {
    await using network = await DirectorNetwork.create(1);
    await using systemd = await NotifyListener.open(`${network.folder}/notify`);
    await Deno.writeTextFile(network.configFile, configText({ servers: [[21, 1]] }));
    const director = network.start(
      network.director,
      "env",
      `NOTIFY_SOCKET=${systemd.path}`,
      ...selfCommand(["director", "-c", network.configFile, "--run-dir", network.runDir]),
    );
    assert.match(await systemd.until(/READY=1/), /READY=1 STATUS=Answering for 192\.0\.2\.10/);
    assert.deepEqual(await network.arpAnswers(VIP, 1), [DIRECTOR_MAC]);
    director.signal("SIGTERM");
    await systemd.until(/STOPPING=1/);
    assert.equal((await director.ended).code, 0);
  },
);

Deno.test(
  `a director that cannot tell systemd says so, and ends as orderly as any other${
    reason === null ? "" : ` (skipped: ${reason})`
  }`,
  { ignore: reason !== null },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const program = `${network.folder}/systemd-notify`;
    await Deno.writeTextFile(program, "", { mode: 0o644 });
    const director = await network.spawnDirector(configText({ servers: [[21, 1]] }), [
      ...["env", `NOTIFY_SOCKET=${network.folder}/nobody`, "unshare", "--mount", "sh", "-ec"],
      ...[`mount --bind ${program} "$(command -v systemd-notify)"; exec "$@"`, "sh"],
    ]);
    assert.match(
      await director.logged("director.unheard"),
      /^The service manager is not told that this is ready: Program "systemd-notify" /,
    );
    await director.waitFor("it works", ({ services }) => services[0]!.servers[0]!.state === "up");
    assert.equal(await network.request(), "rs1 192.0.2.100");
    assert.equal((await director.process.stop()).code, 0);
    assert.equal((await director.messages("director.stopping")).length, 1);
  },
);

Deno.test(
  `/healthz is 200 while frames are forwarded, whatever is not known of real servers${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    // Somebody has the address that checks are to be made from: they are never made.
    await network.client.ip([`addr add ${PROBE_ADDRESS}/24 dev eth0`]);
    const settings = (type: string) => ["port: 80", `health: { type: ${type}, interval: 1m, timeout: 50s }`];
    const checked = { settings: settings("dr"), servers: [[21, 1]] } as const;
    const probe = `director: { probe_address: ${PROBE_ADDRESS} }\n`;
    const director = await network.spawnDirector(probe + configText(checked));
    await director.logged("probe.lost");
    const health = () =>
      network.director.require("curl", [
        ...["-s", "-o", "/dev/null", "-w", "%{http_code}"],
        "http://127.0.0.1:8480/healthz",
      ]);
    assert.equal(await health(), "200");

    // Whoever asks a server that is there and says nothing asks for as long as the check may take.
    await addRule(network.servers[1]!, "type filter hook input priority 0;", "tcp dport 80 drop");
    const added = {
      name: "other",
      vip: "192.0.2.12",
      settings: settings("tcp"),
      servers: [[22, 1]],
    } as const;
    assert.equal((await director.reload(probe + configText(checked, added))).logger, "config.loaded");
    assert.equal(await health(), "200");
    assert.equal((await director.status())!.services[1]!.servers[0]!.lastCheck, null, "it is being checked");
  },
);
