import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, until, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** TTL of a packet as Linux sends it (ip_default_ttl, ip-sysctl). */
const TTL = 64;

Deno.test(`a packet between two directors that take each other for real servers dies${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const other = network.servers[0]!.namespace;
  await other.ip([`addr del ${VIP}/32 dev lo`]);
  const settings = ["protocol: udp", "port: 7000", "health: none"];
  const director = await network.startDirector(configText({ settings, servers: [[21, 1]] }));

  const runDir = `${network.folder}/other`;
  const config = `${network.folder}/other.yaml`;
  await Deno.writeTextFile(config, configText({ settings, servers: [[2, 1]] }));
  const [program, ...args] = selfCommand(["director", "-c", config, "--run-dir", runDir]);
  network.start(other, program!, ...args);
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: `${runDir}/director.sock` } });
  const otherStatus = async (): Promise<StatusSnapshot | null> => {
    try {
      return await (await fetch("http://director/api/v1/status", { client })).json();
    } catch {
      return null;
    }
  };
  await until(
    "the other director knows its real server",
    async () => (await otherStatus())?.services[0]?.servers[0]?.state === "up",
  );

  const counted = async (verdict: string) => {
    const both = [(await director.status())!, (await otherStatus())!];
    return both.map(({ verdicts }) => verdicts.find(({ name }) => name === verdict)!.frames);
  };
  await network.client.ip([`neighbor replace ${VIP} lladdr ${DIRECTOR_MAC} dev eth0 nud permanent`]);
  await network.client.require("bash", ["-c", `echo once >/dev/udp/${VIP}/7000`]);
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count);
  await until(
    "the packet has used up its TTL",
    async () => sum(await counted("forwarded")) + sum(await counted("answered_time_exceeded")) >= TTL,
  );
  assert.deepEqual(await counted("forwarded"), [TTL / 2, TTL / 2 - 1]);
  assert.equal(sum(await counted("answered_time_exceeded")), 1);
});
