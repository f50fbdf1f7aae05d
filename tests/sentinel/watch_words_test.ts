import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import { WIRE_ALARM_NAMES, type WireAlarmName } from "../../model/status_snapshot.ts";
import type { Alarm } from "../../sentinel/watch_suspect.ts";
import { alarmFinding } from "../../sentinel/watch_words.ts";

const MAC = "02:00:00:00:00:15";
const VIP = "192.0.2.10";
const SERVER = "192.0.2.21";
const FILE = {
  path: "/etc/lvsdr.yaml",
  config: parseConfig(
    `services: [{ vip: ${VIP}, port: 80, servers: [{ address: ${SERVER} }] }]`,
    "/etc/lvsdr.yaml",
  ),
};

function finding(name: WireAlarmName, server: string | null, changes: Partial<Alarm> = {}) {
  return alarmFinding({
    ...{ name, vip: VIP, mac: MAC, server, isForEverything: false, misdeeds: ["answer"] },
    leaked: [],
    ...{ firstMs: 0, lastMs: 0, count: 1, ...changes },
  }, FILE);
}

const OF_SERVERS = ["vip_answered_by_other", "vip_leaked_as_sender", "gratuitous_by_realserver"] as const;
const OF_STRANGERS = ["vip_leaked_as_sender", "duplicate_director", "proxy_arp", "stranger"] as const;

Deno.test("alarmFinding() names the real server and how to harden it", () => {
  for (const name of OF_SERVERS) {
    const { host, problem, command } = finding(name, SERVER);
    assert.equal(host, SERVER);
    assert(problem.startsWith(`${SERVER} `) && problem.includes(VIP) && problem.includes(MAC), problem);
    assert.equal(command, "lvsdr realserver -c /etc/lvsdr.yaml");
  }
});

Deno.test("alarmFinding() names a stranger by its MAC, and says that it is no real server", () => {
  for (const name of OF_STRANGERS) {
    const { host, problem } = finding(name, null);
    assert.equal(host, `the host with MAC ${MAC}`);
    assert(problem.startsWith(`The host with MAC ${MAC}, no real server of this director, `), problem);
  }
});

Deno.test("alarmFinding() hardens a stranger for all VIPs that it leaks at once, as the configuration does not list it", () => {
  const leaked = [VIP, "192.0.2.11"];
  assert.equal(
    finding("vip_leaked_as_sender", null, { misdeeds: ["leak"], leaked }).command,
    "lvsdr realserver --vip 192.0.2.10 --vip 192.0.2.11",
  );
});

Deno.test("alarmFinding() has a sentence of its own for every alarm", () => {
  const problems = WIRE_ALARM_NAMES.map((name) =>
    finding(name, OF_STRANGERS.some((other) => other === name) ? null : SERVER).problem
  );
  assert.equal(new Set(problems).size, WIRE_ALARM_NAMES.length);
  for (const problem of problems) assert.doesNotMatch(problem, /\.$/);
});

Deno.test("alarmFinding() says what was seen of another director, and no more", () => {
  const problem = (misdeeds: Alarm["misdeeds"]) => finding("duplicate_director", null, { misdeeds }).problem;
  assert.match(problem(["answer", "announcement"]), / announces and answers for 192\.0\.2\.10 as a director/);
  assert.match(problem(["announcement"]), /, announces 192\.0\.2\.10 as a director/);
});

Deno.test("alarmFinding() knows what makes a real server answer for everything, and takes it away first", () => {
  const { problem, command } = finding("vip_answered_by_other", SERVER, { isForEverything: true });
  assert.match(problem, /addresses that nobody has: it holds the VIP with a prefix shorter than \/32 on lo/);
  assert.match(
    command,
    /^ip address flush dev lo to 192\.0\.2\.10\/32; .*proxy_arp.*; lvsdr realserver -c \/etc\/lvsdr\.yaml$/,
  );
});

Deno.test("alarmFinding() speaks of NDP where the VIP is of IPv6", () => {
  const { problem, command } = finding("vip_answered_by_other", SERVER, {
    ...{ vip: "2001:db8::10", isForEverything: true },
  });
  assert.match(problem, /answers NDP for 2001:db8::10/);
  assert.match(
    command,
    /^ip address flush dev lo to 2001:db8::10\/128; for dev in all .*ipv6\/conf\/\$dev\/proxy_ndp=0/,
  );
});

Deno.test("alarmFinding() says first what the command against another director does, and on which host", () => {
  const { host, problem, command } = finding("duplicate_director", null);
  assert.equal(host, `the host with MAC ${MAC}`);
  assert.match(
    problem,
    /; the command stops the one on that host \(keepalived, ucarp, vrrpd and lvsdr director\) and takes 192\.0\.2\.10 off/,
  );
  assert.match(problem, /; if that is the one to keep, stop the director that raised this alarm instead$/);
  assert.match(command, new RegExp(`^ip -br link \\| grep ${MAC} && `));
  // Where two directors accuse each other, each reader must know who is meant.
  for (const name of OF_STRANGERS) {
    assert.doesNotMatch(finding(name, null).problem, /\bthis one\b|\bthis host\b/);
  }
});

Deno.test("alarmFinding() says that a stranger without the VIP on an interface may be a director", () => {
  assert.match(
    finding("stranger", null).problem,
    /do not reach this director; the command takes the VIP off the interfaces of that host, and if none has it, a director runs there/,
  );
});

Deno.test("alarmFinding() takes a VIP away first, and says so, where the method would refuse to harden its host", () => {
  const words = (name: WireAlarmName, method: string, vip: string, isForEverything = false) => {
    const server = vip === VIP ? SERVER : "2001:db8::21";
    const text = `realserver: { method: ${method} }
services: [{ vip: "${vip}", port: 80, servers: [{ address: "${server}" }] }]`;
    const alarm: Alarm = {
      ...{ name, vip, mac: MAC, server, isForEverything, misdeeds: ["answer"], leaked: [] },
      ...{ firstMs: 0, lastMs: 0, count: 1 },
    };
    return alarmFinding(alarm, { path: "/etc/lvsdr.yaml", config: parseConfig(text, "/etc/lvsdr.yaml") });
  };
  assert.match(
    words("vip_answered_by_other", "loopback", VIP, true).problem,
    /or is a proxy; the command ends both; the command takes the VIPs .* want them, and hardens the host$/,
  );
  assert.match(words("vip_answered_by_other", "nft", VIP, true).problem, /ends both and hardens the host$/);
  for (const name of OF_SERVERS) {
    for (const vip of [VIP, "2001:db8::10"]) {
      for (const method of ["loopback", "redirect", "route"]) {
        const { problem, command } = words(name, method, vip);
        assert.match(
          problem,
          new RegExp(
            `; the command takes the VIPs of the configuration from where method ${method} does not`,
          ),
        );
        assert(command.startsWith(`ip -o address show to ${vip} `), command);
        assert(command.endsWith("; lvsdr realserver -c /etc/lvsdr.yaml"), command);
      }
      const { problem, command } = words(name, "nft", vip);
      assert.doesNotMatch(problem, /the command/);
      assert.equal(command, "lvsdr realserver -c /etc/lvsdr.yaml");
    }
  }
});
