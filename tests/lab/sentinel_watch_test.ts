import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { selfCommand } from "../../lab/self_command.ts";
import {
  CLIENT_ADDRESS,
  configText,
  DIRECTOR_MAC,
  DirectorNetwork,
  type DirectorProcess,
  obstacle,
  until,
  VIP,
  type WebHost,
} from "./director_network.ts";
import { cleared, obey, raised } from "./sentinel_alarms.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const QUARANTINE = "director: { quarantine: true }\n";

/** A client that has forgotten where everybody is makes a request. */
async function askAnew(network: DirectorNetwork): Promise<void> {
  await network.client.ip(["neigh flush dev eth0"]);
  await network.request();
}

/** Seconds of the day at which a VIP was announced, by tcpdump's clock. */
function announcedAt(lines: readonly string[]): number[] {
  return lines.map((line) => {
    const [, hours, minutes, seconds] = /^(\d+):(\d+):([\d.]+) /.exec(line)!;
    return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  });
}

Deno.test(
  `the sentinel is silent about hardened real servers, names one that is not, and what it says helps${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create();
    const [thief, honest] = network.servers as [WebHost, WebHost];
    const announcement = `arp[6:2] == 1 and ether src ${DIRECTOR_MAC} and arp[14:4] == arp[24:4]`;
    let director: DirectorProcess | null = null;
    const announced = await network.capture(network.client, announcement, async () => {
      const servers = [[21, 1], [22, 1]] as const;
      const running = director = await network.startDirector(QUARANTINE + configText({ servers }));
      // Long enough for the real servers to ask for the client by ARP, and for the sentinel to ask for the VIP.
      for (let second = 0; second < 3; second++) {
        await askAnew(network);
        for (const { namespace } of network.servers) await namespace.ip(["neigh flush dev eth0"]);
        await delay(1_000);
      }
      const { alarms, wire } = (await running.status())!;
      assert.deepEqual([alarms, wire.defences, wire.missed], [[], 0, 0]);

      await thief.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
      const answered = until("the sentinel sees it", async () => {
        // A connection whose packets go now to the one, now to the other, is reset.
        await askAnew(network).catch(() => {});
        return (await running.status())!.alarms.length > 0;
      });
      const alarm = await raised(running, "vip_answered_by_other", thief.mac);
      await answered;
      assert.deepEqual([alarm.realServer, alarm.vip, alarm.host], [thief.address, VIP, thief.address]);
      assert.equal(
        alarm.sentence,
        `${thief.address} answers ARP for ${VIP} (with ${thief.mac}): whoever asks may send the VIP's traffic to it, ` +
          "past the director",
      );
      assert.equal(alarm.command, `lvsdr realserver -c ${network.configFile}`);
      const message = await running.logged("wire.alarm");
      assert.equal(
        message,
        `vip_answered_by_other: ${alarm.sentence} (on ${alarm.host}: ${alarm.command})`,
      );

      const quarantined = await running.waitFor(
        "quarantine",
        ({ services }) => services[0]!.servers[0]!.state === "quarantined",
      );
      assert.equal(quarantined.services[0]!.servers[0]!.effectiveWeight, 0);
      assert.equal(quarantined.services[0]!.servers[1]!.state, "up");
      const told = await lvsdrStatus(network);
      assert.equal(told.code, 1);
      assert.match(told.stdout, new RegExp(`^VIP ${VIP} is claimed by somebody else\n`));
      assert.match(
        told.stdout,
        new RegExp(`  on ${thief.address}: lvsdr realserver -c ${network.configFile}\n`),
      );
      assert.match(told.stdout, /192\.0\.2\.21 +quarantined +0\/1 /);

      await obey(network, thief.namespace, alarm);
      await cleared(running, thief.mac);
      await running.waitFor("release", ({ services }) => services[0]!.servers[0]!.state === "up");
      assert.deepEqual(await running.messages("wire.cleared"), [
        `vip_answered_by_other: ${VIP} is not claimed by ${thief.address} any more`,
      ]);
      for (const event of ["wire.alarm", "realserver.quarantined", "realserver.released"]) {
        assert.equal((await running.messages(event)).length, 1, event);
      }
      assert.equal((await lvsdrStatus(network)).code, 0);

      // Its own ARP request for the client, with the VIP as sender.
      await honest.namespace.setSysctls({ "net.ipv4.conf.all.arp_announce": 1 });
      await honest.namespace.ip(["neigh flush dev eth0"]);
      await honest.namespace.run("ping", ["-c", "1", "-W", "1", "-I", VIP, CLIENT_ADDRESS]);
      const leak = await raised(running, "vip_leaked_as_sender", honest.mac);
      assert.equal(leak.realServer, honest.address);

      // A client believes it, until the director says otherwise.
      await askAnew(network).catch(() => {});
      const { defences } = (await running.status())!.wire;
      await until("the director puts the client right", async () => {
        await thief.namespace.run("arping", ["-A", "-c", "1", "-I", "eth0", VIP]);
        // More than the sentinel needs to hear it.
        await delay(1_000);
        const entry = await network.client.require("ip", ["neighbor", "show", "to", VIP]);
        return (await running.status())!.wire.defences > defences && entry.includes(DIRECTOR_MAC);
      });
      const gratuitous = await raised(running, "gratuitous_by_realserver", thief.mac);
      assert.equal(gratuitous.realServer, thief.address);
      const { services } = (await running.status())!;
      assert.deepEqual(
        services[0]!.servers.map(({ state }) => state),
        ["up", "up"],
        "a quarantine leaves nobody without a server",
      );
    });

    const { wire } = (await director!.status())!;
    // Five at the start, once for each of the two forms; here only the requests are counted.
    const times = announcedAt(announced.filter((line) => line.includes(`who-has ${VIP}`)));
    assert.equal(times.length, 5 + wire.defences);
    const defended = times.slice(4);
    for (const [index, time] of defended.slice(1).entries()) {
      assert((time - defended[index]! + 86_400) % 86_400 >= 9.9, `${defended}`);
    }
  },
);

async function lvsdrStatus(network: DirectorNetwork): Promise<{ code: number; stdout: string }> {
  const [program, ...args] = selfCommand(["status", "--run-dir", network.runDir]);
  return await network.director.run(program, args);
}
