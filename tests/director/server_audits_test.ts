import assert from "node:assert/strict";
import { EventLog } from "../../director/events.ts";
import { ServerAudits } from "../../director/server_audits.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { config } from "./configs.ts";

const FILE = { config: config(), path: "/etc/lvsdr.yaml" };

/** Takes note of whom nobody can ask, and why. */
function adopt(audits: ServerAudits, unseen: Readonly<Record<string, OperatorError>>): void {
  audits.adopt(FILE, { vantages: [], unseen: new Map(Object.entries(unseen)) });
}

const down = (name: string) =>
  new OperatorError(`Interface "${name}" is down`, ExitCode.UNAVAILABLE, {
    remedy: `ip link set ${name} up`,
  });

Deno.test("ServerAudits has one round wait at the most, however often others can be asked", async () => {
  const audits = new ServerAudits(FILE, new EventLog(() => {}));
  const rounds = new Set();
  for (let flaps = 0; flaps < 10; flaps++) {
    adopt(audits, flaps % 2 === 0 ? { "192.0.2.21": down("eth1") } : {});
    rounds.add(audits.auditAll());
  }
  assert.equal(rounds.size, 1);
  await Promise.all(rounds);
  assert(!rounds.has(audits.auditAll()), "whoever asks after it has begun gets another one");
  await audits.stop();
});

Deno.test("ServerAudits tells of every obstacle, once each, with the remedy", async () => {
  const audits = new ServerAudits(FILE, new EventLog(() => {}));
  adopt(audits, { "192.0.2.21": down("eth1"), "192.0.2.22": down("eth1"), "192.0.2.23": down("eth2") });
  assert.deepEqual(await audits.auditAll(), {
    audits: [],
    obstacles: [
      'Interface "eth1" is down (ip link set eth1 up)',
      'Interface "eth2" is down (ip link set eth2 up)',
    ],
  });
  await audits.stop();
});
