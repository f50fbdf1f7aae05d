import assert from "node:assert/strict";
import { METHODS } from "../../model/config.ts";
import {
  CLIENT_ADDRESS,
  obstacle,
  REAL_SERVER_ADDRESS,
  REAL_SERVER_MAC,
  RealServerPair,
  VIP,
} from "./realserver_pair.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** ARP traffic of a real server that has to ask for the client, sending from the VIP if it has it. */
function arpOfServerTalking(pair: RealServerPair, source: string): Promise<string[]> {
  return pair.captureArp(async () => {
    await pair.server.ip(["neighbor flush dev eth0"]);
    await pair.server.require("ping", ["-c", "1", "-W", "2", "-I", source, CLIENT_ADDRESS]);
  });
}

for (const method of METHODS) {
  Deno.test(
    `realserver ${method}: serves the VIP, never tells its MAC by ARP, and restores the host${needing}`,
    { ignore },
    async () => {
      await using pair = await RealServerPair.create();
      await pair.startWeb();
      const before = await pair.snapshot();

      const starting = Promise.withResolvers<Awaited<ReturnType<RealServerPair["hold"]>>>();
      const whileStarting = await pair.captureArp(async () => {
        const role = pair.hold("--method", method, "--vip", VIP, "--port", "80");
        starting.resolve(role);
        await role;
      });
      const role = await starting.promise;
      assert.deepEqual(whileStarting.filter((line) => line.includes(VIP)), [], "start announces nothing");

      const whileAsked = await pair.captureArp(async () => {
        assert.equal(await pair.isAnswered(VIP), false, "ARP request for the VIP");
      });
      assert(whileAsked.some((line) => line.includes(`who-has ${VIP}`)), whileAsked.join("\n"));
      const answers = whileAsked.filter((line) =>
        line.includes(`${REAL_SERVER_MAC} >`) && line.includes("Reply")
      );
      assert.deepEqual(answers, [], "no answer of any kind");
      assert.equal(await pair.isAnswered(REAL_SERVER_ADDRESS), true, "ARP request for the own address");

      await pair.pointClientAtServer();
      const source = method === "redirect" ? REAL_SERVER_ADDRESS : VIP;
      const arp = await arpOfServerTalking(pair, source);
      const question = `who-has ${CLIENT_ADDRESS} tell ${REAL_SERVER_ADDRESS}`;
      assert(
        arp.some((line) => line.includes(question)),
        `the server asked by its own address:\n${arp.join("\n")}`,
      );
      assert.deepEqual(
        arp.filter((line) => line.includes(`tell ${VIP}`) || line.includes(`${VIP} is-at`)),
        [],
      );

      const body = await pair.client.require("curl", ["-sS", "--max-time", "5", `http://${VIP}/`]);
      assert.equal(body, "from the real server");

      const { code, text } = await role.stop("SIGINT");
      assert.equal(code, 0, text);
      const undone = text.split("\n").filter((line) => line.startsWith("undone: ")).map((line) =>
        line.slice(8)
      );
      const made = text.split("\n").filter((line) => undone.includes(line));
      assert.deepEqual(undone, made.toReversed(), "the VIP goes before what hides it");
      assert.equal(await pair.snapshot(), before);
    },
  );
}

Deno.test(
  `an unhardened real server answers for the VIP and leaks it as sender, as these tests see it${needing}`,
  {
    ignore,
  },
  async () => {
    await using pair = await RealServerPair.create();
    await pair.server.ip([`address add ${VIP}/32 dev lo`]);
    assert.equal(await pair.isAnswered(VIP), true);
    await pair.pointClientAtServer();
    const arp = await arpOfServerTalking(pair, VIP);
    assert(arp.some((line) => line.includes(`tell ${VIP}`)), arp.join("\n"));
  },
);
