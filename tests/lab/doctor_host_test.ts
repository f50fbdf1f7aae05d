/**
 * `lvsdr doctor` on a real server whose rules, neighbours and files are at fault, method by method: each fault has exactly
 * its finding, which vanishes when its command is typed as it stands.
 *
 * @module
 */

import assert from "node:assert/strict";
import { isInstalled, runCommand } from "../../host/command.ts";
import { until } from "./director_network.ts";
import { makeProgramFolder, Patient } from "./doctor_patient.ts";
import {
  obstacle as namespaceObstacle,
  REAL_SERVER_ADDRESS,
  REAL_SERVER_ADDRESS6,
  RealServerPair,
  VIP,
  VIP6,
} from "./realserver_pair.ts";

/** Why these tests cannot run here, or `null` if they can. */
const obstacle = namespaceObstacle ?? (isInstalled("keepalived") ? null : "keepalived is not installed");

function configText(method: string): string {
  const service = (vip: string, server: string) =>
    `  - { vip: "${vip}", port: 80, servers: [{ address: "${server}" }] }\n`;
  return `realserver: { method: ${method} }\nservices:\n` + service(VIP, REAL_SERVER_ADDRESS) +
    service(VIP6, REAL_SERVER_ADDRESS6);
}

/** A keepalived that has the VIP, and will not be its master before the test is over. */
async function startKeepalived(pair: RealServerPair): Promise<{ stop(): Promise<unknown> }> {
  const file = `${pair.folder}/keepalived.conf`;
  await Deno.writeTextFile(
    file,
    `vrrp_instance web { interface eth0\n virtual_router_id 7\n priority 1\n advert_int 255\n state BACKUP
      virtual_ipaddress { ${VIP}/32 } }`,
  );
  const pids = ["-p", `${pair.folder}/keepalived.pid`, "-r", `${pair.folder}/vrrp.pid`];
  const keepalived = pair.server.spawn("keepalived", ["-n", "-P", "-f", file, ...pids]);
  await until(
    "keepalived runs",
    async () => await Deno.readTextFile(`${pair.folder}/vrrp.pid`).catch(() => null),
  );
  return keepalived;
}

Deno.test({
  name: "doctor names and mends rules, neighbours and files of a real server that are at fault",
  ignore: obstacle !== null,
  async fn(t) {
    await using pair = await RealServerPair.create("ipv4 and ipv6");
    const configFile = `${pair.folder}/cluster.yaml`;
    const etc = `${pair.folder}/etc`;
    assert.equal((await runCommand("cp", ["-a", "/etc", etc])).code, 0);
    const programs = await makeProgramFolder(`${pair.folder}/bin`);
    const patient = new Patient(pair.server, { runDir: pair.runDir, configFile, programs, etc });
    await pair.startWeb();

    /** Holds the server with a method while `break` and what follows is done. */
    async function whileHeld(method: string, action: () => Promise<unknown>): Promise<void> {
      await Deno.writeTextFile(configFile, configText(method));
      const role = await pair.hold("-c", configFile, "--no-repair");
      try {
        assert.deepEqual(await patient.findings(), []);
        await action();
      } finally {
        await role.stop("SIGTERM");
      }
    }

    await t.step(
      "nft: a table that is gone, another owner of the VIP, duplicate detection, a script",
      () =>
        whileHeld("nft", async () => {
          const keepalived = await startKeepalived(pair);
          const hooks = `${etc}/network/if-up.d`;
          await Deno.mkdir(hooks, { recursive: true });
          const script =
            '#!/bin/sh\n# arping -A is what this does\narping -q -A -c 1 -I "$IFACE" "$IF_ADDRESS"\n';
          await Deno.writeTextFile(`${hooks}/announce`, script, { mode: 0o755 });
          await pair.client.ip([`address add ${VIP6}/128 dev eth0 nodad`]);
          await pair.server.setSysctls({ "net.ipv6.conf.eth0.accept_dad": 1 });
          await pair.server.require("nft", ["delete", "table", "ip6", "lvsdr"]);
          await pair.server.ip([`address delete ${VIP6}/128 dev lo`, `address add ${VIP6}/128 dev eth0`]);
          await until("duplicate detection fails", async () => {
            const listing = await pair.server.require("ip", ["-6", "address", "show", "dev", "eth0"]);
            return listing.includes("dadfailed");
          });
          const findings = await patient.cure("vip-filter", "keepalived", "vip-dad", "announce-script");
          assert.deepEqual(findings.map(({ evidence }) => evidence[0]), [
            "nft table ip6 lvsdr: absent",
            `process ${/\d+/.exec(findings[1]!.fix!)![0]} (pgrep -x keepalived)`,
            `${VIP6}/128 dadfailed (ip -6 address show dev eth0)`,
            '/etc/network/if-up.d/announce: arping -q -A -c 1 -I "$IFACE" "$IF_ADDRESS"',
          ]);
          await keepalived.stop();
          await pair.client.ip([`address delete ${VIP6}/128 dev eth0`]);
        }),
    );

    await t.step(
      "redirect: its rules are gone, and the application listens where they do not lead",
      () =>
        whileHeld("redirect", async () => {
          await pair.server.require("nft", ["delete", "table", "inet", "lvsdr"]);
          const [finding] = await patient.cure("redirect-rules");
          assert.deepEqual(finding!.evidence, ["nft table inet lvsdr: absent"]);
          await pair.pointClientAtServer();
          assert.equal(await pair.fetchFromVip(), "from the real server");
        }),
    );

    await t.step(
      "loopback: a file that takes the hardening back at boot",
      () =>
        whileHeld("loopback", async () => {
          const path = `${etc}/sysctl.d/90-network.conf`;
          await Deno.writeTextFile(
            path,
            "net.ipv4.conf.all.arp_ignore = 0\n-net/ipv4/conf/all/arp_announce=1\n",
          );
          const findings = await patient.cure("sysctl-file", "sysctl-file");
          assert.deepEqual(findings.map(({ evidence }) => evidence), [
            ["/etc/sysctl.d/90-network.conf sets net.ipv4.conf.all.arp_ignore = 0"],
            ["/etc/sysctl.d/90-network.conf sets net.ipv4.conf.all.arp_announce = 1"],
          ]);
          // Without a configuration the VIPs are those that the role gave the host.
          assert.deepEqual((await patient.diagnosis()).vips, [VIP, VIP6]);
        }),
    );

    await t.step(
      "a role that was asked for one interface, or for one port: no more is looked at",
      async () => {
        await pair.server.ip(["link add eth1 type veth peer name far1", "link set eth1 up"]);
        const one = await pair.hold("--vip", VIP, "--interface", "eth0");
        assert.deepEqual((await patient.diagnosis()).findings, []);
        await one.stop("SIGTERM");

        const ports = ["--vip", VIP, "--port", "80", "--method", "redirect"];
        const redirecting = await pair.hold(...ports);
        assert.deepEqual((await patient.diagnosis()).findings, []);
        await redirecting.stop("SIGKILL");
        const { findings: [abandoned, ...others], vips } = await patient.diagnosis();
        assert.deepEqual([abandoned?.id, others, vips], ["not-held", [], [VIP]]);
        assert.equal(abandoned!.fix, `lvsdr realserver ${ports.join(" ")} --run-dir ${pair.runDir}`);
        await pair.role("--undo");
      },
    );
  },
});
