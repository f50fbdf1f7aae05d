import assert from "node:assert/strict";
import { obstacle, REAL_SERVER_ADDRESS, RealServerPair, VIP } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Gives the server the rules of somebody who has not heard of the VIP. */
async function acceptAllArp({ server }: RealServerPair): Promise<void> {
  for (const chain of ["INPUT", "OUTPUT"]) {
    await server.require("arptables", ["-A", chain, "-j", "ACCEPT"]);
  }
}

Deno.test(
  `arptables: a rule of somebody else's that accepts everything comes after ours, or is drift${needing}`,
  { ignore },
  async () => {
    await using pair = await RealServerPair.create();
    await acceptAllArp(pair);
    const before = await pair.snapshot();
    const args = ["--method", "arptables", "--vip", VIP];
    const role = await pair.hold(...args);
    assert.equal(await pair.isAnswered(VIP), false);
    assert.equal(await pair.isAnswered(REAL_SERVER_ADDRESS), true);

    // Rules for other addresses, for example those of another role, do no harm.
    await pair.server.require("arptables", ["-I", "INPUT", "-d", "192.0.2.11", "-j", "ACCEPT"]);
    await pair.server.require("arptables", ["-I", "INPUT", "-j", "ACCEPT"]);
    const told = await role.until(/repaired: arptables INPUT for .*\n/);
    assert.match(told, /drift: arptables INPUT for 192\.0\.2\.10 is .*, behind another rule, it must be /);
    assert.equal(await pair.isAnswered(VIP), false);
    assert.equal((await pair.role("--check", ...args)).code, 0);
    const { text } = await role.stop("SIGINT");
    assert.equal(text.match(/drift: /g)?.length, 1, text);
    await pair.server.require("arptables", ["-D", "INPUT", "1"]);
    await pair.server.require("arptables", ["-D", "INPUT", "1"]);
    assert.equal(await pair.snapshot(), before);
  },
);

Deno.test(`arptables: a rule of the operator's that is not reached stays where it is${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await acceptAllArp(pair);
  await pair.server.require("arptables", ["-A", "INPUT", "-d", VIP, "-j", "DROP"]);
  const before = await pair.snapshot();
  const args = ["--method", "arptables", "--vip", VIP];
  const audit = await pair.role("--check", ...args);
  assert.equal(audit.code, 1);
  assert.match(audit.stdout, /-d 192\.0\.2\.10 -j DROP, behind another rule/);
  await (await pair.hold(...args)).stop("SIGINT");
  assert.equal(await pair.snapshot(), before);
});

Deno.test(
  `iptables: a rule of somebody else's that accepts everything comes after ours, or is drift${needing}`,
  {
    ignore,
  },
  async () => {
    await using pair = await RealServerPair.create();
    await pair.startWeb(8080);
    await pair.pointClientAtServer();
    pair.hide("nft");
    const accept = ["-t", "nat", "-A", "PREROUTING", "-j", "ACCEPT"];
    await pair.server.require("iptables", accept);
    const before = await pair.snapshot();
    const role = await pair.hold(...[
      "--method",
      "redirect",
      "--vip",
      VIP,
      "--port",
      "80:8080",
      "--port",
      "443",
    ]);
    assert.equal(await pair.fetchFromVip(), "from the real server");
    await pair.server.require("iptables", accept.with(2, "-I"));
    await role.until(/repaired: iptables nat PREROUTING for 192\.0\.2\.10/);
    assert.equal(await pair.fetchFromVip(), "from the real server");
    assert.equal((await role.stop("SIGINT")).code, 0);
    await pair.server.require("iptables", ["-t", "nat", "-D", "PREROUTING", "1"]);
    assert.equal(await pair.snapshot(), before);
  },
);

Deno.test(`iptables: what one change does to the rules of two ports is told once${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  pair.hide("nft");
  const ports = ["--port", "80:8080", "--port", "443"];
  const role = await pair.hold("--no-repair", "--method", "redirect", "--vip", VIP, ...ports);
  const accept = (action: string) => ["-t", "nat", action, "PREROUTING", "-j", "ACCEPT"];
  await pair.server.require("iptables", accept("-I"));
  await role.until(/drift: iptables nat PREROUTING for 192\.0\.2\.10 tcp port 443 .*port 80; cause/);
  await role.until(/not repaired: /);
  // Everything is looked at again and again here: an address that comes is only seen by a later look.
  await pair.server.ip([`address add ${VIP}/32 dev lo`]);
  assert.doesNotMatch(await role.until(/drift: VIP 192\.0\.2\.10 is /), /drift: iptables/);
  await pair.server.require("iptables", accept("-D"));
  const mended = await role.until(/holds again: iptables .*\n/);
  assert.match(mended, /tcp port 443: -d .* -j REDIRECT, and with it iptables .* tcp port 80\n/);
  const { text } = await role.stop("SIGINT");
  assert.equal(text.match(/drift: iptables/g)?.length, 1, text);
});

Deno.test(`redirect: ports that touch, which nft joins by itself, are recognised${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const path = `${pair.folder}/cluster.yaml`;
  const services = [`[80, 81, "8000-8010"]`, "[443, 444]"].map((ports, i) =>
    `  - { vip: 192.0.2.1${i}, ports: ${ports}, servers: [{ address: ${REAL_SERVER_ADDRESS} }] }\n`
  );
  await Deno.writeTextFile(path, `services:\n${services.join("")}realserver: { method: redirect }\n`);
  const before = await pair.snapshot();
  const role = await pair.hold("-c", path);
  assert.equal((await role.stop("SIGINT")).code, 0);
  assert.equal(await pair.snapshot(), before);
});

Deno.test(`nft: a table that is put to sleep is drift, and no table at the start${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const args = ["--method", "nft", "--vip", VIP];
  const before = await pair.snapshot();
  const role = await pair.hold(...args);
  const held = await pair.snapshot();
  const sleep = ["add", "table", "arp", "lvsdr", "{ flags dormant; }"];
  await pair.server.require("nft", sleep);
  const told = await role.until(/repaired: nft table arp lvsdr: .*\n/);
  assert.match(told, /is there with flags dormant, it must be in force, 3 rules/);
  assert.equal(await pair.snapshot(), held);
  assert.equal(await pair.isAnswered(VIP), false);
  await role.stop("SIGINT");
  assert.equal(await pair.snapshot(), before);

  assert.equal((await pair.role("--once", ...args)).code, 0);
  await pair.server.require("nft", sleep);
  assert.equal(await pair.isAnswered(VIP), true, "as this test sees it");
  const audit = await pair.role("--check", ...args);
  assert.equal(audit.code, 1, audit.stdout);
  assert.match(audit.stdout, /there with flags dormant/);
  assert.equal((await pair.role("--undo")).code, 0);
  assert.equal(await pair.snapshot(), before);
});
