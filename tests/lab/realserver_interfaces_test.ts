import assert from "node:assert/strict";
import { connect } from "../../lab/namespace.ts";
import { obstacle, RealServerPair, VIP } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** A link between the client and the server, with the addresses of both and the VIP of its subnet. */
interface Place {
  readonly device: string;
  readonly vip: string;
  readonly own: string;
  readonly client: string;
}

const CABLE: Place = { device: "eth0", vip: VIP, own: "192.0.2.21", client: "192.0.2.100" };
const SECOND_CABLE: Place = {
  device: "eth1",
  vip: "198.51.100.10",
  own: "198.51.100.21",
  client: "198.51.100.100",
};
const VLAN: Place = { device: "eth0.10", vip: "203.0.113.10", own: "203.0.113.21", client: "203.0.113.100" };
const PLACES = [CABLE, SECOND_CABLE, VLAN];

const VIPS = PLACES.flatMap(({ vip }) => ["--vip", vip]);

/** A pair with a second cable, and a VLAN on the first. */
async function createPair(): Promise<RealServerPair> {
  const pair = await RealServerPair.create();
  const { client, server } = pair;
  await connect({ namespace: client, interface: "eth1" }, { namespace: server, interface: "eth1" });
  await addVlan(pair, 10);
  for (const { device, own, client: address } of [SECOND_CABLE, VLAN]) {
    await server.ip([`address add ${own}/24 dev ${device}`]);
    await client.ip([`address add ${address}/24 dev ${device}`]);
  }
  return pair;
}

/**
 * Adds an interface `eth0.ID` to both hosts, a link of its own over the first cable: a VLAN, or VXLAN in its place where
 * the kernel has no 802.1Q.
 */
async function addVlan({ client, server }: RealServerPair, id: number): Promise<void> {
  const name = `eth0.${id}`;
  const vlan = `link add link eth0 name ${name} type vlan id ${id}`;
  const vxlan = (remote: string) =>
    `link add ${name} type vxlan id ${id} dev eth0 remote ${remote} dstport 4789`;
  const hasVlans = (await client.run("ip", vlan.split(" "))).code === 0;
  if (!hasVlans) await client.ip([vxlan(CABLE.own)]);
  await server.ip([hasVlans ? vlan : vxlan(CABLE.client)]);
  for (const host of [client, server]) await host.ip([`link set ${name} up`]);
}

/** Addresses that are answered for when the client asks on its interface `device`. */
async function answered(
  pair: RealServerPair,
  device: string,
  addresses: readonly string[],
): Promise<string[]> {
  const found = await Promise.all(addresses.map(async (address) => {
    const { code } = await pair.client.run("arping", ["-f", "-c", "2", "-w", "2", "-I", device, address]);
    return code === 0 ? [address] : [];
  }));
  return found.flat();
}

/** Asserts that on every link the server answers for its own address there, and for no VIP, of whatever link. */
async function assertSilent(pair: RealServerPair, places: readonly Place[]): Promise<void> {
  const vips = PLACES.map(({ vip }) => vip);
  await Promise.all(places.map(async ({ device, own }) => {
    assert.deepEqual(await answered(pair, device, [...vips, own]), [own], `asked on ${device}`);
  }));
}

for (const method of ["loopback", "arptables", "nft"]) {
  Deno.test(
    `realserver ${method}: VIPs on two cables and in a VLAN are served where they are, and silent everywhere${needing}`,
    { ignore },
    async () => {
      await using pair = await createPair();
      await pair.startWeb();
      const before = await pair.snapshot();
      const role = await pair.hold("--method", method, ...VIPS);
      await assertSilent(pair, PLACES);
      for (const { device, vip } of PLACES) {
        const { mac } = JSON.parse(await pair.server.require("ip", ["-json", "link", "show", device]))
          .map(({ address }: { address: string }) => ({ mac: address }))[0];
        await pair.client.ip([`neighbor replace ${vip} lladdr ${mac} dev ${device} nud permanent`]);
        assert.equal(await pair.fetchFromVip(vip), "from the real server", vip);
      }
      assert.equal((await role.stop("SIGINT")).code, 0);
      assert.equal(await pair.snapshot(), before);
    },
  );
}

Deno.test(`an unhardened server answers for its VIPs on every link, as these tests see it${needing}`, {
  ignore,
}, async () => {
  await using pair = await createPair();
  await pair.server.ip(PLACES.map(({ vip }) => `address add ${vip}/32 dev lo`));
  const vips = PLACES.map(({ vip }) => vip);
  for (const { device } of PLACES) assert.deepEqual(await answered(pair, device, vips), vips, device);
});

