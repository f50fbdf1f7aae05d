import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import type { Config } from "../../model/config.ts";
import { isInPrefix } from "../../model/ip_address.ts";
import { findWatchPlaces, watchFilter } from "../../sentinel/watch_place.ts";
import { link } from "../director/configs.ts";

const ETH0 = link("eth0", ["192.0.2.10/32", "192.0.2.2/24"]);

function configOf(...vips: readonly (readonly [vip: string, vlan?: number])[]): Config {
  const services = vips.map(([vip, vlan]) => {
    const server = vip.includes(":") ? "2001:db8::21" : `192.0.2.${21 + (vlan ?? 0)}`;
    return `  - { vip: "${vip}", port: 80, ${vlan === undefined ? "" : `vlan: ${vlan}, `}` +
      `servers: [{ address: "${server}" }] }`;
  });
  return parseConfig(`services:\n${services.join("\n")}\n`, "cluster.yaml");
}

Deno.test("findWatchPlaces() watches VIPs on the director's interface, from an address that is no VIP", () => {
  const { places, unseen } = findWatchPlaces(
    configOf(["192.0.2.10"], ["192.0.2.11"]),
    "eth0",
    [ETH0],
    new Set(),
  );
  assert.deepEqual(unseen, []);
  const [place, ...others] = places;
  assert.deepEqual(others, []);
  assert.equal(place!.link.name, "eth0");
  assert.deepEqual(place!.watched.vips, ["192.0.2.10", "192.0.2.11"]);
  assert.equal(place!.watched.senderFor("192.0.2.11"), "192.0.2.2");
  assert.equal(place!.watched.senderFor("198.51.100.1"), "0.0.0.0");
});

Deno.test("findWatchPlaces() asks as nobody where this host has no address but VIPs", () => {
  const config = configOf(["192.0.2.10"], ["192.0.2.11"]);
  const { places } = findWatchPlaces(config, "eth0", [link("eth0", ["192.0.2.10/24"])], new Set());
  assert.equal(places[0]!.watched.senderFor("192.0.2.11"), "0.0.0.0");
});

Deno.test("findWatchPlaces() picks four decoys of the subnet that nobody is known to have", () => {
  const taken = new Set(Array.from({ length: 248 }, (_, i) => `192.0.2.${1 + i}`));
  for (let round = 0; round < 20; round++) {
    const { places } = findWatchPlaces(configOf(["192.0.2.10"]), "eth0", [ETH0], taken);
    const { decoys } = places[0]!.watched;
    assert.equal(new Set(decoys).size, 4);
    for (const decoy of decoys) {
      assert(isInPrefix(decoy, "192.0.2.0", 24) && !taken.has(decoy), decoy);
    }
  }
});

Deno.test("findWatchPlaces() watches a VIP in a VLAN on this host's interface there, and says where there is none", () => {
  const vlan = link("eth0.5", ["198.51.100.2/24"], { index: 3 });
  const config = configOf(["192.0.2.10"], ["198.51.100.10", 5], ["203.0.113.10", 6]);
  const { places, unseen } = findWatchPlaces(config, "eth0", [ETH0, vlan], new Set());
  assert.deepEqual(
    places.map(({ link: { name }, watched }) => [name, watched.vips]),
    [["eth0", ["192.0.2.10"]], ["eth0.5", ["198.51.100.10"]]],
  );
  assert.deepEqual(unseen, ["203.0.113.10"]);
});

Deno.test("findWatchPlaces() asks over IPv6 from an address of its own, or not at all", () => {
  const config = configOf(["2001:db8::10"]);
  const senderWith = (addresses: readonly (readonly [string, string])[]) => {
    const ipv6Addresses = addresses.map(([address, scope]) => ({ address, prefixLength: 64, scope }));
    const { places } = findWatchPlaces(config, "eth0", [{ ...ETH0, ipv6Addresses }], new Set());
    return places[0]!.watched.senderFor("2001:db8::10");
  };
  assert.equal(senderWith([["fe80::2", "link"], ["2001:db8::2", "global"]]), "2001:db8::2");
  assert.equal(senderWith([["fe80::2", "link"]]), "fe80::2");
  assert.equal(senderWith([["2001:db8::10", "global"]]), null);
});

Deno.test("watchFilter() lets through what concerns the VIPs, and all of ARP where that would be too long", () => {
  const filter = (vips: readonly string[], decoys: readonly string[] = []) =>
    watchFilter({ vips, decoys, senderFor: () => null });
  assert.equal(
    filter(["192.0.2.10", "192.0.2.11"], ["192.0.2.99"]),
    "arp host 192.0.2.10 or arp host 192.0.2.11 or arp src host 192.0.2.99",
  );
  const ndp = "(icmp6 and (ip6[40] == 135 or ip6[40] == 136))";
  assert.equal(filter(["2001:db8::10"], ["2001:db8::99"]), ndp);
  const many = Array.from({ length: 201 }, (_, i) => `192.0.2.${i}`);
  assert.equal(filter([...many, "2001:db8::10"]), `arp or ${ndp}`);
});
