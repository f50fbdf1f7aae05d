import assert from "node:assert/strict";
import { Journal } from "../../../host/journal.ts";
import type { OwnerRun } from "../../../host/read_journal.ts";
import type { Step } from "../../../host/step.ts";
import { readRoleJournal, scopeOfRuns } from "../../../sentinel/doctor/role_journal.ts";

/** A run for VIPs with their ports, on an interface or wherever it is needed. */
function run(
  ports: Readonly<Record<string, number>>,
  steps: readonly Step[],
  device: string | null = null,
): OwnerRun {
  const vips = Object.entries(ports).map(([vip, port]) => ({
    vip,
    realServerAddress: null,
    bindings: [{ protocol: "tcp" as const, ports: [{ first: port, last: port }], localPort: null }],
  }));
  return { steps, scope: { interface: device, vips } };
}

const ADDRESS: Step = { kind: "addAddress", address: "192.0.2.10", device: "lo" };
const SETTING: Step = {
  kind: "setSysctl",
  key: "net/ipv4/conf/all/arp_ignore",
  value: "1",
  previous: "0",
};
const TABLE: Step = { kind: "nftTable", family: "inet", name: "lvsdr", ruleset: "" };

function vipsOf(runs: readonly OwnerRun[], method: Parameters<typeof scopeOfRuns>[1]): string[] | undefined {
  return scopeOfRuns(runs, method)?.vips.map(({ vip }) => vip);
}

Deno.test("scopeOfRuns() unites what runs of one method were for, the last word on a VIP counting", () => {
  const first = run({ "192.0.2.10": 80, "192.0.2.11": 80 }, [ADDRESS]);
  const second = run({ "192.0.2.11": 443, "192.0.2.12": 80 }, [SETTING]);
  assert.deepEqual(vipsOf([first, second], "loopback"), ["192.0.2.10", "192.0.2.11", "192.0.2.12"]);
  const [, shared] = scopeOfRuns([first, second], "loopback")!.vips;
  assert.deepEqual(shared!.bindings[0]!.ports, [{ first: 443, last: 443 }]);
  assert.equal(scopeOfRuns([{ steps: [ADDRESS], scope: null }], "loopback"), null);
  // Who holds what was in force already has no steps of its own.
  assert.deepEqual(vipsOf([run({ "192.0.2.10": 80 }, [])], null), ["192.0.2.10"]);
});

Deno.test("scopeOfRuns() leaves out what another method was used for", () => {
  const runs = [run({ "192.0.2.10": 80 }, [SETTING, ADDRESS]), run({ "192.0.2.11": 80 }, [TABLE])];
  assert.deepEqual(vipsOf(runs, "redirect"), ["192.0.2.11"]);
  assert.deepEqual(vipsOf(runs, "loopback"), ["192.0.2.10"]);
});

Deno.test("scopeOfRuns() names an interface only if all runs were asked for the same", () => {
  const on = (...devices: (string | null)[]) =>
    scopeOfRuns(devices.map((device) => run({ "192.0.2.10": 80 }, [ADDRESS], device)), "loopback")?.interface;
  assert.equal(on("eth0", "eth0"), "eth0");
  assert.equal(on("eth0", "eth1"), null);
  assert.equal(on("eth0", null), null);
});

Deno.test("readRoleJournal() knows the VIPs of two runs with --once", async () => {
  const runDir = await Deno.makeTempDir({ prefix: "lvsdr-doctor-" });
  try {
    for (const vip of ["192.0.2.10", "192.0.2.11"]) {
      using journal = await Journal.open(`${runDir}/realserver.journal`, run({ [vip]: 80 }, []).scope!);
      journal.record({ kind: "addAddress", address: vip, device: "lo" });
      journal.keep();
    }
    const { scope } = (await readRoleJournal(runDir))!;
    assert.deepEqual(scope?.vips.map(({ vip }) => vip), ["192.0.2.10", "192.0.2.11"]);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});
