import assert from "node:assert/strict";
import { obstacle, RealServerPair, VIP, VIP6 } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

Deno.test(`nft: a VIP that is put back elsewhere than it was at the start goes with the role${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const without = await pair.snapshot();
  await pair.server.ip([`address add ${VIP}/32 dev eth0`]);
  const before = await pair.snapshot();
  await (await pair.hold("--method", "nft", "--vip", VIP)).stop("SIGINT");
  assert.equal(await pair.snapshot(), before, "it stays where the operator has put it");

  const role = await pair.hold("--method", "nft", "--vip", VIP);
  await pair.server.ip([`address delete ${VIP}/32 dev eth0`]);
  await role.until(/repaired: VIP 192\.0\.2\.10: 192\.0\.2\.10\/32 on lo/);
  assert.equal(await pair.isAnswered(VIP), false);
  const { text } = await role.stop("SIGINT");
  assert.match(text, /undone: add 192\.0\.2\.10\/32 to lo/);
  assert.equal(await pair.snapshot(), without);
  assert.equal(await pair.isAnswered(VIP), false);
});

Deno.test(
  `one variable that is reset is told and put back once, however many interfaces it is of${needing}`,
  {
    ignore,
  },
  async () => {
    await using pair = await RealServerPair.create();
    const count = 50;
    const links = Array.from({ length: count }, (_, i) => `link add dev many${i} type bridge`);
    await pair.server.ip(links);
    const role = await pair.hold("--vip", VIP);
    const held = await pair.snapshot();
    await pair.server.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    const told = await role.until(/repaired: arp_ignore on eth0: .*\n/);
    assert.equal(await pair.snapshot(), held);
    const { text } = await role.stop("SIGINT");
    assert.match(
      told,
      /drift: arp_ignore on eth0 is 0 .*, and with it arp_ignore on many0, .* and 47 more; cause: /,
    );
    assert.match(
      told,
      /repaired: arp_ignore on eth0: 1 .*, and with it arp_ignore on many0, .* and 47 more\n/,
    );
    for (const word of ["drift: ", "repair: ", "repaired: "]) {
      assert.equal(text.split("\n").filter((line) => line.startsWith(word)).length, 1, text);
    }
  },
);

Deno.test(`IPv6 that is switched off on lo is switched on again, and the VIP put back${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  await pair.startWeb();
  await pair.pointClientAtServer(VIP6);
  const before = await pair.snapshot();
  const role = await pair.hold("--vip", VIP6);
  const held = await pair.snapshot();
  await pair.server.setSysctls({ "net.ipv6.conf.lo.disable_ipv6": 1 });
  const told = await role.until(/(repaired: VIP|cannot look or repair).*\n/);
  assert.match(told, /drift: IPv6 on lo is disabled, it must be enabled/);
  assert.doesNotMatch(told, /cannot look or repair/);
  assert.equal(await pair.snapshot(), held);
  assert.equal(await pair.fetchFromVip(VIP6), "from the real server");
  await role.stop("SIGINT");
  assert.equal(await pair.snapshot(), before);
});

for (const method of ["loopback", "redirect"]) {
  Deno.test(`realserver ${method}: an interface that is taken away is drift until it is back${needing}`, {
    ignore,
  }, async () => {
    await using pair = await RealServerPair.create();
    await pair.server.ip(["link add dev spare0 type bridge", "address add 198.51.100.21/24 dev spare0"]);
    const args = ["--method", method, "--interface", "spare0", "--vip", VIP, "--port", "80"];
    const role = await pair.hold(...args);
    await pair.server.ip(["link delete spare0"]);
    await role.until(/drift: interface spare0 is absent, it must be there/);
    await pair.server.ip(["link add dev spare0 type bridge"]);
    await role.until(/repaired: interface spare0/);
    await role.stop("SIGINT");
  });
}

Deno.test(`two interfaces that swap their names keep what is asked of each${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await pair.server.ip(["link add dev spare0 type bridge", "address add 198.51.100.21/24 dev spare0"]);
  const role = await pair.hold("--method", "arptables", "--vip", VIP);
  await pair.server.ip([
    "link set eth0 down",
    "link set eth0 name swap0",
    "link set spare0 name eth0",
    "link set swap0 name spare0",
    "link set spare0 up",
    `address delete ${VIP}/32 dev spare0`,
  ]);
  await role.until(/repaired: VIP .*\n/);
  assert.match(await pair.server.require("ip", ["address", "show", "spare0"]), /192\.0\.2\.10\/32/);
  assert.equal((await role.stop("SIGINT")).code, 0);
  assert(!(await pair.server.require("ip", ["address"])).includes(VIP));
});
