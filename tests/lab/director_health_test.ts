import assert from "node:assert/strict";
import { fileHash, SlowUpload } from "./slow_transfer.ts";
import { configText, DirectorNetwork, obstacle, VIP } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

Deno.test(
  `a server that fails gets no new connections until it is back, others keep theirs${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create();
    const director = await network.startDirector(configText({ servers: [[21, 1], [22, 1]] }));

    const upload = new SlowUpload(network.client, `http://${VIP}/up/file`);
    await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));
    const { services } = await director.waitFor(
      "the upload is a connection",
      (status) => status.services[0]!.servers.some(({ activeConnections }) => activeConnections === 1),
    );
    const busy = services[0]!.servers.findIndex(({ activeConnections }) => activeConnections === 1);
    const stays = network.servers[busy]!;
    const fails = network.servers[1 - busy]!;

    await network.stopWeb(fails);
    const stateOf = (address: string, state: string) =>
      director.waitFor(
        `${address} is ${state}`,
        (status) =>
          status.services[0]!.servers.some((server) => server.address === address && server.state === state),
      );
    await stateOf(fails.address, "down");
    assert.equal(
      await director.logged("realserver.down"),
      `web/${fails.address} is down: TCP ${fails.address}:80 refused`,
    );
    for (let request = 0; request < 8; request++) {
      assert.equal(await network.request(), `${stays.name} 192.0.2.100`);
    }

    await network.startWeb(fails);
    const back = await stateOf(fails.address, "up");
    assert.equal(back.events[0]!.name, "realserver.up");
    const answers = new Set([await network.request(), await network.request()]);
    assert.deepEqual([...answers].toSorted(), ["rs1 192.0.2.100", "rs2 192.0.2.100"]);

    await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));
    assert.equal(await upload.finish(), await fileHash(`${stays.uploads}/file`));
    assert.deepEqual(await director.messages("service.unavailable"), []);
  },
);

Deno.test(`a server that returns gets its weight in steps and status shows both weights${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create();
  const [server] = network.servers;
  const settings = [
    "protocol: tcp",
    "port: 80",
    "slow_start: 3s",
    "health: { type: tcp, port: 80, interval: 150ms, timeout: 100ms, rise: 1, fall: 2 }",
  ];
  const director = await network.startDirector(configText({ settings, servers: [[21, 10], [22, 10]] }));
  const weights = async () => (await director.status())!.services[0]!.servers[0]!;
  assert.equal((await weights()).effectiveWeight, 10, "a new server starts with its full weight");

  await network.stopWeb(server!);
  await director.waitFor(
    "no weight",
    ({ services: [service] }) => service!.servers[0]!.effectiveWeight === 0,
  );
  await network.startWeb(server!);
  const seen: number[] = [];
  await director.waitFor("the full weight", ({ services: [service] }) => {
    const { effectiveWeight, weight } = service!.servers[0]!;
    assert.equal(weight, 10);
    if (seen.at(-1) !== effectiveWeight) seen.push(effectiveWeight);
    return effectiveWeight === 10;
  });
  assert.deepEqual(seen, seen.toSorted((one, other) => one - other));
  assert(seen.length >= 4, `in steps: ${seen}`);
});

Deno.test(`status keeps what it knows while many services change at once${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(1);
  const [server] = network.servers;
  const services = Array.from({ length: 40 }, (_, number) => ({
    name: `service-${number}`,
    settings: [
      "protocol: tcp",
      `port: ${number === 0 ? 80 : 8000 + number}`,
      "health: { type: tcp, port: 80, interval: 150ms, timeout: 100ms, rise: 1, fall: 1 }",
    ],
    servers: [[21, 1]] as const,
  }));
  const director = await network.startDirector(configText(...services));
  for (let request = 0; request < 3; request++) await network.request();
  await director.waitFor("the requests are counted", ({ services: [web] }) => web!.connections === 3);

  for (const state of ["down", "up"] as const) {
    await (state === "down" ? network.stopWeb(server!) : network.startWeb(server!));
    for (let isDone = false; !isDone;) {
      const shown = (await director.status())!.services;
      isDone = shown.every(({ servers }) => servers[0]!.state === state);
      assert.equal(shown[0]!.connections, 3);
      for (const { servers: [only] } of shown) {
        assert.deepEqual([only!.mac, only!.state !== "unresolved"], [server!.mac, true]);
      }
    }
  }
  await director.logged("service.available", services.length);
});
