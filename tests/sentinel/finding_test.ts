import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import {
  auditFinding,
  contestFinding,
  hardenCommand,
  hardenRemark,
  hardenUnlistedCommand,
  outcomeText,
  PROOF_WORDS,
  proofFinding,
  usurperFinding,
} from "../../sentinel/finding.ts";
import type { ProofOutcome } from "../../sentinel/proof.ts";

const VIP = "192.0.2.10";
const SERVER = "192.0.2.21";

function file(realserver = "", server = `address: ${SERVER}`, path = "/etc/lvsdr.yaml", vip = VIP) {
  const text = `services: [{ vip: "${vip}", port: 80, servers: [{ ${server} }] }]\n${realserver}`;
  return { config: parseConfig(text, path), path };
}

Deno.test("hardenCommand() has the role read all VIPs, ports and the method from the configuration, whatever its path", () => {
  assert.equal(hardenCommand(file()), "lvsdr realserver -c /etc/lvsdr.yaml");
  assert.equal(
    hardenCommand(file("", undefined, "/my files/it's.yaml")),
    `lvsdr realserver -c '/my files/it'\\''s.yaml'`,
  );
});

Deno.test("hardenCommand() takes all VIPs, once each, from where the configured method refuses a host that has them", () => {
  const services = ["192.0.2.10", "2001:db8::10", "192.0.2.11", "192.0.2.10"].map((vip, index) =>
    `{ vip: "${vip}", port: ${80 + index}, servers: [{ address: "${
      vip.includes(":") ? "2001:db8::21" : SERVER
    }" }] }`
  );
  const fileOf = (method: string) => {
    const text = `services: [${services.join(", ")}]\nrealserver: { method: ${method} }`;
    return { config: parseConfig(text, "/etc/lvsdr.yaml"), path: "/etc/lvsdr.yaml" };
  };
  const harden = "lvsdr realserver -c /etc/lvsdr.yaml";
  for (const method of ["auto", "nft"]) {
    assert.deepEqual([hardenCommand(fileOf(method)), hardenRemark(fileOf(method))], [harden, ""]);
  }
  for (const method of ["redirect", "route"]) {
    assert.equal(
      hardenCommand(fileOf(method)),
      "for vip in 192.0.2.10 192.0.2.11; do ip -o address show to $vip | while read -r _ dev _ address _; do " +
        'sysctl -w "net/ipv4/conf/$dev/promote_secondaries=1"; ip address del "$address" dev "$dev"; done; done; ' +
        "ip -o address show to 2001:db8::10 | while read -r _ dev _ address _; do " +
        `ip address del "$address" dev "$dev"; done; ${harden}`,
    );
    assert.match(
      hardenRemark(fileOf(method)),
      new RegExp(
        `takes the VIPs of the configuration from where method ${method} does not want them, and hardens`,
      ),
    );
  }
  // Its own place is left alone.
  assert.match(
    hardenCommand(fileOf("loopback")),
    /; do \[ "\$address" = \$vip\/32 \] && ip link show dev "\$dev" \| grep -Eq .* = 2001:db8::10\/128 \] && /,
  );
});

Deno.test("hardenUnlistedCommand() names all VIPs in one command: a second role would be refused", () => {
  assert.equal(hardenUnlistedCommand([VIP]), `lvsdr realserver --vip ${VIP}`);
  assert.equal(
    hardenUnlistedCommand([VIP, "192.0.2.11"]),
    `lvsdr realserver --vip ${VIP} --vip 192.0.2.11`,
  );
});

const PLACES = [
  { family: 4, vip: VIP, server: SERVER, probeAddress: "192.0.2.200" },
  { family: 6, vip: "2001:db8::10", server: "2001:db8::21", probeAddress: "2001:db8::c8" },
];

for (const { family, vip, server, probeAddress } of PLACES) {
  Deno.test(`every outcome over IPv${family} but the good ones has a finding, as one sentence with a command`, () => {
    const outcomes: Record<ProofOutcome["verdict"], ProofOutcome> = {
      ok: { verdict: "ok" },
      ok_other_mac: { verdict: "ok_other_mac", mac: "02:00:00:00:00:01" },
      not_listening: { verdict: "not_listening" },
      rejected: { verdict: "rejected", code: 13 },
      dropped: { verdict: "dropped" },
      vip_missing: { verdict: "vip_missing" },
      forwards: { verdict: "forwards" },
      wrong_source: { verdict: "wrong_source", source: server },
      leaks: { verdict: "leaks" },
      source_refused: { verdict: "source_refused" },
    };
    const cluster = file("", `address: "${server}"`, undefined, vip);
    const seen = new Set<string>();
    for (const outcome of Object.values(outcomes)) {
      const target = { server, port: 80, probeAddress };
      const finding = proofFinding(outcome, target, cluster.config.services[0]!, cluster);
      assert.equal(finding === null, outcome.verdict.startsWith("ok"), outcome.verdict);
      if (finding === null) continue;
      assert.deepEqual([finding.host, finding.verdict], [server, outcome.verdict]);
      assert(finding.problem.startsWith(`${server} `), finding.problem);
      assert.match(finding.problem, /[^.\n]$/);
      if (family === 6) assert.doesNotMatch(finding.problem + finding.command, /ARP|ipv4|0\.0/);
      assert.match(finding.command, /^(lvsdr|ss|nft|sysctl) \S/);
      seen.add(finding.problem);
    }
    assert.equal(seen.size, Object.keys(PROOF_WORDS).length - 2, "no two outcomes are told alike");
  });
}

