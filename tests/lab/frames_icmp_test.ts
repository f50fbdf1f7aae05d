import assert from "node:assert/strict";
import { requireCommand } from "../../host/command.ts";
import { configText, DirectorNetwork, obstacle, until, VIP } from "./director_network.ts";
import { HOPS, NARROW_MTU, RoutedClient } from "./routed_client.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const MEGABYTES = 5;

Deno.test(
  `a download through the VIP finds its way through a narrow link${needing}`,
  { ignore },
  async (t) => {
    await using network = await DirectorNetwork.create(2);
    await using far = await RoutedClient.create(network);
    const file = `${network.folder}/random`;
    await requireCommand("sh", ["-c", `head -c ${MEGABYTES}M /dev/urandom >${file}`]);
    const director = await network.startDirector(
      configText({ scheduler: "rr", servers: [[21, 1], [22, 1]] }),
    );
    const copy = `${network.folder}/copy`;
    const download = (seconds: number) =>
      far.namespace.run("curl", ["-sS", "-m", String(seconds), "-o", copy, `http://${VIP}/files/random`]);
    const onServers = async (program: string, ...args: string[]) => {
      for (const { namespace } of network.servers) await namespace.require(program, args);
    };

    await t.step("which it would not if the real server were not told of that link", async () => {
      const rule = ["INPUT", "-p", "icmp", "--icmp-type", "fragmentation-needed", "-j", "DROP"];
      await onServers("iptables", "-A", ...rule);
      assert.equal((await download(3)).code, 28, "curl gives up: nothing arrives");
      await onServers("iptables", "-D", ...rule);
    });

    await t.step("whichever real server it comes from", async () => {
      for (let request = 0; request < 2; request++) {
        const { code, stderr } = await download(60);
        assert.equal(code, 0, stderr);
        await requireCommand("cmp", [file, copy]);
      }
      for (const { namespace, name } of network.servers) {
        const learnt = await namespace.require("ip", ["route", "get", "203.0.113.7", "from", VIP]);
        assert.match(learnt, new RegExp(`mtu ${NARROW_MTU}`), name);
      }
      await until("the errors are counted", async () => {
        const { verdicts } = (await director.status())!;
        return verdicts.find(({ name }) => name === "forwarded_icmp")!.frames >= 2;
      });
    });

    await t.step("which tracepath and ping see as well", async () => {
      const path = await far.namespace.require("tracepath", ["-n", VIP]);
      assert.match(path, new RegExp(`pmtu ${NARROW_MTU}`));
      for (const hop of [...HOPS, VIP]) assert.ok(path.includes(` ${hop} `), path);
      assert.match(path, /reached/);
      const ping = (bytes: number) =>
        far.namespace.run("ping", ["-n", "-c", "1", "-M", "do", "-s", String(bytes), VIP]);
      assert.equal((await ping(NARROW_MTU - 28)).code, 0);
      assert.notEqual((await ping(NARROW_MTU - 27)).code, 0);
    });

    await t.step("and traceroute sees the director as one hop", async () => {
      const hopsOf = async (...args: string[]) => {
        const lines = (await far.namespace.require("traceroute", ["-n", "-q", "1", ...args, VIP])).split(
          "\n",
        );
        return lines.slice(1).filter((line) => line !== "").map((line) => line.trim().split(/\s+/)[1]);
      };
      const reached = await hopsOf("-T", "-p", "80");
      assert.deepEqual(reached.slice(0, 3), [...HOPS, VIP]);
      assert.deepEqual(await hopsOf("-I"), [...HOPS, VIP]);
    });
  },
);
