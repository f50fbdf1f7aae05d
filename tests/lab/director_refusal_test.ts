import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import {
  configText,
  DIRECTOR_ADDRESS,
  DirectorNetwork,
  obstacle,
  SECOND_VIP,
  VIP,
} from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const GOOD = configText({ servers: [[21, 1]] });

interface Refusal {
  readonly what: string;
  readonly config?: string;
  /** Shell commands that break the host, run in a mount namespace of their own before the director. */
  readonly breaking?: string;
  /** Words in front of the director's command line. */
  readonly before?: readonly string[];
  readonly code: ExitCode;
  /** What is wrong. */
  readonly problem: RegExp;
  /** What to do about it. */
  readonly remedy: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    what: "an interface that is not there",
    config: `director: { interface: eth7 }\n${GOOD}`,
    code: ExitCode.UNAVAILABLE,
    problem: /There is no interface "eth7"/,
    remedy: /Correct director\.interface; this host has lo, eth0/,
  },
  {
    what: "an interface that is no Ethernet",
    config: `director: { interface: lo }\n${GOOD}`,
    code: ExitCode.CONFIG,
    problem: /Interface "lo" is no Ethernet interface/,
    remedy: /Set director\.interface/,
  },
  {
    what: "a VIP outside every subnet",
    config: GOOD.replace(VIP, "203.0.113.9"),
    code: ExitCode.CONFIG,
    problem: /VIP 203\.0\.113\.9 is in no subnet of this host: eth0 192\.0\.2\.2\/24/,
    remedy: /set director\.interface/,
  },
  {
    what: "a real server that is not on the link",
    config: GOOD.replace("192.0.2.21", "203.0.113.21"),
    code: ExitCode.CONFIG,
    problem: /Real server 203\.0\.113\.21 of service "web" is on no link of this host/,
    remedy: /must share a link with the director/,
  },
  {
    what: "a real server that is the director itself",
    config: GOOD.replace("192.0.2.21", DIRECTOR_ADDRESS),
    code: ExitCode.CONFIG,
    problem: /Real server 192\.0\.2\.2 of service "web" is this host itself/,
    remedy: /Remove it/,
  },
  {
    what: "a VIP that is the director's only address",
    config: `director: { interface: eth0 }\n${GOOD.replace(VIP, DIRECTOR_ADDRESS)}`,
    code: ExitCode.CONFIG,
    problem: /Real server 192\.0\.2\.21 of service "web" is reached from 192\.0\.2\.2, which is a VIP/,
    remedy: /Give eth0 an address of its own/,
  },
  {
    what: "broken YAML",
    config: GOOD.replace("services:", "services: ["),
    code: ExitCode.CONFIG,
    problem: /other\.yaml:\d+:\d+: /,
    remedy: /\^/,
  },
  {
    what: "a missing libpcap",
    before: ["env", "LVSDR_LIBPCAP=/nonexistent"],
    code: ExitCode.UNAVAILABLE,
    problem: /Cannot load any of \/nonexistent/,
    remedy: /Correct or unset LVSDR_LIBPCAP/,
  },
  {
    what: "a process without privileges",
    before: ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
    code: ExitCode.NO_PERMISSION,
    problem: /not permitted/,
    remedy: /Run as root, or with the capabilit/,
  },
  {
    what: "a host that forwards and has no nft",
    breaking: "mount -t tmpfs none /usr/sbin; echo 1 >/proc/sys/net/ipv4/ip_forward",
    code: ExitCode.UNAVAILABLE,
    problem: /This host's kernel would handle VIP traffic as well: net\.ipv4\.ip_forward is 1/,
    remedy: /apt install nftables/,
  },
  {
    what: "a host that has the VIP and no nft",
    breaking: `mount -t tmpfs none /usr/sbin; ip address add ${VIP}/32 dev eth0`,
    code: ExitCode.UNAVAILABLE,
    problem: /This host's kernel would handle VIP traffic as well: 192\.0\.2\.10 is an address of eth0/,
    remedy: /apt install nftables/,
  },
  {
    what: "a host that forwards from its interface alone and has no nft",
    breaking: "mount -t tmpfs none /usr/sbin; echo 1 >/proc/sys/net/ipv4/conf/eth0/forwarding",
    code: ExitCode.UNAVAILABLE,
    problem: /would handle VIP traffic as well: net\.ipv4\.conf\.eth0\.forwarding is 1/,
    remedy: /apt install nftables/,
  },
  {
    what: "a host that forwards IPv6 and has no nft",
    config: GOOD.replaceAll("192.0.2.", "2001:db8::"),
    breaking: `mount -t tmpfs none /usr/sbin; cd /proc/sys/net/ipv6/conf; echo 0 >eth0/disable_ipv6
      ip address add 2001:db8::2/64 dev eth0 nodad; echo 1 >all/forwarding`,
    code: ExitCode.UNAVAILABLE,
    problem: /would handle VIP traffic as well: net\.ipv6\.conf\.all\.forwarding is 1/,
    remedy: /apt install nftables/,
  },
  {
    what: "an IPv6 VIP in a VLAN of an interface that has no IPv6",
    config: `director: { interface: eth0 }
services:
  - { vip: "2001:db8::10", vlan: 5, port: 80, health: none, servers: [{ address: "2001:db8::21" }] }`,
    code: ExitCode.UNAVAILABLE,
    problem: /IPv6 is switched off on "eth0"/,
    remedy: /sysctl -w net\.ipv6\.conf\.eth0\.disable_ipv6=0/,
  },
  {
    what: "a damaged hash key",
    breaking: "echo garbage >$RUN/hash_key",
    code: ExitCode.FAILED,
    problem: /hash_key" is damaged/,
    remedy: /Remove it, or set director\.hash_key/,
  },
  {
    what: "an interface that is down",
    breaking: "ip link set eth0 down",
    code: ExitCode.UNAVAILABLE,
    problem: /Interface "eth0" is down/,
    remedy: /ip link set eth0 up/,
  },
];

