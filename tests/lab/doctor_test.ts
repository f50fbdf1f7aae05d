/**
 * `lvsdr doctor` on real hosts: a healthy cluster has no finding; each fault has exactly its finding on the host that has
 * the fault, and vanishes when what the doctor says is typed there as it stands.
 *
 * @module
 */

import assert from "node:assert/strict";
import { relative } from "node:path";
import { isInstalled } from "../../host/command.ts";
import type { Process } from "../../lab/namespace.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import {
  configText,
  DIRECTOR_MAC,
  DirectorNetwork,
  DirectorProcess,
  obstacle as namespaceObstacle,
  until,
  VIP,
  type WebHost,
} from "./director_network.ts";
import { makeProgramFolder, Patient } from "./doctor_patient.ts";

/** Why this test cannot run here, or `null` if it can. */
const obstacle = namespaceObstacle ??
  (isInstalled("iptables-legacy") ? null : "iptables, the older one included, is not installed");

const CONFIG = configText({ servers: [[21, 1]] });

/** Starts a command of the real server role and returns when it holds the host. */
async function hold(patient: Patient, network: DirectorNetwork, command: string): Promise<Process> {
  const logFile = `${network.folder}/role-${crypto.randomUUID()}.log`;
  const role = patient.start(command, logFile);
  await until("the role holds", async () => {
    const text = await Deno.readTextFile(logFile).catch(() => "");
    if (role.hasEnded) throw new Error(text);
    return text.includes("holding");
  });
  return role;
}

function isServerUp({ services }: StatusSnapshot): boolean {
  return services[0]?.servers[0]?.state === "up";
}

/** Makes nginx of a real server listen on one address only, a socket of both families included. */
async function listenOn(network: DirectorNetwork, server: WebHost, address: string): Promise<Process> {
  await network.stopWeb(server);
  const family = address.includes(":") ? " ipv6only=off" : "";
  const file = `${network.folder}/elsewhere.conf`;
  const text = await Deno.readTextFile(`${network.folder}/${server.name}.conf`);
  await Deno.writeTextFile(
    file,
    text.replace(/(listen \S+ reuseport; ?)+/, `listen ${address}:80${family}; `),
  );
  const process = network.start(server.namespace, "nginx", "-c", file, "-e", "stderr");
  await until("nginx listens", async () => {
    const { stdout } = await server.namespace.run("ss", ["-Hltn", "sport = :80"]);
    return stdout.includes(`${address}:80`);
  });
  return process;
}

/** Whether anybody answers for an address when asked by nobody (RFC 5227 §2.1.1). */
async function isProbeAnswered({ client }: DirectorNetwork, address: string): Promise<boolean> {
  const { code } = await client.run("arping", ["-D", "-f", "-c", "1", "-w", "1", "-I", "eth0", address]);
  return code !== 0;
}

