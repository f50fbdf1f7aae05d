import assert from "node:assert/strict";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import { link, REAL_SERVER_ADDRESS, sysctls, VIP } from "../../realserver/host_states.ts";
import { realServerFacts } from "./recorded_facts.ts";

/** Findings on a host with these variables beside a right hardening; with or without its VIP. */
function findingsWith(settings: Readonly<Record<string, string>>, { hasVip = true } = {}) {
  const values = new Map([
    ...sysctls({ all: [1, 2, 0], lo: [0, 0, 0], eth0: [0, 0, 0] }),
    ...Object.entries(settings),
  ]);
  const links = [link("lo", ...(hasVip ? [`${VIP}/32`] : [])), link("eth0", `${REAL_SERVER_ADDRESS}/24`)];
  return examine(realServerFacts({ state: { links, sysctls: values } }), CHECKS);
}

Deno.test("a VIP that is missing is forwarded where the interface it arrives on forwards, whatever others do", () => {
  const idOf = (settings: Readonly<Record<string, string>>) =>
    findingsWith(settings, { hasVip: false })[0]!.id;
  assert.equal(idOf({}), "vip-missing");
  assert.equal(idOf({ "net/ipv4/ip_forward": "0", "net/ipv4/conf/eth0/forwarding": "1" }), "vip-forwarded");
  assert.equal(idOf({ "net/ipv4/ip_forward": "1", "net/ipv4/conf/eth0/forwarding": "0" }), "vip-missing");
  assert.equal(idOf({ "net/ipv4/conf/eth1/forwarding": "1" }), "vip-missing");
});

Deno.test("proxy-arp tells who answers now from who would, and names every variable that makes it so", () => {
  const forwarding = { "net/ipv4/conf/eth0/forwarding": "1" };
  const found = (settings: Readonly<Record<string, string>>) =>
    findingsWith(settings).find(({ id }) => id === "proxy-arp");
  assert.equal(found(forwarding), undefined);
  assert.equal(found({ ...forwarding, "net/ipv4/conf/eth1/proxy_arp": "1" }), undefined);
  assert.match(
    found({ "net/ipv4/conf/eth0/proxy_arp": "1" })!.problem,
    /would answer .* as soon as it forwards/,
  );
  const both = found({
    ...forwarding,
    "net/ipv4/conf/all/proxy_arp": "1",
    "net/ipv4/conf/eth0/proxy_arp_pvlan": "1",
  });
  assert.match(both!.problem, /^This host answers/);
  assert.deepEqual(both!.evidence, [
    "net.ipv4.conf.all.proxy_arp = 1",
    "net.ipv4.conf.eth0.proxy_arp_pvlan = 1",
    "net.ipv4.conf.eth0.forwarding = 1",
  ]);
  assert.equal(
    both!.fix,
    "sysctl -w net.ipv4.conf.all.proxy_arp=0\nsysctl -w net.ipv4.conf.eth0.proxy_arp_pvlan=0",
  );
});
