import assert from "node:assert/strict";
import { attach } from "../../director/attachment.ts";
import { refuseLostSettings, refuseOtherInterface } from "../../director/reload.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { CLUSTER, config, link } from "./configs.ts";

Deno.test("refuseLostSettings() accepts everything that services can change", () => {
  const changed = CLUSTER.replace("wrr", "lc").replace("weight: 30", "weight: 3").replace(
    "192.0.2.23",
    "192.0.2.29",
  )
    .replace("vip: 192.0.2.11", "vip: 192.0.2.12").replace(
      "slow_start: 10s",
      "timeouts: { established: 1h }",
    );
  refuseLostSettings(config(), config(changed));
});

Deno.test("refuseLostSettings() names every setting that needs a restart, and how to get on", () => {
  const next = config(`director: { interface: eth0, max_connections: 5000, hash_key: ${"ab".repeat(16)} }
status: { listen: 127.0.0.1:9999 }${CLUSTER}`);
  assert.throws(() => refuseLostSettings(config(), next), (error: OperatorError) => {
    assert.equal(
      error.message,
      "A running director cannot change director.interface, director.max_connections, director.hash_key, status",
    );
    assert.equal(error.exitCode, 78);
    assert.equal(error.remedy, "Restart it; its connections go on");
    return true;
  });
});

Deno.test("refuseOtherInterface() refuses VIPs that have moved to another interface", () => {
  const eth0 = attach(config(), [link("eth0", ["192.0.2.2/24"])]);
  const eth1 = attach(config(), [link("eth1", ["192.0.2.3/24"])]);
  refuseOtherInterface(eth0, { ...eth0, mtu: 9000 });
  assert.throws(() => refuseOtherInterface(eth0, eth1), OperatorError);
});
