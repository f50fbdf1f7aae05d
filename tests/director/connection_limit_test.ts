import assert from "node:assert/strict";
import fc from "fast-check";
import { parseConfig } from "../../config/parse_config.ts";
import { forwardingTable } from "../../director/forwarding.ts";
import { Cluster } from "../datapath/cluster.ts";
import { Flag } from "../datapath/frame_builder.ts";

Deno.test("A server that was full gets connections again once it has none, whatever its thresholds", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 5 }).chain((max) => fc.tuple(fc.constant(max), fc.nat(max))),
    ([max, min]) => {
      const config = parseConfig(
        "services:\n- vip: 192.0.2.10\n  port: 80\n  health: none\n  timeouts: { established: 1s }\n" +
          `  servers: [{ address: 192.0.2.21, max_connections: ${max}, min_connections: ${min} }]\n`,
        "c.yaml",
      );
      const up = { state: "up", returnedAtMs: null } as const;
      const cluster = new Cluster(forwardingTable(config, 1, () => up, 0).services);
      const open = (clientPort: number) => {
        const fate = cluster.send({ clientPort, flags: Flag.SYN });
        if (fate === 1) cluster.send({ clientPort, flags: Flag.ACK });
        return fate;
      };
      for (let clientPort = 1; clientPort <= max; clientPort++) assert.equal(open(clientPort), 1);
      assert.equal(open(100), "AnsweredUnreachable", "it is full");
      cluster.pass(1_000);
      assert.equal(open(100), 1);
    },
  ));
});
