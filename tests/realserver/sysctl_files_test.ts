import assert from "node:assert/strict";
import { settings } from "../../realserver/sysctl_files.ts";

Deno.test("settings() reads files as sysctl.d(5) says", () => {
  const text = `# comment
; comment
net.ipv4.conf.all.arp_ignore = 1
-net/ipv4/conf/eth0.100/arp_announce=2
 net.ipv4.conf.eth0/200.rp_filter =\t2
net.ipv4.conf.*.rp_filter = 1
net.ipv4.conf.all.arp_ignore = 0
-net.ipv4.conf.all.promote_secondaries
kernel.core_pattern=|/bin/x %p=1
`;
  assert.deepEqual([...settings(text)], [
    ["net/ipv4/conf/all/arp_ignore", "0"],
    ["net/ipv4/conf/eth0.100/arp_announce", "2"],
    ["net/ipv4/conf/eth0.200/rp_filter", "2"],
    ["kernel/core_pattern", "|/bin/x %p=1"],
  ]);
});
