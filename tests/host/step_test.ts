import assert from "node:assert/strict";
import { applyCommand, type Step, undoCommand } from "../../host/step.ts";

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
      "arptables -A INPUT -d 192.0.2.10 -j DROP",
      "arptables -D INPUT -d 192.0.2.10 -j DROP",
    ],
  ];
  for (const [step, apply, undo] of cases) {
    assert.equal(applyCommand(step), apply);
    assert.equal(undoCommand(step), undo);
  }
});
