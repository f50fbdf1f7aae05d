import assert from "node:assert/strict";
import { isInstalled, runCommand } from "../../host/command.ts";
import { obstacle as namespaceObstacle, RealServerPair, VIP, VIP6 } from "./realserver_pair.ts";

/** The older iptables(8), which does not work through nft, and the program that it is. */
const LEGACY = "/usr/sbin/xtables-legacy-multi";

const obstacle = namespaceObstacle ?? await legacyObstacle();
const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

async function legacyObstacle(): Promise<string | null> {
  if (!isInstalled("iptables-legacy")) return "iptables-legacy is not installed";
  // In a network of its own, which ends with the program.
  const { code } = await runCommand("unshare", ["--net", "iptables-legacy", "-t", "nat", "-S"]);
  return code === 0 ? null : "this kernel has no iptable_nat";
}

Deno.test(`where there is only legacy iptables, looking at the host tracks no connections${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  const folder = `${pair.folder}/bin`;
  await Deno.mkdir(folder);
  for (const name of ["iptables", "ip6tables"]) await Deno.symlink(LEGACY, `${folder}/${name}`);
  pair.prefer(folder);
  pair.hide("nft");
  pair.hide("arptables");
  const tables = async () => {
    const paths = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];
    return (await pair.server.run("cat", paths)).stdout.trim().split(/\s+/).filter((name) => name !== "");
  };
  const vips = ["--vip", VIP, "--vip", VIP6, "--port", "80:8080"];
  const anyMethod = ["--vip", VIP, "--vip", VIP6, "--port", "80"];

  assert.deepEqual(await tables(), []);
  for (const mode of ["--check", "--print"]) {
    assert.match((await pair.role(mode, ...vips)).stdout, /iptables/);
    assert.match((await pair.role(mode, ...anyMethod)).stdout, /method loopback/);
  }
  await (await pair.hold(...anyMethod)).stop("SIGINT");
  assert.deepEqual(await tables(), []);

  await pair.startWeb(8080);
  await pair.pointClientAtServer();
  await pair.pointClientAtServer(VIP6);
  const role = await pair.hold(...vips);
  assert.deepEqual(await tables(), ["nat", "nat"], "as this test sees it");
  assert.equal(await pair.fetchFromVip(), "from the real server");
  assert.equal(await pair.fetchFromVip(VIP6), "from the real server");
  assert.equal((await pair.role("--check", ...vips)).code, 0);
  assert.equal((await role.stop("SIGINT")).code, 0);
  const rules = await pair.server.require("sh", [
    "-c",
    "iptables-legacy-save -t nat | grep ^-A; ip6tables-legacy-save -t nat | grep ^-A; true",
  ]);
  assert.equal(rules, "");
});
