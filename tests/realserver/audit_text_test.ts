import assert from "node:assert/strict";
import { auditText, type Cure } from "../../realserver/audit_text.ts";
import { requirementsOf } from "../../realserver/choose_method.ts";
import { hostState, link, sysctls, target, VIP } from "./host_states.ts";

const AIM = { targets: [target()], wantedDevice: null, looseDevices: new Set<number>() };
const CHOICE = { method: "loopback", reason: "as asked for" } as const;
const CURE = { command: `lvsdr realserver --vip ${VIP}`, holder: null };

function lastLines(changes: Parameters<typeof hostState>[0], count: number, cure: Cure = CURE): string[] {
  const requirements = requirementsOf("loopback", hostState(changes), AIM);
  const text = auditText(CHOICE, requirements, cure);
  assert.ok(text.endsWith("\n"));
  return text.trimEnd().split("\n").slice(-count);
}

Deno.test("auditText() ends by saying that the host is a correct real server", () => {
  const hardened = {
    links: [link("lo", `${VIP}/32`), link("eth0", "192.0.2.21/24")],
    sysctls: sysctls({ all: [1, 2, 0], eth0: [0, 0, 0] }),
  };
  assert.deepEqual(lastLines(hardened, 1), ["This host is a correct real server"]);
});

Deno.test("auditText() ends by saying that the host is none, and with the command that makes it one", () => {
  assert.match(
    lastLines({}, 1)[0]!,
    /^This host is not a correct real server: \d of \d facts fail; what makes it one: lvsdr realserver --vip 192\.0\.2\.10$/,
  );
});

Deno.test("auditText() says before that what only the operator can do", () => {
  const links = [link("lo"), link("eth0", "192.0.2.21/24", `${VIP}/32`)];
  const lines = lastLines({ links }, 5);
  assert.equal(lines[0], "By hand, first:");
  for (const line of lines.slice(1, -1)) assert.match(line, /^ {2}\S/);
  assert.ok(lines.some((line) => line.endsWith(`: ip address delete ${VIP}/32 dev eth0`)), lines.join("\n"));
  assert.match(
    lines.at(-1)!,
    /^This host is not a correct real server: .*; what makes it one: lvsdr realserver/,
  );
});

Deno.test("auditText() gives no command alone where a process holds the host, beside which it would be refused", () => {
  assert.match(
    lastLines({}, 1, { ...CURE, holder: 7 })[0]!,
    /; process 7 holds this host: restart it, or stop it and type: lvsdr realserver --vip 192\.0\.2\.10$/,
  );
});
