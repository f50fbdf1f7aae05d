import assert from "node:assert/strict";
import { shellCommand } from "../../host/command.ts";
import { selfCommand } from "../../lab/self_command.ts";
import type { ProgramResult } from "../../lab/namespace.ts";
import { METHODS } from "../../model/config.ts";
import { obstacle, REAL_SERVER_ADDRESS, RealServerPair, VIP, VIP6 } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;
const KILLED = new URL("./realserver_killed.ts", import.meta.url).pathname;

/** Runs the role and kills it at its `count`-th line of progress; returns that line. */
async function killAt(pair: RealServerPair, count: number, method: string, vip: string): Promise<string> {
  const args = ["run", "-A", "--quiet", KILLED, String(count), method, vip, pair.runDir];
  const { code, stdout, stderr } = await pair.server.run(Deno.execPath(), args);
  assert.equal(code, 137, `killed by signal 9: ${stderr}`);
  return stdout.trim().split("\n").at(-1)!;
}

const KILLED_RUNS = [
  ...METHODS.map((method) => ({ method, vip: VIP })),
  ...(["nft", "route"] as const).map((method) => ({ method, vip: VIP6 })),
];

for (const { method, vip } of KILLED_RUNS) {
  Deno.test(`realserver ${method}, ${vip}: kill -9 at any step, then --undo restores the host${needing}`, {
    ignore,
  }, async () => {
    await using pair = await RealServerPair.create(vip === VIP ? "ipv4" : "ipv4 and ipv6");
    const before = await pair.snapshot();
    for (let count = 1;; count++) {
      const line = await killAt(pair, count, method, vip);
      const undo = await pair.role("--undo");
      assert.equal(undo.code, 0, undo.stderr);
      assert.equal(await pair.snapshot(), before, `killed at "${line}"`);
      if (line.startsWith("verified")) break;
    }
  });
}

for (const method of METHODS) {
  Deno.test(`realserver ${method}: --once twice changes nothing the second time, --undo restores${needing}`, {
    ignore,
  }, async () => {
    await using pair = await RealServerPair.create();
    const before = await pair.snapshot();
    const args = ["--once", "--method", method, "--vip", VIP, "--port", "80"];
    assert.equal((await pair.role(...args)).code, 0);
    const applied = await pair.snapshot();
    assert.notEqual(applied, before);

    const again = await pair.role(...args);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /everything is in force already/);
    assert.equal(await pair.snapshot(), applied);

    const role = await pair.hold("--vip", VIP, "--port", "80");
    assert.equal((await role.stop("SIGTERM")).code, 0);
    assert.equal(await pair.snapshot(), applied, "a later run undoes only its own changes");

    assert.equal((await pair.role("--undo")).code, 0);
    assert.equal(await pair.snapshot(), before);
    assert.match((await pair.role("--undo")).stdout, /Nothing to undo/);
  });
}

Deno.test(`the next start after kill -9 undoes what the crashed run left, also for another VIP${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const before = await pair.snapshot();
  const crashed = await pair.hold("--method", "nft", "--vip", VIP);
  await crashed.stop("SIGKILL");
  assert.notEqual(await pair.snapshot(), before);

  const role = await pair.hold("--method", "loopback", "--vip", "192.0.2.11");
  const addresses = await pair.server.require("ip", ["address"]);
  assert(!addresses.includes(`${VIP}/32`));
  assert(addresses.includes("192.0.2.11/32"));
  const { text } = await role.stop("SIGINT");
  assert.match(text, /An earlier run ended without undoing/);
  assert.equal(await pair.snapshot(), before);
});

Deno.test(`a second run beside a living one is refused by the pid, and so is --undo${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const role = await pair.hold("--vip", VIP);
  const held = await pair.snapshot();
  for (const args of [["--vip", "192.0.2.11"], ["--undo"]]) {
    const second = await pair.role(...args);
    assert.equal(second.code, 69);
    assert(second.stderr.includes(`in use by process ${role.pid}`), second.stderr);
  }
  assert.equal(await pair.snapshot(), held);
  await role.stop("SIGINT");
});

Deno.test(`undo leaves a VIP that was there before, and a sysctl that somebody has changed since${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await pair.server.ip([`address add ${VIP}/32 dev lo`]);
  const role = await pair.hold("--vip", VIP);
  await pair.server.setSysctls({ "net.ipv4.conf.all.arp_ignore": 2 });
  const { text } = await role.stop("SIGINT");
  assert.match(text, /left alone, somebody has changed it since: set net\.ipv4\.conf\.all\.arp_ignore to 1/);
  assert((await pair.server.require("ip", ["address", "show", "lo"])).includes(`${VIP}/32`));
  const values = await pair.server.require("sysctl", [
    "-n",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.arp_announce",
  ]);
  assert.equal(values, "2\n0\n");
});

Deno.test(`undo removes arptables' own table only if lvsdr brought it and nobody else uses it${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const role = await pair.hold("--method", "arptables", "--vip", VIP);
  const foreign = ["INPUT", "-d", "198.51.100.1", "-j", "DROP"];
  await pair.server.require("arptables", ["-A", ...foreign]);
  await role.stop("SIGINT");
  await pair.server.require("arptables", ["-C", ...foreign]);

  const before = await pair.snapshot();
  await (await pair.hold("--method", "arptables", "--vip", VIP)).stop("SIGINT");
  assert.equal(await pair.snapshot(), before);
});

