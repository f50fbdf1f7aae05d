import assert from "node:assert/strict";
import { applyCommand, isSameChange, type Step, undoCommand } from "../../host/step.ts";

Deno.test("applyCommand() and undoCommand() are what an operator would type", () => {
  const cases: readonly [Step, string, string][] = [
    [
      { kind: "setSysctl", key: "net/ipv4/conf/eth0.5/arp_ignore", value: "1", previous: "0" },
      "sysctl -w net.ipv4.conf.eth0/5.arp_ignore=1",
      "sysctl -w net.ipv4.conf.eth0/5.arp_ignore=0",
    ],
    [
      { kind: "addAddress", address: "192.0.2.10", device: "lo" },
      "ip address add 192.0.2.10/32 dev lo",
      "ip address delete 192.0.2.10/32 dev lo",
    ],
    [
      { kind: "nftTable", family: "arp", name: "lvsdr", ruleset: "create table arp lvsdr\n" },
      "nft -f - <<'END'\ncreate table arp lvsdr\nEND",
      "nft delete table arp lvsdr",
    ],
    [
      { kind: "arptablesRule", chain: "INPUT", args: ["-d", "192.0.2.10", "-j", "DROP"], isTableNew: true },
      "arptables -I INPUT -d 192.0.2.10 -j DROP",
      "arptables -D INPUT -d 192.0.2.10 -j DROP",
    ],
    [
      { kind: "addAddress", address: "2001:db8::10", device: "lo" },
      "ip address add 2001:db8::10/128 dev lo nodad preferred_lft 0",
      "ip address delete 2001:db8::10/128 dev lo",
    ],
    [
      { kind: "addLocalRoute", address: "192.0.2.10" },
      "ip -4 route add local 192.0.2.10/32 dev lo",
      "ip -4 route delete local 192.0.2.10/32 dev lo",
    ],
    [
      { kind: "iptablesRule", program: "ip6tables", args: ["-d", "2001:db8::10", "-j", "REDIRECT"] },
      "ip6tables -w 5 -t nat -I PREROUTING -d 2001:db8::10 -j REDIRECT",
      "ip6tables -w 5 -t nat -D PREROUTING -d 2001:db8::10 -j REDIRECT",
    ],
    [
      { kind: "disableFeatures", device: "eth0", features: ["rx-gro-hw", "tx-checksum-ipv4"] },
      "ethtool -K eth0 rx-gro-hw off tx-checksum-ipv4 off",
      "ethtool -K eth0 rx-gro-hw on tx-checksum-ipv4 on",
    ],
  ];
  for (const [step, apply, undo] of cases) {
    assert.equal(applyCommand(step), apply);
    assert.equal(undoCommand(step), undo);
  }
});

Deno.test("isSameChange() looks past what a step found", () => {
  const set = (key: string, value: string, previous: string): Step => ({
    kind: "setSysctl",
    key,
    value,
    previous,
  });
  assert.equal(isSameChange(set("a", "1", "0"), set("a", "1", "3")), true);
  assert.equal(isSameChange(set("a", "1", "0"), set("b", "1", "0")), false);
  assert.equal(isSameChange(set("a", "1", "0"), set("a", "2", "0")), false);
  const rule = (isTableNew: boolean): Step => ({
    kind: "arptablesRule",
    chain: "INPUT",
    args: ["-d"],
    isTableNew,
  });
  assert.equal(isSameChange(rule(true), rule(false)), true);
  const table = (name: string, ruleset: string): Step => ({ kind: "nftTable", family: "arp", name, ruleset });
  assert.equal(isSameChange(table("lvsdr", "one"), table("lvsdr", "other")), true);
  assert.equal(isSameChange(table("lvsdr", ""), rule(true)), false);
});
