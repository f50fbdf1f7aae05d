import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, VIP } from "./director_network.ts";
import { NotifyListener, notifyObstacle } from "./notify_listener.ts";

const reason = obstacle ?? notifyObstacle;

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
