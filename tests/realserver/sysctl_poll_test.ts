import assert from "node:assert/strict";
import { SysctlPoll } from "../../realserver/sysctl_poll.ts";

/** A variable of the network namespace, which nobody sets while tests run. */
const KEY = "net/ipv4/ip_default_ttl";

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_500));
}

Deno.test("SysctlPoll tells once that a variable has another value, or cannot be read", async () => {
  const told: string[] = [];
  const changed = new SysctlPoll(() => told.push("changed"));
  const gone = new SysctlPoll(() => told.push("gone"));
  const same = new SysctlPoll(() => told.push("same"));
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/sys/${KEY}`] }).output();
  const value = new TextDecoder().decode(stdout).trim();
  changed.begin(new Map([[KEY, `${Number(value) + 1}`]]));
  gone.begin(new Map([[KEY, value], ["net/ipv4/conf/lvsdr-nowhere/arp_ignore", "1"]]));
  same.begin(new Map([[KEY, value]]));
  await settled();
  await settled();
  same.end();
  assert.deepEqual(told.toSorted(), ["changed", "gone"]);
});

Deno.test("SysctlPoll tells nothing after it has ended, be it while variables are being read", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-sysctl-poll-" });
  const path = Deno.env.get("PATH")!;
  try {
    const script = `#!/bin/sh\ntouch ${folder}/begun; sleep 0.2; exit 1\n`;
    await Deno.writeTextFile(`${folder}/grep`, script, { mode: 0o755 });
    Deno.env.set("PATH", `${folder}:${path}`);
    const told: string[] = [];
    const before = new SysctlPoll(() => told.push("before"));
    const during = new SysctlPoll(() => told.push("during"));
    before.begin(new Map([[KEY, "none"]]));
    before.end();
    during.begin(new Map([[KEY, "none"]]));
    while (!(await Array.fromAsync(Deno.readDir(folder))).some(({ name }) => name === "begun")) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    during.end();
    await settled();
    assert.deepEqual(told, []);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});
