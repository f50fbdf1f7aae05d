import assert from "node:assert/strict";
import {
  CLIENT_ADDRESS6,
  obstacle,
  REAL_SERVER_ADDRESS6,
  REAL_SERVER_MAC,
  RealServerPair,
  VIP,
  VIP6,
} from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Neighbour discovery while a server that has to ask for the client talks to it from `source`. */
function discoveryOfServerTalking(pair: RealServerPair, source: string): Promise<string[]> {
  return pair.capture("icmp6", async () => {
    await pair.server.require("ip", ["-6", "neighbor", "flush", "dev", "eth0"]);
    await pair.server.require("ping", ["-6", "-c", "1", "-W", "2", "-I", source, CLIENT_ADDRESS6]);
  });
}

/** Frames that would teach somebody the server's MAC for the VIP. */
function leaks(lines: readonly string[]): string[] {
  const ofServer = lines.filter((line) => line.includes(`${REAL_SERVER_MAC} >`));
  return ofServer.filter((line) =>
    line.includes(`neighbor advertisement, tgt is ${VIP6}`) ||
    (line.includes(`${VIP6} > `) && line.includes("neighbor solicitation"))
  );
}

for (const method of ["loopback", "nft", "redirect", "route"]) {
  Deno.test(`realserver ${method}: serves an IPv6 VIP and never tells its MAC by NDP${needing}`, {
    ignore,
  }, async () => {
    await using pair = await RealServerPair.create("ipv4 and ipv6");
    await pair.startWeb();
    const before = await pair.snapshot();
    const starting = Promise.withResolvers<Awaited<ReturnType<RealServerPair["hold"]>>>();
    const seen = await pair.capture("icmp6", async () => {
      const role = pair.hold("--method", method, "--vip", VIP6, "--port", "80");
      starting.resolve(role);
      await role;
      assert.equal(await pair.isSolicitationAnswered(VIP6), false);
    });
    const role = await starting.promise;
    assert(seen.some((line) => line.includes(`who has ${VIP6}`)), seen.join("\n"));
    assert.deepEqual(leaks(seen), []);

    await pair.pointClientAtServer(VIP6);
    // Without the address on an interface no program can name it as its source.
    if (method === "loopback" || method === "nft") {
      const talk = await discoveryOfServerTalking(pair, VIP6);
      assert(talk.some((line) => line.includes(`who has ${CLIENT_ADDRESS6}`)), talk.join("\n"));
      assert.deepEqual(leaks(talk), []);
    }
    assert.equal(await pair.fetchFromVip(VIP6), "from the real server");
    assert.equal((await role.stop("SIGINT")).code, 0);
    assert.equal(await pair.snapshot(), before);
  });
}

Deno.test(`nft silences an IPv6 VIP on the NIC, which these tests see answering without it${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  await pair.server.ip([`address add ${VIP6}/128 dev eth0 nodad`]);
  await pair.server.setSysctls({ "net.ipv6.conf.eth0.ndisc_notify": 1 });
  /** What the server announces when its MAC is set, as a bond does when it fails over. */
  const announced = () =>
    pair.capture("icmp6", async () => {
      await pair.server.ip([`link set eth0 address ${REAL_SERVER_MAC}`]);
      await pair.client.run("ping", ["-6", "-c", "2", REAL_SERVER_ADDRESS6]);
    });
  assert.notDeepEqual(leaks(await announced()), [], "announces the VIP");
  const unhardened = await discoveryOfServerTalking(pair, VIP6);
  assert.notDeepEqual(leaks(unhardened), [], "asks by the VIP");
  assert.equal(await pair.isSolicitationAnswered(VIP6), true);

  await pair.client.require("ip", ["-6", "neighbor", "flush", "dev", "eth0"]);
  const role = await pair.hold("--vip", VIP6);
  assert.equal(await pair.isSolicitationAnswered(VIP6), false);
  await pair.pointClientAtServer(VIP6);
  const talk = await discoveryOfServerTalking(pair, VIP6);
  assert.deepEqual(leaks(talk), []);
  assert(talk.some((line) => line.includes(`${REAL_SERVER_ADDRESS6} > ff02`)), talk.join("\n"));
  assert.deepEqual(leaks(await announced()), []);
  const { text } = await role.stop("SIGINT");
  assert.match(text, /method nft: 2001:db8::10 is on eth0 already/);
  assert((await pair.server.require("ip", ["-6", "address", "show", "eth0"])).includes(VIP6));
});

Deno.test(`VIPs of both versions are held together and put back${needing}`, { ignore }, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  const before = await pair.snapshot();
  for (const method of ["loopback", "nft"]) {
    const role = await pair.hold("--method", method, "--vip", VIP, "--vip", VIP6, "--vip", "192.0.2.11");
    const held = await pair.snapshot();
    assert.match(held, /"preferred_life_time":0/);
    await pair.server.ip([`address delete ${VIP6}/128 dev lo`, "address delete 192.0.2.11/32 dev lo"]);
    if (method === "nft") await pair.server.require("nft", ["flush", "chain", "ip6", "lvsdr", "input"]);
    await role.until(/repaired: VIP 192\.0\.2\.11/);
    assert.equal(await pair.isSolicitationAnswered(VIP6), false);
    const addresses = await pair.server.require("ip", ["address", "show", "lo"]);
    for (const vip of [`${VIP}/32`, `${VIP6}/128`, "192.0.2.11/32"]) assert(addresses.includes(vip), vip);
    await role.stop("SIGINT");
    assert.equal(await pair.snapshot(), before);
  }
});

Deno.test(`an IPv6 VIP is refused by arptables, and with a prefix other than /128${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create("ipv4 and ipv6");
  const arptables = await pair.role("--method", "arptables", "--vip", VIP6);
  assert.equal(arptables.code, 64);
  assert.match(arptables.stderr, /arptables filters ARP, which IPv6 has not/);
  const prefix = await pair.role("--vip", `${VIP6}/64`);
  assert.equal(prefix.code, 64);
  assert.match(
    prefix.stderr,
    /a shorter prefix than \/128 takes the whole subnet for its own, write 2001:db8::10/,
  );
  await pair.server.ip([`address add ${VIP6}/64 dev lo nodad`]);
  await pair.server.setSysctls({ "net.ipv6.conf.lo.disable_ipv6": 1 });
  const disabled = await pair.role("--vip", "2001:db8::11");
  assert.match(disabled.stderr, /IPv6 on lo is disabled[^]*sysctl -w net\.ipv6\.conf\.lo\.disable_ipv6=0/);
  await pair.server.setSysctls({ "net.ipv6.conf.lo.disable_ipv6": 0 });
  await pair.server.run("ip", ["address", "add", `${VIP6}/64`, "dev", "lo", "nodad"]);
  const held = await pair.role("--vip", VIP6);
  assert.equal(held.code, 1);
  assert.match(held.stderr, /2001:db8::10\/64 on lo, it must be 2001:db8::10\/128 on lo only/);
});
