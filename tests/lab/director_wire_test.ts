import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, until, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** What a director must never send: an answer of its kernel to traffic that is for a VIP. */
const KERNEL_ANSWERS =
  `ether src ${DIRECTOR_MAC} and (icmp[icmptype] == icmp-redirect or (src host ${VIP} and tcp))`;

Deno.test(
  `a director shares requests 3:1, announces and answers for its VIP, and sees no answer of a server${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create();
    const [first, second] = network.servers;

    const announced = await network.capture(network.client, `arp and ether src ${DIRECTOR_MAC}`, async () => {
      const director = await network.startDirector(configText({ servers: [[21, 3], [22, 1]] }));
      await director.logged("director.started");
      await until("the VIP answers", async () => (await network.arpAnswers(VIP, 1)).length > 0);
    });
    const request = new RegExp(`> ff:ff:ff:ff:ff:ff,.* Request who-has ${VIP} .*tell ${VIP}`);
    const reply = new RegExp(`> ff:ff:ff:ff:ff:ff,.* Reply ${VIP} is-at ${DIRECTOR_MAC}`);
    assert(announced.some((line) => request.test(line)), announced.join("\n"));
    assert(announced.some((line) => reply.test(line)), announced.join("\n"));

    assert.deepEqual(await network.arpAnswers(VIP, 3), [DIRECTOR_MAC, DIRECTOR_MAC, DIRECTOR_MAC]);
    assert.equal((await network.client.run("ping", ["-c", "2", "-i", "0.2", "-W", "5", VIP])).code, 0);

    const answers: string[] = [];
    const seen = await network.capture(network.director, `tcp and src host ${VIP}`, async () => {
      for (let request = 0; request < 40; request++) answers.push(await network.request());
    });
    assert.deepEqual(seen, [], "answers go past the director");
    assert.equal(answers.filter((answer) => answer === `${first!.name} 192.0.2.100`).length, 30);
    assert.equal(answers.filter((answer) => answer === `${second!.name} 192.0.2.100`).length, 10);

    const direct = await network.capture(network.client, `tcp and src host ${VIP}`, () => network.request());
    for (const line of direct) assert.match(line, new RegExp(` (${first!.mac}|${second!.mac}) > `));
    assert.notEqual(direct.length, 0);
  },
);

for (
  const [what, prepare] of [
    ["forwards packets", (network: DirectorNetwork) =>
      network.director.setSysctls({
        "net.ipv4.ip_forward": 1,
        "net.ipv4.conf.all.send_redirects": 1,
        "net.ipv4.conf.eth0.send_redirects": 1,
      })],
    [
      "has the VIP on its interface",
      (network: DirectorNetwork) => network.director.ip([`addr add ${VIP}/32 dev eth0`]),
    ],
  ] as const
) {
  Deno.test(`a kernel that ${what} stays out of VIP traffic${needing}`, { ignore }, async () => {
    await using network = await DirectorNetwork.create();
    await prepare(network);
    const before = await network.hostState();
    const director = await network.startDirector(configText({ servers: [[21, 1], [22, 1]] }));

    assert.deepEqual(await network.arpAnswers(VIP, 3), [DIRECTOR_MAC, DIRECTOR_MAC, DIRECTOR_MAC]);
    const upload = `${network.folder}/upload`;
    await Deno.writeFile(upload, crypto.getRandomValues(new Uint8Array(60_000)));
    const sent = await network.capture(network.director, KERNEL_ANSWERS, async () => {
      for (let request = 0; request < 10; request++) {
        const { code, stderr } = await network.client.run("curl", [
          "-sSf",
          "-T",
          upload,
          `http://${VIP}/up/x`,
        ]);
        assert.equal(code, 0, stderr);
      }
      const { stdout } = await network.client.run("ping", ["-c", "3", "-i", "0.2", "-W", "5", VIP]);
      assert.match(stdout, /3 received, 0%/);
      assert.doesNotMatch(stdout, /DUP|Redirect/i);
    });
    assert.deepEqual(sent, []);

    const dropped = await network.director.require("nft", ["list", "table", "netdev", "lvsdr_director_eth0"]);
    assert.match(dropped, /ip daddr @vips counter packets [1-9]/, "the guard is what keeps it out");
    await director.process.stop();
    assert.equal(await network.hostState(), before);
  });
}

Deno.test(`all servers down: the client is refused at once and status says so${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const [server] = network.servers;
  await network.stopWeb(server!);
  const director = await network.spawnDirector(configText({ servers: [[21, 1]] }));
  assert.equal(await director.logged("service.unavailable"), "No real server of web can be used");

  const told = await network.capture(network.client, "icmp[icmptype] == icmp-unreach", async () => {
    const { code, stderr } = await network.client.run("curl", ["-sSv", "--max-time", "60", `http://${VIP}/`]);
    assert.equal(code, 7, stderr);
    assert.match(stderr, /refused/i);
  });
  assert.match(
    told.join("\n"),
    new RegExp(`${DIRECTOR_MAC} > .* ${VIP} > 192.0.2.100: ICMP ${VIP} tcp port 80 unreach`),
  );
  const status = await lvsdrStatus(network);
  assert.equal(status.code, 1);
  assert.match(status.stdout, /192\.0\.2\.21 +down/);

  await network.startWeb(server!);
  await director.logged("service.available");
  assert.equal(await network.request(), "rs1 192.0.2.100");
  assert.equal((await lvsdrStatus(network)).code, 0);
});

async function lvsdrStatus(network: DirectorNetwork): Promise<{ code: number; stdout: string }> {
  const [program, ...args] = selfCommand(["status", "--run-dir", network.runDir]);
  return await network.director.run(program, args);
}