Deno.test("proofFinding() speaks of the port that the server's application has", () => {
  const cluster = file("realserver: { method: redirect }", `address: ${SERVER}, port: 8080`);
  const target = { server: SERVER, port: 80, probeAddress: "192.0.2.200" };
  const finding = proofFinding({ verdict: "not_listening" }, target, cluster.config.services[0]!, cluster)!;
  assert.equal(finding.command, "ss -Hltnp sport = :8080; lvsdr doctor -c /etc/lvsdr.yaml");
  assert.match(finding.problem, /resets connections to port 80: .* listen on 0\.0\.0\.0:8080/);
});

Deno.test("auditFinding() tells who answers for the VIP and who is not there, and nothing else", () => {
  const audit = { server: SERVER, vip: VIP, mac: "02:00:00:00:00:15" };
  assert.equal(auditFinding({ ...audit, verdict: "hardened" }, file()), null);
  const answers = auditFinding({ ...audit, verdict: "answers" }, file())!;
  assert.match(answers.problem, /192\.0\.2\.21 answers ARP for 192\.0\.2\.10 \(with 02:00:00:00:00:15\)/);
  assert.deepEqual([answers.verdict, answers.command], ["answers", "lvsdr realserver -c /etc/lvsdr.yaml"]);
  const unreachable = auditFinding({ ...audit, mac: null, verdict: "unreachable" }, file())!;
  assert.match(unreachable.problem, /does not answer ARP for its own address/);
});

Deno.test("auditFinding() calls Neighbor Discovery by its name", () => {
  const audit = { server: "2001:db8::21", vip: "2001:db8::10", mac: "02:00:00:00:00:15" };
  assert.match(
    auditFinding({ ...audit, verdict: "answers" }, file())!.problem,
    / answers NDP for 2001:db8::10 /,
  );
  assert.match(
    auditFinding({ ...audit, mac: null, verdict: "unreachable" }, file())!.problem,
    /does not answer NDP for its own address/,
  );
});

Deno.test("contestFinding() names everybody who may be the real server", () => {
  const { verdict, host, problem } = contestFinding(SERVER, ["02:00:00:00:00:15", "02:00:00:00:00:16"]);
  assert.deepEqual([verdict, host], ["contested", SERVER]);
  assert.match(
    problem,
    /^02:00:00:00:00:15 and 02:00:00:00:00:16 answer ARP for 192\.0\.2\.21: two hosts have/,
  );
});

Deno.test("usurperFinding() names the host that takes addresses, and takes its VIPs' prefixes off first", () => {
  const mac = "02:00:00:00:00:15";
  const usurped = ["192.0.2.22", "192.0.2.23"];
  const { verdict, host, problem, command } = usurperFinding(
    { mac, usurped, alone: [SERVER], isForEverything: true },
    [VIP, "192.0.2.11"],
    file(),
  );
  assert.deepEqual([verdict, host], ["takes_addresses", `the host with MAC ${mac}`]);
  assert.equal(
    problem,
    `The host with MAC ${mac} answers ARP for 192.0.2.22, 192.0.2.23, where other real servers are, and for ` +
      `${SERVER}, for which nobody else does, and for addresses that nobody is known to have: it holds a VIP with a ` +
      `prefix shorter than /32 on lo, or is a proxy, and gets traffic of others; it is ${SERVER}, unless down`,
  );
  assert(
    command.startsWith(
      `ip address flush dev lo to ${VIP}/32; ip address flush dev lo to 192.0.2.11/32; for dev in `,
    ),
    command,
  );
  assert(command.endsWith("; lvsdr realserver -c /etc/lvsdr.yaml"), command);
});

Deno.test("usurperFinding() has nobody hardened that is no real server", () => {
  const mac = "02:00:00:00:00:99";
  const usurper = { mac, usurped: [SERVER], alone: [], isForEverything: true };
  const { host, problem, command } = usurperFinding(usurper, [VIP], file());
  assert.equal(host, `the host with MAC ${mac}`);
  assert.match(
    problem,
    /for 192\.0\.2\.21, where another real server is, and for addresses that .* of others$/,
  );
  assert.doesNotMatch(command, /lvsdr/);
});

Deno.test("usurperFinding() thinks of a host that is several real servers, where nobody could tell, and has it hardened", () => {
  const mac = "02:00:00:00:00:15";
  const usurper = { mac, usurped: [], alone: [SERVER, "192.0.2.31"], isForEverything: false };
  const { problem, command } = usurperFinding(usurper, [VIP], file());
  assert.match(problem, /on lo, or is a proxy, or is all of them, and is not hardened, and gets/);
  assert(command.endsWith("; lvsdr realserver -c /etc/lvsdr.yaml"), command);
  const picky = usurperFinding(usurper, [VIP], file("realserver: { method: loopback }"));
  assert.match(picky.problem, /, unless down; the command takes the VIPs of the configuration from where /);
});

Deno.test("outcomeText() says what was seen", () => {
  assert.equal(outcomeText({ verdict: "ok" }), "ok");
  assert.equal(
    outcomeText({ verdict: "rejected", code: 13 }),
    "rejected by a firewall (ICMP destination unreachable, code 13)",
  );
  assert.match(outcomeText({ verdict: "wrong_source", source: SERVER }), / \(192\.0\.2\.21\)$/);
});