Deno.test(`interfaces that are renamed, and one that appears later, stay and become silent${needing}`, {
  ignore,
}, async () => {
  await using pair = await createPair();
  // What sysctl.d(5) may have in store for an interface to come: a value that outdoes the one of all.
  await pair.server.setSysctls({ "net.ipv4.conf.default.arp_ignore": 3 });
  const role = await pair.hold("--method", "loopback", ...VIPS);
  await pair.server.ip([
    ...["link set eth1 down", "link set eth1 name lan1", "link set lan1 up"],
    ...["link set eth0.10 down", "link set eth0.10 name vlan10", "link set vlan10 up"],
  ]);
  await assertSilent(pair, PLACES);
  await pair.server.require("sysctl", ["-w", "net.ipv4.conf.lan1.arp_ignore=3"]);
  await role.until(/repaired: arp_ignore on lan1/);
  await pair.server.ip([`address delete ${VLAN.vip}/32 dev lo`, `address add ${VLAN.vip}/24 dev vlan10`]);
  await role.until(new RegExp(`repaired: VIP ${VLAN.vip.replaceAll(".", "\\.")}`));
  await assertSilent(pair, PLACES);

  const later: Place = { device: "eth0.20", vip: VIP, own: "10.9.0.21", client: "10.9.0.100" };
  await addVlan(pair, 20);
  await pair.client.ip([`address add ${later.client}/24 dev eth0.20`]);
  await pair.server.ip([`address add ${later.own}/24 dev eth0.20`]);
  await role.until(/repaired: arp_ignore on eth0\.20/);
  await assertSilent(pair, [...PLACES, later]);
  const { code, text } = await role.stop("SIGINT");
  assert.equal(code, 0, text);
  assert(!(await pair.server.require("ip", ["-4", "address"])).includes(`${VIP}/`));
});

Deno.test(
  `a VIP on an interface without ARP, as a dummy one is, is silent where it is and stays there${needing}`,
  {
    ignore,
  },
  async () => {
    await using pair = await RealServerPair.create();
    await pair.server.ip([
      ...["link add vip0 type veth peer name vip1", "link set vip0 arp off up", "link set vip1 up"],
      `address add ${VIP}/32 dev vip0`,
    ]);
    assert.equal(await pair.isAnswered(VIP), true);
    const role = await pair.hold("--vip", VIP);
    assert.equal(await pair.isAnswered(VIP), false);
    await pair.startWeb();
    await pair.pointClientAtServer();
    assert.equal(await pair.fetchFromVip(), "from the real server");
    const { code, text } = await role.stop("SIGINT");
    assert.equal(code, 0, text);
    assert.match(text, /^method loopback: /m);
    assert.match(await pair.server.require("ip", ["address", "show", "vip0"]), new RegExp(`${VIP}/32`));
  },
);

Deno.test(
  `a VIP that was on an interface without ARP stays there when that goes down or learns ARP${needing}`,
  {
    ignore,
  },
  async () => {
    await using pair = await RealServerPair.create();
    await pair.server.ip([
      ...["link add vip0 type veth peer name vip1", "link set vip0 arp off up", "link set vip1 up"],
      `address add ${VIP}/32 dev vip0`,
    ]);
    await pair.startWeb();
    await pair.pointClientAtServer();
    const before = await pair.snapshot();
    const role = await pair.hold("--vip", VIP);
    const held = await pair.snapshot();
    const breaks = [
      { change: "down", fact: "interface vip0", found: "down, it must be up", cure: "set vip0 up" },
      {
        change: "arp on",
        fact: `VIP ${VIP}`,
        found: `${VIP}/32 on vip0, it must be .* without ARP`,
        cure: "switch ARP off on vip0 again: ip link set vip0 arp off",
      },
    ];
    for (const { change, fact, found, cure } of breaks) {
      await pair.server.ip([`link set vip0 ${change}`]);
      const told = await role.until(new RegExp(`repaired: ${fact}: .*\n`));
      assert.match(told, new RegExp(`^drift: ${fact} is ${found} `, "m"));
      assert.deepEqual(told.match(/^repair: .*/gm), [`repair: ${cure}`]);
      assert.equal(await pair.snapshot(), held, change);
      assert.equal(await pair.isAnswered(VIP), false);
      assert.equal(await pair.fetchFromVip(), "from the real server");
    }
    const { code, text } = await role.stop("SIGINT");
    assert.equal(code, 0, text);
    assert.equal(await pair.snapshot(), before);
  },
);
