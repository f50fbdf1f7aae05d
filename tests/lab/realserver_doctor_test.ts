/**
 * `lvsdr doctor` on a real server beside others who do things to packets: what they do is only counted as far as it
 * concerns the VIP's clients.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runCommand } from "../../host/command.ts";
import { makeProgramFolder, Patient } from "./doctor_patient.ts";
import { obstacle, REAL_SERVER_ADDRESS, RealServerPair, VIP } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** A host with a configuration for a method, and somebody to examine it. */
async function patientIn(pair: RealServerPair, method: string): Promise<Patient> {
  const configFile = `${pair.folder}/cluster.yaml`;
  const service = `{ vip: ${VIP}, port: 80, servers: [{ address: ${REAL_SERVER_ADDRESS} }] }`;
  await Deno.writeTextFile(configFile, `realserver: { method: ${method} }\nservices: [${service}]\n`);
  const etc = `${pair.folder}/etc`;
  assert.equal((await runCommand("cp", ["-a", "/etc", etc])).code, 0);
  const programs = await makeProgramFolder(`${pair.folder}/bin`);
  return new Patient(pair.server, { runDir: pair.runDir, configFile, programs, etc });
}

Deno.test(`doctor on a held host: rules for other packets, proxies of the link, scripts of RHEL${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const patient = await patientIn(pair, "loopback");
  const idsOf = async () => (await patient.findings()).map(({ id }) => id);
  const role = await pair.hold("-c", `${pair.folder}/cluster.yaml`);

  const rule = ["-p", "tcp", "--dport", "80", "-j", "REDIRECT", "--to-ports", "3128"];
  await pair.server.require("iptables", ["-t", "nat", "-A", "OUTPUT", ...rule]);
  await pair.server.require("iptables", ["-t", "nat", "-A", "PREROUTING", "-i", "docker0", ...rule]);
  assert.deepEqual(await idsOf(), ["app-not-listening"]);
  await pair.server.require("iptables", ["-t", "nat", "-A", "PREROUTING", ...rule]);
  assert.deepEqual(await idsOf(), []);
  await pair.server.require("iptables", ["-t", "nat", "-F"]);
  await pair.startWeb();

  // Nobody has it, and it is on the host's own link.
  const free = "192.0.2.55";
  await pair.server.setSysctls({
    "net.ipv4.conf.eth0.proxy_arp_pvlan": 1,
    "net.ipv4.conf.eth0.forwarding": 1,
  });
  assert.equal(await pair.isAnswered(free), true, "as this test sees it");
  const [proxy] = await patient.cure("proxy-arp");
  assert.match(proxy!.problem, /^This host answers ARP requests/);
  assert.deepEqual(proxy!.evidence, [
    "net.ipv4.conf.eth0.proxy_arp_pvlan = 1",
    "net.ipv4.conf.eth0.forwarding = 1",
  ]);
  assert.equal(await pair.isAnswered(free), false);

  const scripts = `${pair.folder}/etc/sysconfig/network-scripts`;
  await Deno.mkdir(scripts, { recursive: true });
  await Deno.writeTextFile(`${scripts}/ifup-eth`, "is_false $ARPUPDATE || arping -q -A -c 1 -I eth0 $1\n");
  const file = `${scripts}/ifcfg-eth0:0`;
  await Deno.writeTextFile(file, `DEVICE=eth0:0\nIPADDR=${VIP}\n`);
  const [announced] = await patient.findings();
  assert.deepEqual([announced!.id, announced!.fix], ["announce-script", null]);
  assert.deepEqual(announced!.evidence, [`/etc/sysconfig/network-scripts/ifcfg-eth0:0: IPADDR=${VIP}`]);
  await Deno.writeTextFile(file, "ARPUPDATE=no\n", { append: true });
  assert.deepEqual(await idsOf(), []);
  await role.stop("SIGINT");
});

Deno.test(`doctor removes the rule that takes connections before method redirect does${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const patient = await patientIn(pair, "redirect");
  await pair.startWeb();
  await pair.pointClientAtServer();
  const role = await pair.hold("--no-repair", "-c", `${pair.folder}/cluster.yaml`);
  const chain =
    "chain arriving {\n type nat hook prerouting priority -150;\n tcp dport 80 redirect to :9\n }\n";
  await pair.server.require("nft", ["-f", "-"], { stdin: `table ip other {\n ${chain}}\n` });
  await pair.client.run("curl", ["-s", "--max-time", "5", `http://${VIP}/`]).then(({ code }) => {
    assert.notEqual(code, 0, "as this test sees it");
  });
  const [finding] = await patient.cure("redirect-rules");
  assert.match(finding!.fix!, /^nft delete rule ip other arriving handle \d+$/);
  assert.equal(await pair.fetchFromVip(), "from the real server");
  await role.stop("SIGINT");
});
