import assert from "node:assert/strict";
import { obstacle, RealServerPair, VIP } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const ARGS = ["--method", "redirect", "--vip", VIP, "--port", "80:8080"];
/** A port that nobody listens on. */
const NOWHERE = "redirect to :9";

/** Gives the server a table of somebody else's with one rule for arriving packets. */
async function addRule(
  { server }: RealServerPair,
  table: string,
  priority: string,
  rule: string,
): Promise<void> {
  const chain = `chain arriving {\n type nat hook prerouting priority ${priority};\n ${rule}\n }\n`;
  await server.require("nft", ["-f", "-"], { stdin: `table ${table} {\n ${chain}}\n` });
}

/** Whether the client gets the page of the port that the VIP's is redirected to. */
async function isServed(pair: RealServerPair): Promise<boolean> {
  const { code } = await pair.client.run("curl", ["-s", "--max-time", "5", `http://${VIP}/`]);
  return code === 0;
}

Deno.test(
  `redirect: a rule that takes the VIP's connections first is an obstacle, and drift later${needing}`,
  { ignore },
  async () => {
    await using pair = await RealServerPair.create();
    await pair.startWeb(8080);
    await pair.pointClientAtServer();
    await addRule(pair, "ip other", "-150", `tcp dport 80 ${NOWHERE}`);
    const before = await pair.snapshot();
    const refused = await pair.role("--once", ...ARGS);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /ip other arriving: tcp dport 80 redirect to :9, which takes 192\.0\.2\.10 tcp port 80/,
    );
    assert.equal(await pair.snapshot(), before, "nothing is changed");
    const [remedy] = /nft delete rule ip other arriving handle \d+/.exec(refused.stderr) ?? [];
    await pair.server.require("sh", ["-ec", remedy!]);

    const elsewhere = `add chain ip other elsewhere\nadd rule ip other elsewhere tcp dport 80 ${NOWHERE}\n`;
    await pair.server.require("nft", ["-f", "-"], { stdin: elsewhere });

    const role = await pair.hold(...ARGS);
    assert.equal(await isServed(pair), true);
    await addRule(pair, "ip other", "-150", `ip daddr { ${VIP}, 192.0.2.11 } tcp dport 80 ${NOWHERE}`);
    assert.equal(await isServed(pair), false, "as this test sees it");
    const told = await role.until(/not repaired: .*\n/);
    assert.match(
      told,
      /drift: nft rules before table inet lvsdr is ip other arriving: .*; cause: rules changed by /,
    );
    const audit = await pair.role("--check", ...ARGS);
    assert.equal(audit.code, 1, audit.stdout);
    assert.match(
      audit.stdout,
      new RegExp(`; process ${role.pid} holds this host: restart it, or stop it and `),
    );
    await pair.server.require("sh", ["-ec", /not repaired: (.*)\n/.exec(told)![1]!]);
    await role.until(/repaired: nft rules before table inet lvsdr: none/);
    assert.equal(await isServed(pair), true);

    await pair.server.require("nft", ["add rule ip other arriving jump elsewhere"]);
    assert.match(
      await role.until(/not repaired: .*\n/),
      /drift: nft rules before .* ip other elsewhere: tcp dport 80 redirect to :9, .*; cause: rules changed by /,
    );
    assert.equal((await role.stop("SIGINT")).code, 0);
  },
);

Deno.test(`redirect: rules in the usual place, or for other packets, take nothing from a VIP${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await pair.startWeb(8080);
  await pair.pointClientAtServer();
  await addRule(pair, "ip before", "dstnat", `tcp dport 80 ${NOWHERE}`);
  await addRule(pair, "ip docker", "-150", `fib daddr type local tcp dport 80 ${NOWHERE}`);
  await addRule(pair, "ip proxy", "-150", `iifname "docker0" tcp dport 80 ${NOWHERE}`);
  const role = await pair.hold(...ARGS);
  await addRule(pair, "inet after", "dstnat", `tcp dport 80 ${NOWHERE}`);
  await pair.server.require("iptables", ["-t", "nat", "-I", "PREROUTING", "-p", "tcp", "-j", "REDIRECT"]);
  assert.equal(await isServed(pair), true);
  assert.equal((await pair.role("--check", ...ARGS)).code, 0);
  const { text } = await role.stop("SIGINT");
  assert.doesNotMatch(text, /drift/);
});
