import assert from "node:assert/strict";
import { attach } from "../../director/attachment.ts";
import {
  refuseFurtherInterfaces,
  refuseLostSettings,
  refuseOtherInterface,
  refuseSplitTemplates,
} from "../../director/reload.ts";
import { forwardingTable } from "../../director/forwarding.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { CLUSTER, config, link, routesOver } from "./configs.ts";

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

Deno.test("refuseLostSettings() accepts a change of what the director does with real servers", () => {
  refuseLostSettings(config(), config(`director: { quarantine: true, probe_address: 192.0.2.99 }${CLUSTER}`));
});

Deno.test("refuseLostSettings() names every setting that needs a restart, and how to get on", () => {
  const hashKey = "ab".repeat(16);
  const director =
    `interface: eth0, max_connections: 5000, hash_key: ${hashKey}, workers: 2, cpus: [0, 1], offloads: disable`;
  const next = config(`director: { ${director} }
status: { listen: 127.0.0.1:9999 }${CLUSTER}`);
  assert.throws(() => refuseLostSettings(config(), next), (error: OperatorError) => {
    assert.equal(
      error.message,
      "A running director cannot change director.interface, director.max_connections, director.hash_key, " +
        "director.workers, director.cpus, director.offloads, status",
    );
    assert.equal(error.exitCode, 78);
    assert.equal(error.remedy, "Restart it; its connections go on");
    return true;
  });
});

Deno.test("refuseSplitTemplates() refuses templates of more clients than before, where there are several workers", () => {
  const withNetmask = (netmask: number | null, workers = 2) => {
    const persistence = netmask === null ? "" : `persistence: { timeout: 5m, netmask: ${netmask} }, `;
    return config(`director: { workers: ${workers} }
services:
  - { vip: 192.0.2.10, port: 80, ${persistence}servers: [{ address: 192.0.2.21 }] }
  - { vip: "2001:db8::10", port: 80, persistence: { netmask: 48 }, servers: [{ address: "2001:db8::21" }] }
`);
  };
  const steeredBy = (netmask: number | null) =>
    forwardingTable(withNetmask(netmask), 1, () => ({ state: "unknown" }), 0).services;
  refuseSplitTemplates(steeredBy(null), withNetmask(32));
  refuseSplitTemplates(steeredBy(24), withNetmask(28));
  refuseSplitTemplates(steeredBy(null), withNetmask(8, 1));
  assert.throws(() => refuseSplitTemplates(steeredBy(null), withNetmask(24)), (error: OperatorError) => {
    assert.match(error.message, /cannot widen persistence\.netmask to 24: clients/);
    assert.equal(error.exitCode, 78);
    return true;
  });
  assert.throws(() => refuseSplitTemplates(steeredBy(28), withNetmask(24)), OperatorError);
});

Deno.test("refuseOtherInterface() refuses VIPs that have moved to another interface", () => {
  const attached = (name: string) => {
    const links = [link(name, ["192.0.2.2/24"])];
    return attach(config(), links, routesOver(links, config()));
  };
  const eth0 = attached("eth0");
  const eth1 = attached("eth1");
  refuseOtherInterface(eth0, { ...eth0, mtu: 9000 });
  assert.throws(() => refuseOtherInterface(eth0, eth1), OperatorError);
});

Deno.test("refuseFurtherInterfaces() refuses real servers behind an interface that is not open, and no other change", () => {
  const eth0 = link("eth0", ["192.0.2.2/24"]);
  const eth1 = link("eth1", ["10.0.0.2/24"], { index: 3 });
  const attached = (text: string) =>
    attach(config(text), [eth0, eth1], routesOver([eth0, eth1], config(text)));
  const one = attached(CLUSTER);
  const both = attached(CLUSTER.replace("192.0.2.22", "10.0.0.22"));
  refuseFurtherInterfaces(both, one);
  refuseFurtherInterfaces(both, attached(CLUSTER.replace("192.0.2.23", "10.0.0.23")));
  assert.throws(() => refuseFurtherInterfaces(one, both), /cannot begin to use eth1/);
});