/** Puts a program `ip` before the real one that does `onAdd` when it is asked to add an address. */
async function fakeIp(pair: RealServerPair, onAdd: string): Promise<string> {
  const folder = `${pair.folder}/bin`;
  await Deno.mkdir(folder);
  const script = `#!/bin/sh\ncase "$*" in "address add"*) ${onAdd};; esac\nexec /usr/sbin/ip "$@"\n`;
  await Deno.writeTextFile(`${folder}/ip`, script, { mode: 0o755 });
  return folder;
}

/** Runs the role with the programs of `folder` before those of the system. */
function roleWith(pair: RealServerPair, folder: string, ...args: string[]): Promise<ProgramResult> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const command = [
    Deno.execPath(),
    "run",
    "-A",
    "--quiet",
    main,
    "realserver",
    "--run-dir",
    pair.runDir,
    ...args,
  ];
  return pair.server.run("env", [`PATH=${folder}:${Deno.env.get("PATH")}`, ...command]);
}

for (const method of ["loopback", "arptables", "nft"]) {
  Deno.test(
    `realserver ${method}: a step that fails takes the earlier ones back${needing}`,
    { ignore },
    async () => {
      await using pair = await RealServerPair.create();
      const before = await pair.snapshot();
      const folder = await fakeIp(pair, "echo no luck >&2; exit 1");
      const main = new URL("../../main.ts", import.meta.url).pathname;
      const command = [Deno.execPath(), "run", "-A", main, "realserver", "--run-dir", pair.runDir];
      const path = `PATH=${folder}:${Deno.env.get("PATH")}`;
      const result = await pair.server.run("env", [path, ...command, "--method", method, "--vip", VIP]);
      assert.equal(result.code, 1);
      assert.match(result.stderr, /ip address add 192\.0\.2\.10\/32 dev \w+" failed: no luck/);
      assert.equal(await pair.snapshot(), before);
      assert.deepEqual([...Deno.readDirSync(pair.runDir)], [], "no journal is left");
    },
  );
}

Deno.test(`an address that somebody else adds at the same moment stays when ours fails${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const result = await roleWith(pair, await fakeIp(pair, '/usr/sbin/ip "$@"'), "--vip", VIP);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /already assigned|File exists/);
  assert((await pair.server.require("ip", ["address", "show", "lo"])).includes(`${VIP}/32`));
});

Deno.test(`Ctrl-C before everything is in force undoes and exits 1${needing}`, { ignore }, async () => {
  await using pair = await RealServerPair.create();
  const before = await pair.snapshot();
  const folder = await fakeIp(pair, "kill -INT $PPID");
  const result = await roleWith(pair, folder, "--vip", VIP);
  assert.equal(result.code, 1, result.stderr);
  assert.match(result.stdout, /not hardened, undoing: interrupted/);
  assert.equal(await pair.snapshot(), before);
});

Deno.test(`the own address given as VIP is refused and not touched${needing}`, { ignore }, async () => {
  await using pair = await RealServerPair.create();
  const before = await pair.snapshot();
  const result = await pair.role("--vip", REAL_SERVER_ADDRESS);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /192\.0\.2\.21\/24 on eth0/);
  assert.match(result.stderr, /not this host's own address/);
  assert.equal(await pair.snapshot(), before);
});

Deno.test(`a start that fails and cannot be taken back says both, the cause first${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const folder = await fakeIp(pair, "echo no address >&2; exit 1");
  const nft =
    '#!/bin/sh\ncase "$*" in "delete table"*) echo no luck >&2; exit 1;; esac\nexec /usr/sbin/nft "$@"\n';
  await Deno.writeTextFile(`${folder}/nft`, nft, { mode: 0o755 });
  const before = await pair.snapshot();
  const runDir = `${pair.folder}/a run's`;
  const args = ["--run-dir", runDir, "--method", "nft", "--vip", VIP];
  const { code, stderr } = await roleWith(pair, folder, ...args);
  assert.equal(code, 1);
  assert.match(stderr, /^lvsdr: .*failed: no address\n(?: {2}.*\n)*lvsdr: Cannot undo .*: no luck\n/);
  assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");

  const command = /Repair the cause, then: (lvsdr .*)\n/.exec(stderr)![1]!;
  assert.notEqual(await pair.snapshot(), before);
  await Deno.remove(`${folder}/nft`);
  const self = `#!/bin/sh\nexec ${shellCommand(selfCommand([]))} "$@"\n`;
  await Deno.writeTextFile(`${folder}/lvsdr`, self, { mode: 0o755 });
  const path = `PATH=${folder}:${Deno.env.get("PATH")}`;
  await pair.server.require("env", [path, "sh", "-ec", command]);
  assert.equal(await pair.snapshot(), before);
});
