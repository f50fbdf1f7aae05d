/**
 * `lvsdr doctor` on a real server with a strict reverse path filter, and a route to some of the clients by another
 * interface than the one they come by.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect } from "../../lab/namespace.ts";
import { makeProgramFolder, Patient } from "./doctor_patient.ts";
import { CLIENT_ADDRESS, obstacle, REAL_SERVER_ADDRESS, RealServerPair, VIP } from "./realserver_pair.ts";

/** A client that comes by eth0, and is answered through the interface that the server has in its network. */
const FAR_CLIENT = "203.0.113.7";
const FETCHING = ["-sS", "--max-time", "1", "--interface", FAR_CLIENT, `http://${VIP}/`];

/** Gives both hosts a second network, and the server a container's, with the filter strict and no other default route. */
async function addNetworks({ client, server }: RealServerPair): Promise<void> {
  await connect({ namespace: client, interface: "lan0" }, { namespace: server, interface: "lan0" });
  await client.ip([`address add ${FAR_CLIENT}/24 dev lan0`]);
  await client.setSysctls({ "net.ipv4.conf.all.rp_filter": 2 });
  await server.ip([
    "address add 203.0.113.2/24 dev lan0",
    `route add default via ${CLIENT_ADDRESS} dev eth0`,
    ...["link add docker0 type bridge", "address add 172.17.0.1/16 dev docker0", "link set docker0 up"],
  ]);
  await server.setSysctls({ "net.ipv4.conf.all.rp_filter": 1 });
}

Deno.test({
  name:
    "doctor notes a strict filter that would drop clients of a narrower route, and mends it once they come",
  ignore: obstacle !== null,
  async fn() {
    await using pair = await RealServerPair.create();
    const configFile = `${pair.folder}/cluster.yaml`;
    await Deno.writeTextFile(
      configFile,
      `services:\n  - { vip: ${VIP}, port: 80, servers: [{ address: ${REAL_SERVER_ADDRESS} }] }\n`,
    );
    const programs = await makeProgramFolder(`${pair.folder}/bin`);
    const patient = new Patient(pair.server, { runDir: pair.runDir, configFile, programs });
    await pair.startWeb();
    await addNetworks(pair);
    await pair.pointClientAtServer();
    const role = await pair.hold("-c", configFile, "--no-repair");
    const strictFilters = async () => {
      const { ok, notes } = await patient.diagnosis("-c", configFile);
      assert(ok);
      return notes.filter(({ id }) => id === "rp-filter-strict").map(({ problem }) => problem);
    };

    assert.deepEqual(await strictFilters(), ["eth0 would drop clients' packets from 203.0.113.0/24"]);
    assert.equal((await pair.role("--check", "-c", configFile)).code, 0);

    // The filter asks with the VIP as source, for which a rule can choose another way.
    const rule = `rule add from ${VIP} lookup 7`;
    await pair.server.ip([`route add default via ${CLIENT_ADDRESS} dev eth0 table 7`, rule]);
    assert.equal(await pair.client.require("curl", FETCHING), "from the real server");
    assert.deepEqual(await strictFilters(), []);
    await pair.server.ip([rule.replace("add", "delete")]);

    assert.notEqual((await pair.client.run("curl", FETCHING)).code, 0);
    const clients = pair.client.spawn("ping", ["-i", "0.1", "-I", FAR_CLIENT, VIP]);
    const [finding] = await patient.cure("rp-filter").finally(() => clients.stop());
    assert.match(finding!.problem, /by eth0 from clients in 203\.0\.113\.0\/24: .* through lan0$/);
    assert.equal(finding!.fix, "sysctl -w net.ipv4.conf.eth0.rp_filter=2");
    assert.equal(await pair.client.require("curl", FETCHING), "from the real server");
    await role.stop("SIGTERM");
  },
});
