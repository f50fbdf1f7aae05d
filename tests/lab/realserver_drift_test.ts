import assert from "node:assert/strict";
import { requireCommand } from "../../host/command.ts";
import { METHODS } from "../../model/config.ts";
import { until } from "./director_network.ts";
import { obstacle, RealServerPair, VIP } from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** What somebody does to a hardened host, and the facts that no longer hold. */
type Break = readonly [command: string, ...facts: string[]];

const VIP_FACT = `VIP ${VIP}`;

const SYSCTLS_RESET: Break = [
  "sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0",
  "arp_ignore on eth0",
  "arp_announce on eth0",
];
const REVERSE_PATH_STRICT: Break = ["sysctl -w net.ipv4.conf.all.rp_filter=1", "rp_filter on eth0"];
const VIP_ON_NIC: Break = [`ip address add ${VIP}/24 dev eth0`, VIP_FACT];

const BREAKS: Readonly<Record<typeof METHODS[number], readonly Break[]>> = {
  loopback: [
    SYSCTLS_RESET,
    ["sysctl -w net.ipv4.conf.eth0.arp_ignore=3", "arp_ignore on eth0"],
    REVERSE_PATH_STRICT,
    [`ip address delete ${VIP}/32 dev lo`, VIP_FACT],
    VIP_ON_NIC,
    [`ip address add ${VIP}/32 dev eth0`, VIP_FACT],
  ],
  arptables: [
    ["arptables -F INPUT", `arptables INPUT for ${VIP}`],
    ["nft add table arp filter '{ flags dormant; }'", "nft table arp filter"],
    ["nft delete table arp filter", `arptables INPUT for ${VIP}`, `arptables OUTPUT for ${VIP}`],
    [`ip address delete ${VIP}/32 dev eth0`, VIP_FACT],
  ],
  nft: [
    ["nft flush chain arp lvsdr output", "nft table arp lvsdr"],
    ["nft delete table arp lvsdr", "nft table arp lvsdr"],
    [`nft flush ruleset; ip address delete ${VIP}/32 dev lo`, "nft table arp lvsdr", VIP_FACT],
  ],
  redirect: [
    ["nft flush ruleset", "nft table inet lvsdr"],
    [`ip address add ${VIP}/32 dev lo`, VIP_FACT],
    REVERSE_PATH_STRICT,
  ],
  route: [
    SYSCTLS_RESET,
    [`ip route delete local ${VIP}/32 dev lo`, `local route to ${VIP}`],
    ["ip link set lo down", "interface lo"],
    VIP_ON_NIC,
  ],
};

for (const method of METHODS) {
  Deno.test(`realserver ${method}: what drifts is put back, and undo restores the host${needing}`, {
    ignore,
  }, async () => {
    await using pair = await RealServerPair.create();
    await pair.server.setSysctls({ "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.eth0.rp_filter": 0 });
    const before = await pair.snapshot();
    const role = await pair.hold("--method", method, "--vip", VIP, "--port", "80");
    const held = await pair.snapshot();
    for (const [command, ...facts] of BREAKS[method]) {
      await pair.server.require("sh", ["-ec", command]);
      const told = await role.until(new RegExp(`repaired: ${facts.at(-1)}: .*\n`));
      for (const fact of facts) {
        assert.match(told, new RegExp(`drift: ${fact} is .*, it must be .*; cause: .`), command);
        assert.match(told, new RegExp(`repaired: ${fact}: `), command);
      }
      assert.equal(await pair.snapshot(), held, command);
    }
    assert.equal(await pair.isAnswered(VIP), false);
    const { code, text } = await role.stop("SIGINT");
    assert.equal(code, 0, text);
    assert.equal(await pair.snapshot(), before);
  });
}

Deno.test(`a VIP is not put back while what hides it cannot be, and both are when it can${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const folder = `${pair.folder}/bin`;
  await Deno.mkdir(folder);
  const broken = `test ! -e ${pair.folder}/broken || { echo no luck >&2; exit 1; }`;
  await Deno.writeTextFile(`${folder}/tee`, `#!/bin/sh\n${broken}\nexec /usr/bin/tee "$@"\n`, {
    mode: 0o755,
  });
  pair.prefer(folder);
  const before = await pair.snapshot();
  const role = await pair.hold("--vip", VIP);
  const held = await pair.snapshot();
  await Deno.writeTextFile(`${pair.folder}/broken`, "");
  await pair.server.require("sh", [
    ...["-ec", `ip address delete ${VIP}/32 dev lo; sysctl -w net.ipv4.conf.all.arp_ignore=0`],
  ]);
  await role.until(/cannot look or repair, trying again: .*no luck/);
  assert(!(await pair.server.require("ip", ["address", "show", "lo"])).includes(VIP));
  await Deno.remove(`${pair.folder}/broken`);
  await role.until(/repaired: VIP/);
  assert.equal(await pair.snapshot(), held);
  const { text } = await role.stop("SIGINT");
  assert.equal(text.match(/cannot look or repair/g)?.length, 1, "said once");
  assert.equal(await pair.snapshot(), before);
});