Deno.test({
  name: "doctor finds nothing on a healthy cluster, and names, evidences and mends each fault on its host",
  ignore: obstacle !== null,
  async fn(t) {
    await using network = await DirectorNetwork.create(1);
    const { configFile } = network;
    const programs = await makeProgramFolder(`${network.folder}/bin`);
    const [server] = network.servers as readonly [WebHost];
    const real = new Patient(server.namespace, { runDir: `${network.folder}/rs1-run`, configFile, programs });
    const boss = new Patient(network.director, { runDir: network.runDir, configFile, programs });
    const running = await network.startDirector(CONFIG);
    let role: Process | null = null;
    try {
      await t.step("a VIP that nothing holds is a warning, and its command holds it", async () => {
        // Whatever folder it is typed in: the command means the same run directory.
        const runDir = `${network.folder}/rs1-run`;
        const args = ["-c", configFile, "--run-dir", relative(Deno.cwd(), runDir)];
        const { findings: [finding, ...others] } = await real.diagnosis(...args);
        assert.deepEqual([finding?.id, finding?.level, others], ["not-held", "warning", []]);
        assert(finding!.fix!.endsWith(` --run-dir ${runDir}`), finding!.fix!);
        role = await hold(real, network, `${finding!.fix} --no-repair`);
        const diagnosis = await real.diagnosis();
        assert.deepEqual(diagnosis.findings, []);
        assert.equal(diagnosis.role, "realserver");
        assert.match(diagnosis.reason, /journal of lvsdr realserver/);
      });

      await t.step("a running director has no finding", async () => {
        await running.waitFor(
          "real servers are audited",
          ({ services }) => services[0]?.servers[0]?.audit?.verdict === "hardened",
        );
        const diagnosis = await boss.diagnosis();
        assert.deepEqual(diagnosis.findings, []);
        assert.deepEqual([diagnosis.role, diagnosis.vips], ["director", [VIP]]);
        assert.deepEqual(await boss.findings(), []);
      });

      await t.step("ARP settings, prefix, reverse path filter and proxies", async () => {
        await server.namespace.ip([
          "link add back0 type veth peer name back1",
          "link set back0 up",
          "address add 198.51.100.1/24 dev back0",
          "route add default via 198.51.100.2 dev back0 onlink",
          `address delete ${VIP}/32 dev lo`,
          `address add ${VIP}/24 dev lo`,
          `neighbor add proxy ${VIP} dev eth0`,
        ]);
        await server.namespace.setSysctls({
          "net.ipv4.conf.all.arp_ignore": 0,
          "net.ipv4.conf.all.arp_announce": 1,
          "net.ipv4.conf.all.rp_filter": 1,
          "net.ipv4.conf.eth0.proxy_arp": 1,
        });
        assert(await isProbeAnswered(network, "192.0.2.77"), "it has the whole subnet");
        const findings = await real.cure(
          ...["arp-ignore", "arp-announce", "vip-prefix", "rp-filter", "proxy-arp", "proxy-neighbor"],
        );
        const evidence = findings.map(({ evidence }) => evidence[0]);
        assert.deepEqual(evidence, [
          "net.ipv4.conf.all.arp_ignore = 0",
          "net.ipv4.conf.all.arp_announce = 1",
          `VIP ${VIP}: ${VIP}/24 on lo (ip address show)`,
          "net.ipv4.conf.all.rp_filter = 1",
          "net.ipv4.conf.eth0.proxy_arp = 1",
          `${VIP} dev eth0 proxy (ip neighbor show proxy)`,
        ]);
        assert(!await isProbeAnswered(network, "192.0.2.77"));
        assert.deepEqual(new Set(await network.arpAnswers(VIP, 1)), new Set([DIRECTOR_MAC]));
      });

      await t.step("a VIP that is missing, and one that is forwarded", async () => {
        await server.namespace.ip([`address delete ${VIP}/32 dev lo`]);
        await real.cure("vip-missing");
        await server.namespace.ip([`address delete ${VIP}/32 dev lo`]);
        await server.namespace.setSysctls({ "net.ipv4.ip_forward": 1 });
        const [forwarded] = await real.cure("vip-forwarded");
        assert(forwarded!.evidence.includes("net.ipv4.conf.eth0.forwarding = 1"));
        await server.namespace.setSysctls({ "net.ipv4.ip_forward": 0 });
      });

      await t.step("an application that is bound to another address", async () => {
        const elsewhere = await listenOn(network, server, server.address);
        const [finding, ...others] = await real.findings();
        assert.deepEqual([finding?.id, others], ["app-not-listening", []]);
        assert.deepEqual(finding!.evidence, [`listening on ${server.address}:80 (ss -ltnu)`]);
        await running.waitFor("its server is up", isServerUp);
        // What the director checks is the real server's own address: only the doctor knows.
        assert.deepEqual(await boss.findings(), []);
        assert.match(finding!.advice!, /listen on 0\.0\.0\.0:80/);
        await elsewhere.stop();
        const ofBothFamilies = await listenOn(network, server, `[::ffff:${VIP}]`);
        assert.deepEqual(await real.findings(), []);
        await ofBothFamilies.stop();
        assert.deepEqual((await real.findings()).map(({ id }) => id), ["app-not-listening"]);
        // As a container runtime leads a published port to its container.
        for (const iptables of ["iptables", "iptables-legacy"]) {
          const rule = ["PREROUTING", "-p", "tcp", "--dport", "80", "-j", "DNAT", "--to", "172.17.0.2:8080"];
          await server.namespace.require(iptables, ["-t", "nat", "-A", ...rule]);
          assert.deepEqual(await real.findings(), []);
          await server.namespace.require(iptables, ["-t", "nat", "-D", ...rule]);
        }
        await network.startWeb(server);
        assert.deepEqual(await real.findings(), []);
        assert.equal((await network.request()).split(" ")[0], server.name);
      });

      await t.step("an exposed real server is named by the doctor of its director as well", async () => {
        await server.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
        const socket = `${network.runDir}/director.sock`;
        await network.director.require("curl", [
          ...["-sSf", "-X", "POST", "--unix-socket", socket, "http://director/api/v1/audit"],
        ]);
        await running.waitFor(
          "the audit sees it",
          ({ services }) => services[0]?.servers[0]?.audit?.verdict === "answers",
        );
        const found = (await boss.findings()).find(({ id }) => id === "realserver-exposed");
        assert.equal(found?.host, server.address);
        assert.match(found.evidence.join(), new RegExp(`audit of ${VIP} at .*: answers, with ${server.mac}`));
        await real.cure("arp-ignore");
      });

      await t.step("a director's kernel that nothing keeps away from the VIP", async () => {
        await running.process.stop();
        const [silent] = await boss.findings();
        assert.equal(silent?.id, "director-not-running");
        // As on a host without nft: what is started here has mounts of its own.
        const command = silent!.fix!.replace("lvsdr", `"$0"`);
        const log = `${network.folder}/unguarded.log`;
        const script = `mount --bind /dev/null "$(command -v nft)"; exec ${command}`;
        const unguarded = new DirectorProcess(
          network.director.spawn("sh", ["-ec", script, `${programs}/lvsdr`], { logFile: log }),
          network,
          log,
        );
        try {
          await unguarded.waitFor("its server is up", isServerUp);
          assert.deepEqual(await boss.findings(), []);
          await network.director.setSysctls({ "net.ipv4.ip_forward": 1 });
          await network.director.ip([`address add ${VIP}/24 dev eth0`]);
          const [finding] = await boss.cure("kernel-unguarded");
          assert(finding!.evidence.includes("net.ipv4.ip_forward = 1"));
          assert(finding!.evidence.includes(`${VIP}/24 on eth0 (ip address show)`));
          assert.equal((await network.request()).split(" ")[0], server.name);
          unguarded.process.signal("SIGKILL");
          await unguarded.process.ended;
          const { findings, vips } = await boss.diagnosis();
          assert.deepEqual([findings.map(({ id }) => id), vips], [["director-not-running"], []]);
        } finally {
          await unguarded.process.stop();
        }
      });
    } finally {
      await (role as Process | null)?.stop();
    }
  },
});
