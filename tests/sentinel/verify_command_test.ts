import assert from "node:assert/strict";
import { OperatorError } from "../../model/operator_error.ts";
import { runVerify } from "../../sentinel/verify_command.ts";

/** A cluster that is nowhere near this host. */
const CONFIG = `services: [{ vip: 203.0.113.10, port: 80, servers: [{ address: 203.0.113.21 }] }]\n`;

Deno.test("runVerify() works beside a director of an earlier build, which tells of no probe addresses", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-verify-" });
  const snapshot = { datapath: { interface: { mac: "02:00:00:00:00:02" } }, services: [] };
  const director = Deno.serve(
    { path: `${folder}/director.sock`, onListen: () => {} },
    () => Response.json(snapshot),
  );
  try {
    await Deno.writeTextFile(`${folder}/cluster.yaml`, CONFIG);
    const options = { config: `${folder}/cluster.yaml`, service: null, interface: null, runDir: folder };
    const io = { write: () => {}, writeError: () => {}, isTerminal: false };
    await assert.rejects(runVerify({ ...options, json: true }, io), (error) => {
      assert(error instanceof OperatorError, String(error));
      assert.equal(error.message, "Real server 203.0.113.21 is in no subnet of this host");
      return true;
    });
  } finally {
    await director.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});
