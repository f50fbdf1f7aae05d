import assert from "node:assert/strict";
import {
  obstacle,
  REAL_SERVER_ADDRESS,
  REAL_SERVER_MAC,
  RealServerPair,
  VIP,
  VIP6,
} from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

Deno.test(`--port 80:8080 serves the VIP's port 80 from port 8080, without being told the method${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await pair.startWeb(8080);
  await pair.pointClientAtServer();
  const before = await pair.snapshot();
  const role = await pair.hold("--vip", VIP, "--port", "80:8080", "--port", "8080");
  assert.equal(await pair.fetchFromVip(), "from the real server");
  const lines = await pair.capture("tcp", () => pair.fetchFromVip());
  const answers = lines.filter((line) => line.includes(`${REAL_SERVER_MAC} >`));
  assert(answers.length > 0);
  assert.deepEqual(
    answers.filter((line) => !line.includes(`${VIP}.80 > `)),
    [],
    "answers come from the VIP's port",
  );
  assert.equal((await role.stop("SIGINT")).code, 0);
  assert.equal(await pair.snapshot(), before);
});

Deno.test(`servers[].port of the configuration translates on this host and on no other${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await pair.startWeb(8081);
  await pair.pointClientAtServer();
  const path = `${pair.folder}/cluster.yaml`;
  await Deno.writeTextFile(
    path,
    `services:
  - vip: ${VIP}
    port: 80
    servers: [{ address: 192.0.2.20, port: 8080 }, { address: ${REAL_SERVER_ADDRESS}, port: 8081 }]
realserver: { method: redirect }
`,
  );
  const role = await pair.hold("-c", path);
  assert.equal(await pair.fetchFromVip(), "from the real server");
  const ruleset = await pair.server.require("nft", ["list", "ruleset"]);
  assert.match(ruleset, /redirect to :8081/);
  assert.doesNotMatch(ruleset, /8080/);
  await role.stop("SIGINT");
});

Deno.test(`a port cannot be translated by another method, nor handed to two ports${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["--port", "80:8080", "--method", "nft"], /Cannot hand port 80 to port 8080 with method nft/],
    [["--port", "80:8080", "--port", "80:8081"], /Cannot hand port 80 to two ports/],
    [["--port", "80:8080:1"], /It must be a port such as 80, or 80:8080/],
    [["--port", "80:"], /whole number from 1 to 65535/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await pair.role("--once", "--vip", VIP, ...args);
    assert.equal(code, 64, stderr);
    assert.match(stderr, message);
  }
});

Deno.test(`where nft is missing iptables redirects, is watched, and is left without a rule${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  await pair.startWeb(8080);
  await pair.pointClientAtServer();
  await pair.pointClientAtServer(VIP6);
  pair.hide("nft");
  const args = ["--method", "redirect", "--vip", VIP, "--vip", VIP6, "--port", "80:8080"];
  const rules = () =>
    pair.server.require("sh", [
      "-c",
      "iptables-save -t nat | grep ^-A; ip6tables-save -t nat | grep ^-A; true",
    ]);

  const role = await pair.hold(...args);
  assert.equal((await rules()).trim().split("\n").length, 2, await rules());
  assert.equal(await pair.fetchFromVip(), "from the real server");
  assert.equal(await pair.fetchFromVip(VIP6), "from the real server");
  await pair.server.require("iptables", ["-t", "nat", "-F"]);
  await role.until(/repaired: iptables nat PREROUTING for 192\.0\.2\.10/);
  assert.equal(await pair.fetchFromVip(), "from the real server");
  assert.equal((await pair.role("--check", ...args)).code, 0);
  await role.stop("SIGKILL");
  assert.notEqual(await rules(), "");
  assert.equal((await pair.role("--undo")).code, 0);
  assert.equal(await rules(), "");
});