for (const { what, config = GOOD, breaking, before = [], code, problem, remedy } of REFUSALS) {
  Deno.test(`director refuses ${what} with exit code ${code} and leaves the host as it was${needing}`, {
    ignore,
  }, async () => {
    await using network = await DirectorNetwork.create(0);
    await Deno.mkdir(network.runDir);
    const wrapper = breaking === undefined
      ? before
      : ["env", `RUN=${network.runDir}`, "unshare", "--mount", "sh", "-ec", `${breaking}; exec "$@"`, "sh"];
    // The second time, everything that breaks the host is broken already.
    await network.runDirector(config, { before: wrapper });
    const stateBefore = await network.hostState();
    const refused = await network.runDirector(config, {
      before: breaking?.startsWith("mount")
        ? wrapper.with(-2, `mount -t tmpfs none /usr/sbin; exec "$@"`)
        : before,
    });

    assert.equal(refused.code, code, refused.stderr);
    assert.match(refused.stderr, problem);
    assert.match(refused.stderr, remedy);
    assert.doesNotMatch(refused.stderr, /\n {4}at /, "no stack trace");
    assert.equal(refused.stdout, "");
    assert.equal(await network.hostState(), stateBefore);
    const left = [...Deno.readDirSync(network.runDir)].map(({ name }) => name);
    assert.deepEqual(
      left.filter((name) => !["director.sock.lock", "hash_key", "connections"].includes(name)),
      [],
    );
  });
}

Deno.test(`a director whose guard cannot be looked at after it was made takes it back${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(0);
  const folder = `${network.folder}/bin`;
  await Deno.mkdir(folder);
  await Deno.writeTextFile(
    `${folder}/nft`,
    `#!/bin/sh
case "$*" in "-s list table "*) echo "nft: out of memory" >&2; exit 1 ;; esac
PATH=\${PATH#*:} exec nft "$@"
`,
    { mode: 0o755 },
  );
  const before = await network.hostState();
  const path = `PATH=${folder}:${Deno.env.get("PATH")}:/usr/sbin`;
  const { code, stderr } = await network.runDirector(GOOD, { before: ["env", path] });
  assert.equal(code, ExitCode.FAILED, stderr);
  assert.match(
    stderr,
    /^lvsdr: Command "nft -s list table netdev lvsdr_director_eth0" failed: nft: out of memory$/m,
  );
  assert.equal(await network.hostState(), before);
  assert.deepEqual([...Deno.readDirSync(network.runDir)].map(({ name }) => name), ["director.sock.lock"]);
});

Deno.test(`a director without nft refuses by reload what it refuses at the start${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  await network.director.ip([`addr add ${SECOND_VIP}/32 dev eth0`]);
  const director = await network.spawnDirector(
    GOOD,
    ["unshare", "--mount", "sh", "-ec", `mount -t tmpfs none /usr/sbin; exec "$@"`, "sh"],
  );
  await director.logged("director.started");
  const refused = await director.reload(GOOD.replace(VIP, SECOND_VIP));
  assert.equal(refused.logger, "config.refused");
  assert.match(
    refused.message,
    /would handle VIP traffic as well: 192\.0\.2\.11 is an address of eth0 .*install nftables/,
  );
  assert.equal((await director.reload(GOOD.replace(VIP, "192.0.2.12"))).logger, "config.loaded");
  assert.equal((await director.process.stop()).code, 0);
});

Deno.test(
  `a second director is refused on the same run directory, status port and interface${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const first = await network.startDirector(GOOD);
    const before = await network.hostState();
    const otherPort = GOOD.replace("8480", "8481");
    const elsewhere = `${network.folder}/elsewhere`;
    const cases: readonly (readonly [string, string, RegExp, RegExp])[] = [
      [otherPort, network.runDir, /Another director is running on run directory .* \(pid \d+\)/, /--run-dir/],
      [
        GOOD,
        elsewhere,
        /Cannot open the status port 127\.0\.0\.1:8480: it is taken/,
        /change status\.listen/,
      ],
      [
        otherPort,
        elsewhere,
        /"netdev lvsdr_director_eth0" is in nft already/,
        /Stop the director .* nft delete table/,
      ],
    ];
    for (const [config, runDir, problem, remedy] of cases) {
      const { code, stderr } = await network.runDirector(config, { runDir });
      assert.equal(code, ExitCode.UNAVAILABLE, stderr);
      assert.match(stderr, problem);
      assert.match(stderr, remedy);
      assert.doesNotMatch(stderr, /\n {4}at /);
      assert.equal(await network.hostState(), before);
    }
    assert.deepEqual([...Deno.readDirSync(elsewhere)].map(({ name }) => name), ["director.sock.lock"]);
    assert.notEqual(await first.status(), null);
    assert.equal(await network.request(), "rs1 192.0.2.100");
  },
);
