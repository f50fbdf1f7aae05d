import assert from "node:assert/strict";
import { folderFiles, settings } from "../../realserver/sysctl_files.ts";

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

Deno.test("folderFiles() takes of files with one name the first, and nothing from where it cannot look", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-sysctl-" });
  try {
    const [own, distribution, file] = ["own", "distribution", "file"].map((name) => `${folder}/${name}`);
    await Deno.mkdir(own!);
    await Deno.mkdir(distribution!);
    await Deno.writeTextFile(file!, "");
    for (
      const path of [`${own}/a.conf`, `${own}/README`, `${distribution}/a.conf`, `${distribution}/b.conf`]
    ) {
      await Deno.writeTextFile(path, "");
    }
    const found = await folderFiles([own!, `${folder}/absent`, file!, distribution!]);
    assert.deepEqual(found, [`${own}/a.conf`, `${distribution}/b.conf`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
