import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { requireCommand } from "../../host/command.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, until, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const PORT = "7000";
const PROGRAM = [
  Deno.execPath(),
  "run",
  "-q",
  "-A",
  fileURLToPath(import.meta.resolve("./datagrams.ts")),
] as const;

Deno.test(`UDP arrives whole, in however many pieces and whatever order${needing}`, { ignore }, async (t) => {
  await using network = await DirectorNetwork.create(2);
  for (const { namespace, name } of network.servers) {
    network.start(namespace, ...PROGRAM, "serve", VIP, PORT);
    await until(
      `the server of ${name} listens`,
      async () => (await namespace.require("ss", ["-Huln"])).includes(`${VIP}:${PORT}`),
    );
  }
  const director = await network.startDirector(configText({
    scheduler: "rr",
    settings: ["protocol: udp", `port: ${PORT}`],
    servers: [[21, 1], [22, 1]],
  }));
  const ask = async (...words: string[]) => {
    const { code, stderr } = await network.client.run("timeout", ["20", ...PROGRAM, ...words]);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
  };
  const frames = async (verdict: string) =>
    (await director.status())!.verdicts.find(({ name }) => name === verdict)!.frames;
  const capture = `${network.folder}/arrived.pcap`;
  // Room for the longest frame there is would leave room for few of them.
  const options = ["-i", "eth0", "-U", "--immediate-mode", "-B", "8192", "-s", "2000"];
  const tcpdumps = network.servers.map(({ namespace, name }) =>
    network.start(namespace, "tcpdump", ...options, "-w", `${capture}-${name}`, "udp")
  );
  for (const { name } of network.servers) {
    await until(
      "tcpdump listens",
      async () => (await Deno.stat(`${capture}-${name}`).catch(() => null)) !== null,
    );
  }

  await t.step("8 kB in the order of its sender's kernel", async () => {
    await ask("ask", VIP, PORT, "8192");
    assert.equal(await until("all are counted", async () => (await frames("forwarded")) >= 6 && 6), 6);
  });
  await t.step("8 kB and 60 kB in reverse order, as the same connection", async () => {
    await ask("ask-reversed", DIRECTOR_MAC, VIP, PORT, "8192");
    await ask("ask-reversed", DIRECTOR_MAC, VIP, PORT, "60000");
    const { services } = await director.waitFor(
      "all are counted",
      ({ verdicts }) => verdicts.find(({ name }) => name === "forwarded")!.frames >= 6 + 6 + 41,
    );
    assert.equal(services[0]!.connections, 1);
    assert.deepEqual([await frames("dropped_fragment"), await frames("forwarded")], [0, 53]);
  });
  await t.step('1,504 bytes, more than the director may send, without "don\'t fragment"', async () => {
    const wires = network.director.name.replace(/director$/, "w");
    for (const port of ["client", "director"]) {
      await requireCommand("ip", ["-n", wires, "link", "set", port, "mtu", "1504"]);
    }
    await network.client.ip(["link set eth0 mtu 1504"]);
    await network.client.setSysctls({ "net.ipv4.ip_no_pmtu_disc": 1 });
    await ask("ask", VIP, PORT, "1476");
    await until("it was cut", async () => (await frames("forwarded_in_fragments")) === 1);
  });
  await t.step("and with it once the sender has been told", async () => {
    await network.client.setSysctls({ "net.ipv4.ip_no_pmtu_disc": 0 });
    const lost = await network.client.run("timeout", ["2", ...PROGRAM, "ask", VIP, PORT, "1476"]);
    assert.notEqual(lost.code, 0);
    assert.equal(await until("it was answered", async () => (await frames("answered_too_big")) || null), 1);
    assert.match(await network.client.require("ip", ["route", "get", VIP]), /mtu 1500/);
    await ask("ask", VIP, PORT, "1476");
  });
  await t.step("with nothing that tshark objects to", async () => {
    await Promise.all(tcpdumps.map((process) => process.stop()));
    const fields = ["-T", "fields", "-e", "frame.number", "-e", "udp.length"];
    const checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
    const dissect = async (filter: string) => {
      const found = await Promise.all(
        network.servers.map(({ name }) =>
          requireCommand("tshark", ["-r", `${capture}-${name}`, ...checks, "-Y", filter, ...fields])
        ),
      );
      return found.join("").split("\n").filter((line) => line !== "");
    };
    const toVip = `ip.dst == ${VIP}`;
    assert.deepEqual(await dissect(`${toVip} && (_ws.malformed || _ws.expert.severity >= "warning")`), []);
    assert.deepEqual(await dissect(`${toVip} && (ip.checksum.status != 1 || udp.checksum.status == 0)`), []);
    const whole = (await dissect(`${toVip} && udp`)).map((line) => Number(line.split("\t")[1]) - 8);
    assert.deepEqual(whole.toSorted((one, other) => one - other), [1476, 1476, 8192, 8192, 60_000]);
  });
});
