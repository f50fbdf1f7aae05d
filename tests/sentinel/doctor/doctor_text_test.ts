import assert from "node:assert/strict";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import { diagnosisText } from "../../../sentinel/doctor/doctor_text.ts";
import type { Facts } from "../../../sentinel/doctor/facts.ts";
import { chooseRole } from "../../../sentinel/doctor/role.ts";
import { link, sysctls, VIP } from "../../realserver/host_states.ts";
import { server, service } from "../../status/snapshots.ts";
import { ALARM } from "./doctor_cases.ts";
import { configFile, directorFacts, PATH, realServerFacts } from "./recorded_facts.ts";

function text(facts: Facts): string {
  const all = examine(facts, CHECKS);
  const findings = all.filter(({ level }) => level !== "note");
  const notes = all.filter(({ level }) => level === "note");
  const { role, vips } = facts;
  return diagnosisText({ role, reason: "as asked for", vips, ok: findings.length === 0, findings, notes });
}

Deno.test("diagnosisText() shows role, evidence, cause, command and section of each finding", () => {
  const facts = realServerFacts({ state: { sysctls: sysctls({ all: [0, 2, 0], eth0: [0, 0, 0] }) } });
  assert.equal(
    text(facts).split("\n\nGood to know\n")[0],
    `This host is a real server of ${VIP}: as asked for
1 error, 0 warnings

ERROR arp-ignore: This host may answer ARP requests for ${VIP}, which only the director must
  seen   net.ipv4.conf.all.arp_ignore = 0
  seen   net.ipv4.conf.eth0.arp_ignore = 0
  cause  otherwise the host answers ARP requests for the VIP on lo, or none at all, not even for its own address
  fix    sysctl -w net.ipv4.conf.all.arp_ignore=1
  more   README.md#arp-ignore`,
  );
});

Deno.test("diagnosisText() puts commands of several lines at the margin, where a here-document can be pasted", () => {
  const lines = text(realServerFacts({ method: "nft" })).split("\n");
  const first = lines.indexOf("nft -f - <<'END'");
  assert(first > 0);
  assert.equal(lines[first - 1], "  fix");
  assert(lines.slice(first).includes("END"));
});

Deno.test("diagnosisText() names the host to type on, and lets no control character through", () => {
  const lastCheck = { passed: false, message: "evil \x1b[2J", durationMs: 1, at: "" };
  const services = [service("web", [
    server("192.0.2.21", { state: "unresolved" }),
    server("192.0.2.22", { state: "down", effectiveWeight: 0, lastCheck }),
  ])];
  const shown = text(directorFacts({ snapshot: { services } }));
  assert.match(shown, /^ {2}fix {4}on 192\.0\.2\.21, not here: ip -br link; ip -br address$/m);
  assert(!shown.includes("\x1b"));
  const alarmed = directorFacts({ snapshot: { alarms: [{ ...ALARM, command: "evil \x1b[2J" }] } });
  assert(!text(alarmed).includes("\x1b"));
});

Deno.test("diagnosisText() of a host that is well says so", () => {
  assert.match(text(directorFacts()), /^This host is a director of .*\nNothing is wrong\n\nGood to know\n/);
});

Deno.test("chooseRole() believes the operator, then what runs here, then the configuration", () => {
  const clues = {
    asked: null,
    runDir: "/run/lvsdr",
    hasSocket: false,
    hasJournal: false,
    hasDirectorJournal: false,
    file: configFile(),
    links: [link("eth0", "192.0.2.21/24")],
  };
  const role = (changes: Partial<Parameters<typeof chooseRole>[0]>) => chooseRole({ ...clues, ...changes });
  assert.equal(role({ asked: "director", hasJournal: true }).role, "director");
  assert.equal(role({ hasSocket: true, hasJournal: true }).role, "director");
  assert.equal(role({ hasJournal: true, hasDirectorJournal: true, file: null }).role, "realserver");
  assert.equal(role({ hasDirectorJournal: true, file: null }).role, "director");
  assert.equal(role({ hasDirectorJournal: true }).role, "realserver");
  assert.deepEqual(role({}), { role: "realserver", reason: `${PATH} lists 192.0.2.21 under servers` });
  assert.equal(role({ links: [link("eth0", "192.0.2.2/24")] }).role, "director");
  assert.throws(() => role({ file: null }), { exitCode: 64, message: /Cannot tell what this host is/ });
});