Deno.test(`rules that somebody deletes are reported with the process that did it${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const role = await pair.hold("--method", "nft", "--vip", VIP);
  await pair.server.require("nft", ["flush", "ruleset"]);
  const told = await role.until(/repaired: nft table arp lvsdr/);
  assert.match(told, /cause: rules changed by process \d+ \(nft\)/);
  await role.stop("SIGINT");
});

Deno.test(`a variable that sysctl --system sets back is reported with the file that says so${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  // ip-netns(8) puts files of this folder over those of /etc for programs inside the namespace.
  const folder = `/etc/netns/${pair.server.name}`;
  await Deno.mkdir(`${folder}/sysctl.d`, { recursive: true });
  try {
    await Deno.writeTextFile(`${folder}/sysctl.d/80-vendor.conf`, "net.ipv4.conf.all.arp_announce = 1\n");
    const role = await pair.hold("--vip", VIP);
    await pair.server.run("sysctl", ["--system"]);
    const told = await role.until(/repaired: arp_announce on eth0/);
    assert.match(
      told,
      /arp_announce on eth0 is 1 .*cause: \/etc\/sysctl\.d\/80-vendor\.conf sets net\.ipv4\.conf\.all\.arp_announce = 1/,
    );
    await role.stop("SIGINT");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test(`an interface that appears unhardened is hardened, and given back as it was${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await pair.server.setSysctls({ "net.ipv4.conf.default.arp_ignore": 3 });
  const role = await pair.hold("--vip", VIP);
  await pair.server.ip(["link add eth0.100 type veth peer name peer0"]);
  await role.until(/repaired: arp_ignore on eth0\.100/);
  const read = () => pair.server.require("cat", ["/proc/sys/net/ipv4/conf/eth0.100/arp_ignore"]);
  assert.equal(await read(), "1\n");
  const { text } = await role.stop("SIGINT");
  assert.equal(await read(), "3\n");
  const undone = text.split("\n").filter((line) => line.startsWith("undone: "));
  assert.match(undone[0]!, /add 192\.0\.2\.10\/32/, "the VIP goes before what hides it");
  assert(undone.some((line) => line.includes("net.ipv4.conf.eth0/100.arp_ignore")), text);
});

Deno.test(`an interface that is renamed stays hardened and gives its VIP back${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const role = await pair.hold("--method", "arptables", "--vip", VIP);
  await pair.server.ip(["link set eth0 down", "link set eth0 name lan0", "link set lan0 up"]);
  assert.equal(await pair.isAnswered(VIP), false);
  await pair.server.require("arptables", ["-F", "OUTPUT"]);
  await role.until(/repaired: arptables OUTPUT/);
  assert((await pair.server.require("ip", ["address", "show", "lan0"])).includes(`${VIP}/32`));
  const { code } = await role.stop("SIGINT");
  assert.equal(code, 0);
  assert(!(await pair.server.require("ip", ["address"])).includes(VIP));
  assert.doesNotMatch(await pair.server.require("nft", ["list", "ruleset"]), /192\.0\.2\.10/);
});

Deno.test(`--no-repair reports drift and the command against it, and touches nothing${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const role = await pair.hold("--no-repair", "--vip", VIP);
  await pair.server.ip([`address delete ${VIP}/32 dev lo`]);
  const drifted = await pair.snapshot();
  const told = await role.until(/not repaired: (.*)\n/);
  assert.match(told, /drift: VIP 192\.0\.2\.10 is on no interface/);
  const command = /not repaired: (.*)\n/.exec(told)![1]!;
  assert.equal(await pair.snapshot(), drifted);
  await pair.server.require("sh", ["-ec", command]);
  await role.until(/holds again: VIP 192\.0\.2\.10: 192\.0\.2\.10\/32 on lo/);
  const { text } = await role.stop("SIGINT");
  assert.doesNotMatch(text, /^repair/m);
});

Deno.test(`what was hardened before the role came is put back and stays${needing}`, { ignore }, async () => {
  await using pair = await RealServerPair.create();
  await pair.server.setSysctls({ "net.ipv4.conf.eth0.arp_ignore": 1, "net.ipv4.conf.eth0.arp_announce": 2 });
  await pair.server.ip([`address add ${VIP}/32 dev lo`]);
  const before = await pair.snapshot();
  const role = await pair.hold("--vip", VIP);
  await pair.server.setSysctls({ "net.ipv4.conf.eth0.arp_ignore": 0 });
  await role.until(/repaired: arp_ignore on eth0/);
  await pair.server.ip([`address delete ${VIP}/32 dev lo`]);
  await role.until(/repaired: VIP/);
  await role.stop("SIGINT");
  assert.equal(await pair.snapshot(), before);
});

Deno.test(`kill -9 after a repair leaves no program behind, and --undo restores the host${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  const before = await pair.snapshot();
  const role = await pair.hold("--method", "nft", "--vip", VIP);
  await pair.server.require("sh", ["-ec", `nft flush ruleset; ip address delete ${VIP}/32 dev lo`]);
  await role.until(/repaired: VIP/);
  await role.stop("SIGKILL");
  await until(
    "every program of the role has ended",
    async () => await requireCommand("ip", ["netns", "pids", pair.server.name]) === "",
  );
  assert.equal((await pair.role("--undo")).code, 0);
  assert.equal(await pair.snapshot(), before);
});
