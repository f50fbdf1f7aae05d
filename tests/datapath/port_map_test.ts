import assert from "node:assert/strict";
import fc from "fast-check";
import { NONE } from "../../datapath/connection_table.ts";
import { portMap, type ServedPorts, serviceOfPort } from "../../datapath/port_map.ts";

const PORTS = 65_536;

/** Ranges without overlap: neighbours of a sorted list of ports, of which some are left out. */
const anyRanges = fc.uniqueArray(
  fc.oneof(fc.nat(PORTS - 1), fc.constantFrom(0, 80, 255, 256, 511, 512, PORTS - 1)),
  { maxLength: 12 },
).map((ports) => {
  const sorted = ports.sort((one, other) => one - other);
  return sorted.flatMap((first, index): ServedPorts[] => {
    const next = sorted[index + 1] ?? PORTS;
    const last = index % 3 === 0 ? first : next - 1;
    return index % 4 === 3 ? [] : [{ first, last, service: index >>> 1 }];
  });
});

Deno.test("serviceOfPort() finds the service of every port, and none of a port between ranges", () => {
  fc.assert(
    fc.property(anyRanges, (ranges) => {
      const expected = new Int32Array(PORTS).fill(NONE);
      for (const { first, last, service } of ranges) expected.fill(service, first, last + 1);
      const map = portMap(ranges);
      for (let port = 0; port < PORTS; port++) {
        if (serviceOfPort(map, port) !== expected[port]) assert.fail(`port ${port}`);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("portMap() takes 1,536 bytes for a port, and hardly more for all of them", () => {
  assert.equal(portMap([{ first: 80, last: 80, service: 0 }]).byteLength, 1_536);
  assert.ok(portMap([{ first: 1, last: 65_535, service: 0 }]).byteLength < 3_000);
});
