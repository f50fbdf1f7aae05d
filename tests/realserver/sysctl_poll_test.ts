import assert from "node:assert/strict";
import { SysctlPoll } from "../../realserver/sysctl_poll.ts";

/** A variable of the network namespace, which nobody sets while tests run. */
const KEY = "net/ipv4/ip_default_ttl";

/** Waits for what must come soon, however busy the machine is. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("It did not come")), 20_000);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** A poll that begins with values, and what comes when it tells. */
function pollOf(values: Readonly<Record<string, string>>): { poll: SysctlPoll; told: Promise<void> } {
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const poll = new SysctlPoll(resolve);
  poll.begin(new Map(Object.entries(values)));
  return { poll, told };
}

Deno.test("SysctlPoll tells that a variable has another value, or cannot be read, and nothing of one that is as it was", async () => {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/sys/${KEY}`] }).output();
  const value = new TextDecoder().decode(stdout).trim();
  let isToldOfSame = false;
  const same = new SysctlPoll(() => isToldOfSame = true);
  same.begin(new Map([[KEY, value]]));
  const changed = pollOf({ [KEY]: `${Number(value) + 1}` });
  const gone = pollOf({ [KEY]: value, "net/ipv4/conf/lvsdr-nowhere/arp_ignore": "1" });
  await soon(Promise.all([changed.told, gone.told]));
  // One that begins now reads them after `same` has.
  await soon(pollOf({ [KEY]: "none" }).told);
  same.end();
  assert.equal(isToldOfSame, false);
});

Deno.test("SysctlPoll tells nothing after it has ended, be it while variables are being read", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-sysctl-poll-" });
  const path = Deno.env.get("PATH")!;
  try {
    const [begun, over] = [`${folder}/begun`, `${folder}/over`];
    // It ends with the folder at the latest.
    const script =
      `#!/bin/sh\n: >${begun}; while [ -d ${folder} -a ! -e ${over} ]; do sleep 0.05; done; exit 1\n`;
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
    Deno.env.set("PATH", path);
    await Deno.writeTextFile(over, "");
    // One that begins now reads after those would have told.
    await soon(pollOf({ [KEY]: "none" }).told);
    assert.deepEqual(told, []);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});
