import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import { auditFinding, hardenCommand, PROOF_WORDS, proofFinding } from "../../sentinel/finding.ts";
import type { ProofOutcome } from "../../sentinel/proof.ts";

const VIP = "192.0.2.10";
const SERVER = "192.0.2.21";

function file(realserver = "", server = `address: ${SERVER}`, path = "/etc/lvsdr.yaml") {
  const text = `services: [{ vip: ${VIP}, port: 80, servers: [{ ${server} }] }]\n${realserver}`;
  return { config: parseConfig(text, path), path };
}

Deno.test("hardenCommand() names the method that the cluster has, if it has one", () => {
  assert.equal(hardenCommand(file(), VIP), `lvsdr realserver --vip ${VIP}`);
  assert.equal(
    hardenCommand(file("realserver: { method: arptables }"), VIP),
    `lvsdr realserver --vip ${VIP} --method arptables`,
  );
});

Deno.test("hardenCommand() takes ports from the configuration for redirect, whatever its path", () => {
  const redirect = "realserver: { method: redirect }";
  assert.equal(hardenCommand(file(redirect), VIP), "lvsdr realserver -c /etc/lvsdr.yaml");
  assert.equal(
    hardenCommand(file(redirect, undefined, "/my files/it's.yaml"), VIP),
    `lvsdr realserver -c '/my files/it'\\''s.yaml'`,
  );
});

Deno.test("every outcome but the good ones has a finding on the real server, as one sentence with a command", () => {
  const outcomes: Record<ProofOutcome["verdict"], ProofOutcome> = {
    ok: { verdict: "ok" },
    ok_other_mac: { verdict: "ok_other_mac", mac: "02:00:00:00:00:01" },
    not_listening: { verdict: "not_listening" },
    rejected: { verdict: "rejected", code: 13 },
    dropped: { verdict: "dropped" },
    vip_missing: { verdict: "vip_missing" },
    forwards: { verdict: "forwards" },
    wrong_source: { verdict: "wrong_source", source: SERVER },
    leaks: { verdict: "leaks" },
    source_refused: { verdict: "source_refused" },
  };
  const cluster = file();
  const seen = new Set<string>();
  for (const outcome of Object.values(outcomes)) {
    const target = { server: SERVER, port: 80, probeAddress: "192.0.2.200" };
    const finding = proofFinding(outcome, target, cluster.config.services[0]!, cluster);
    assert.equal(finding === null, outcome.verdict.startsWith("ok"), outcome.verdict);
    if (finding === null) continue;
    assert.equal(finding.host, SERVER);
    assert.match(finding.problem, /^192\.0\.2\.21 .*[^.\n]$/);
    assert.match(finding.command, /^(lvsdr|ss|nft|sysctl) \S/);
    seen.add(finding.problem);
  }
  assert.equal(seen.size, Object.keys(PROOF_WORDS).length - 2, "no two outcomes are told alike");
});

Deno.test("proofFinding() speaks of the port that the server's application has", () => {
  const cluster = file("realserver: { method: redirect }", `address: ${SERVER}, port: 8080`);
  const target = { server: SERVER, port: 80, probeAddress: "192.0.2.200" };
  const finding = proofFinding({ verdict: "not_listening" }, target, cluster.config.services[0]!, cluster)!;
  assert.equal(finding.command, "ss -Hltnp sport = :8080");
  assert.match(finding.problem, /resets connections to port 80: .* listen on 0\.0\.0\.0:8080/);
});

Deno.test("auditFinding() tells who answers for the VIP and who is not there, and nothing else", () => {
  const audit = { server: SERVER, vip: VIP, mac: "02:00:00:00:00:15" };
  assert.equal(auditFinding({ ...audit, verdict: "hardened" }, file()), null);
  const answers = auditFinding({ ...audit, verdict: "answers" }, file())!;
  assert.match(answers.problem, /192\.0\.2\.21 answers ARP for 192\.0\.2\.10 \(with 02:00:00:00:00:15\)/);
  assert.equal(answers.command, `lvsdr realserver --vip ${VIP}`);
  const unreachable = auditFinding({ ...audit, mac: null, verdict: "unreachable" }, file())!;
  assert.match(unreachable.problem, /does not answer ARP for its own address/);
});
