import assert from "node:assert/strict";
import { isSysctlWritable, readSysctl, readSysctls, sysctlName, writeSysctl } from "../../host/sysctl.ts";

Deno.test("readSysctls() leaves out variables that do not exist", async () => {
  const values = await readSysctls(["net/ipv4/conf/all/arp_ignore", "net/ipv4/conf/no.such/arp_ignore"]);
  assert.deepEqual([...values.keys()], ["net/ipv4/conf/all/arp_ignore"]);
  assert.match(values.get("net/ipv4/conf/all/arp_ignore")!, /^\d+$/);
});

Deno.test("readSysctls() does not take variables for absent because the program that reads them was killed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-sysctl-" });
  const path = Deno.env.get("PATH") ?? "";
  try {
    await Deno.writeTextFile(`${folder}/grep`, "#!/bin/sh\nkill -KILL $$\n", { mode: 0o755 });
    Deno.env.set("PATH", `${folder}:${path}`);
    await assert.rejects(readSysctls(["net/ipv4/conf/all/arp_ignore"]), {
      name: "HostError",
      message: /could not be read: grep ended with exit code 137/,
    });
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readSysctl() is null for a variable that does not exist", async () => {
  assert.equal(await readSysctl("net/ipv4/conf/nosuch/arp_ignore"), null);
});

Deno.test("writeSysctl() names the variable that cannot be written", async () => {
  await assert.rejects(writeSysctl("net/ipv4/nosuch", "1"), /\/proc\/sys\/net\/ipv4\/nosuch/);
  assert.equal(await isSysctlWritable("net/ipv4/nosuch"), false);
});

Deno.test("sysctlName() writes the dots of an interface name as sysctl(8) wants them", () => {
  assert.equal(sysctlName("net/ipv4/conf/eth0.100/arp_ignore"), "net.ipv4.conf.eth0/100.arp_ignore");
});
