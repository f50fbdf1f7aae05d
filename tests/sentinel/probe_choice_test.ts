import assert from "node:assert/strict";
import { OperatorError } from "../../model/operator_error.ts";
import {
  assertProbeAddress,
  configuredAddress,
  freeLookingAddresses,
  probeCandidates,
} from "../../sentinel/probe_choice.ts";
import { findVantages, type Vantages } from "../../sentinel/vantage.ts";
import { config, link, LOOPBACK } from "../director/configs.ts";

const NEAR = "192.0.2.21";
const FAR = "198.51.100.6";
const LINKS = [LOOPBACK, link("eth0", ["192.0.2.2/24"]), link("eth1", ["198.51.100.2/29"], { index: 3 })];

function clusterWith(probeAddress: string) {
  return config(`
director: { probe_address: "${probeAddress}" }
services:
  - { vip: 192.0.2.10, port: 80, servers: [{ address: ${NEAR} }] }
  - { vip: 192.0.2.11, port: 80, servers: [{ address: ${FAR} }] }
`);
}

function look(servers: readonly string[], links = LINKS): Vantages {
  const places = servers.map((address) => ({ address, vlan: null }));
  return findVantages(links, places, new Set(), { only: null, director: "eth0", asker: "director" });
}

function refusal(probeAddress: string, vantages: Vantages): string | null {
  try {
    assertProbeAddress(clusterWith(probeAddress), vantages);
    return null;
  } catch (error) {
    assert(error instanceof OperatorError && error.remedy !== null);
    return error.message;
  }
}

Deno.test("configuredAddress() is the configured one in its own subnet alone, so that another has one chosen", () => {
  const [near, far] = look([NEAR, FAR]).vantages;
  const cluster = clusterWith("192.0.2.200");
  assert.equal(configuredAddress(cluster, near!), "192.0.2.200");
  assert.equal(configuredAddress(cluster, far!), null);
  assert.deepEqual(probeCandidates(cluster, near!), ["192.0.2.200"]);
  const chosen = probeCandidates(cluster, far!);
  assert.deepEqual(chosen.toSorted(), [1, 3, 4, 5].map((octet) => `198.51.100.${octet}`));
});

Deno.test("assertProbeAddress() passes what is of one subnet of several, and refuses what is of none", () => {
  const both = look([NEAR, FAR]);
  assert.equal(refusal("192.0.2.200", both), null);
  assert.equal(refusal("198.51.100.5", both), null);
  assert.equal(
    refusal("203.0.113.5", both),
    "director.probe_address 203.0.113.5 is in none of the real servers' subnets 192.0.2.2/24, 198.51.100.2/29",
  );
  assert.equal(
    refusal("198.51.100.5", look([NEAR])),
    "director.probe_address 198.51.100.5 is not in the real servers' subnet 192.0.2.2/24",
  );
});

Deno.test("assertProbeAddress() leaves open what is of a subnet that this host does not see, or of another family", () => {
  assert.equal(refusal("198.51.100.5", look([NEAR, FAR], LINKS.slice(0, 2))), null);
  assert.equal(refusal("2001:db8::5", look([NEAR, FAR])), null);
});

Deno.test("assertProbeAddress() refuses this host's own address, whichever subnet it is of", () => {
  for (const own of ["192.0.2.2", "198.51.100.2"]) {
    assert.equal(
      refusal(own, look([NEAR, FAR])),
      `director.probe_address ${own} is an address of this host`,
    );
  }
});

Deno.test("freeLookingAddresses() leaves out what is known, and what a director on this host holds", () => {
  const [, far] = look([NEAR, FAR]).vantages;
  const held = new Set(["198.51.100.4"]);
  assert.deepEqual(
    freeLookingAddresses(clusterWith("198.51.100.5"), far!, held).toSorted(),
    ["198.51.100.1", "198.51.100.3"],
  );
});
