import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { steeringFor, workerOf } from "../../datapath/steering.ts";
import { requireCommand } from "../../host/command.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { addressWords } from "../../model/ip_address.ts";
import { compile, HeldConnections } from "./connections_client.ts";
import { CLIENT_ADDRESS, configText, DIRECTOR_MAC, DirectorNetwork, until } from "./director_network.ts";
import { INTERFACE, obstacle, RealCluster, type ServiceInput, VIP } from "./real_cluster.ts";
import { FAR_ADDRESS, HOPS, RoutedClient } from "./routed_client.ts";

const missing = obstacle ?? (navigator.hardwareConcurrency > 1 ? null : "needs two CPUs");
const ignore = missing !== null;
const needing = missing === null ? "" : ` (skipped: ${missing})`;

/** Real clients, one address each: three of each of twenty networks. */
const NETWORKS = Array.from({ length: 20 }, (_, network) => `10.7.${network}`);
const CLIENTS = NETWORKS.flatMap((network) => [1, 2, 3].map((host) => `${network}.${host}`));
const LIMIT = 8;

Deno.test(`several workers are one director${needing}`, { ignore }, async (t) => {
  await using cluster = await RealCluster.create({ realServers: 3 });
  const program = await compile(cluster, "connections_client");
  await cluster.client.namespace.ip(CLIENTS.map((address) => `addr add ${address}/32 dev ${INTERFACE}`));
  const service = (port: number, settings: Partial<ServiceInput> = {}): ServiceInput => ({
    name: `port-${port}`,
    vip: VIP,
    port,
    scheduler: "lc",
    servers: cluster.servers(),
    ...settings,
  });
  const limited = service(8001, { servers: cluster.servers({ max_connections: LIMIT }) });
  const sharing = service(8002, { scheduler: "rr", persistence: { timeout: "1h", netmask: 24 } });
  const services = [service(80), limited];
  const start = (workers: number, others: readonly ServiceInput[] = []) =>
    cluster.startDirector([...services, ...others], { director: { workers } });
  const process = await cluster.startDirector(services, { director: { workers: 2, cpus: [1, 0] } });

  await using held = await HeldConnections.open(cluster, program, 1, { from: CLIENTS });
  await t.step("that gives every connection to the server with the fewest of all", () => {
    assert.deepEqual(held.first, CLIENTS.map((_, client) => `rs${client % 3 + 1}`));
  });

  await t.step("and to each of them a part of the clients", async () => {
    const { connectionTable } = await cluster.untilStatus(
      "all are counted",
      ({ connectionTable }) => connectionTable.used === CLIENTS.length,
    );
    const { datapath } = await cluster.status();
    assert.deepEqual(datapath.workers.map(({ cpu }) => cpu), [1, 0]);
    assert.equal(sumOf(datapath.workers, "connections"), connectionTable.used);
    for (const { connections, frames } of datapath.workers) {
      assert.ok(connections >= 10 && frames >= 3 * connections, JSON.stringify(datapath.workers));
    }
  });

  await t.step("whose threads run on the CPUs they were given", async () => {
    const allowed = await cpusOfThreads(process.pid);
    assert.deepEqual(["0", "1"].map((cpu) => allowed.filter((cpus) => cpus === cpu).length), [1, 1]);
  });

  await t.step("that keeps to the limit of a server", async () => {
    await using crowd = await HeldConnections.open(cluster, program, 1, { port: 8001, from: CLIENTS });
    const served = crowd.first.filter((outcome) => outcome.startsWith("rs"));
    assert.equal(served.length, 3 * LIMIT, crowd.first.join(" "));
    assert.ok(crowd.first.slice(3 * LIMIT).every((outcome) => outcome === "refused"), crowd.first.join(" "));
  });

  await t.step("that knows whose a client is when the interface has been down", async () => {
    await cluster.director.namespace.ip([`link set ${INTERFACE} down`, `link set ${INTERFACE} up`]);
    assert.deepEqual(await held.ask(), held.first);
  });

  for (const workers of [1, 3]) {
    await t.step(`whose connections survive kill -9 and a start with ${workers} workers`, async () => {
      await cluster.endDirector("SIGKILL");
      await start(workers);
      assert.deepEqual(await held.ask(), held.first);
      const { datapath } = await cluster.status();
      assert.equal(datapath.workers.length, workers);
    });
  }

  await t.step("that ends without telling anybody that his connection is gone", async () => {
    let hasEnded = false;
    const asking = (async () => {
      while (!hasEnded) assert.deepEqual(await held.ask(), held.first);
    })();
    await cluster.endDirector();
    hasEnded = true;
    await start(2, [sharing]);
    await asking;
  });

  await t.step("and that keeps the clients of a network together that share a template", async () => {
    await using crowd = await HeldConnections.open(cluster, program, 1, { port: 8002, from: CLIENTS });
    NETWORKS.forEach((network, index) => {
      const answers = new Set(crowd.first.slice(3 * index, 3 * index + 3));
      assert.equal(answers.size, 1, `${network}.0/24 was answered by ${[...answers]}`);
    });
    const { datapath } = await cluster.status();
    for (const { connections } of datapath.workers) assert.ok(connections > 0);
  });
});

Deno.test(`fragments and ICMP errors find the worker of their client${needing}`, { ignore }, async (t) => {
  await using network = await DirectorNetwork.create(2);
  await using far = await RoutedClient.create(network);
  const file = `${network.folder}/random`;
  await requireCommand("sh", ["-c", `head -c 2M /dev/urandom >${file}`]);
  await t.step(
    "not, if one of them cannot have its CPU: then none starts, and nothing stays behind",
    async () => {
      const config = `director: { workers: 2, cpus: [0, 1023] }\n${configText({ servers: [[21, 1]] })}`;
      const { code, stderr } = await network.runDirector(config);
      assert.equal(code, 69, stderr);
      assert.match(stderr, /Cannot bind a worker to CPU 1023/);
      const left = [...Deno.readDirSync(network.runDir)].map(({ name }) => name);
      assert.deepEqual(left.filter((name) => name.startsWith("connections")), []);
    },
  );

  const hashKey = keyThatParts(FAR_ADDRESS, [...HOPS, CLIENT_ADDRESS]);
  const director = await network.startDirector(
    `director: { workers: 2, hash_key: "${hashKey}" }\n` +
      configText(
        { scheduler: "rr", servers: [[21, 1], [22, 1]] },
        {
          name: "echo",
          scheduler: "rr",
          settings: ["protocol: udp", "port: 7000"],
          servers: [[21, 1], [22, 1]],
        },
      ),
  );

  await t.step("a download through a narrow link, whose routers belong to the other worker", async () => {
    for (let request = 0; request < 2; request++) {
      const copy = `${network.folder}/copy`;
      await far.namespace.require("curl", [
        ...["-sS", "-m", "20", "-o", copy, `http://${VIP}/files/random`],
      ]);
      await requireCommand("cmp", [file, copy]);
    }
    const { verdicts } = await director.waitFor(
      "the errors are counted",
      ({ verdicts }) => framesOf(verdicts, "forwarded_icmp") >= 2,
    );
    assert.equal(framesOf(verdicts, "dropped_unrelated_icmp"), 0);
  });

  await t.step("8 kB of UDP in pieces, in either order", async () => {
    const script = fileURLToPath(import.meta.resolve("./datagrams.ts"));
    const deno = [Deno.execPath(), "run", "-q", "-A", script];
    for (const { namespace, name } of network.servers) {
      network.start(namespace, deno[0]!, ...deno.slice(1), "serve", VIP, "7000");
      await until(
        `the server of ${name} listens`,
        async () => (await namespace.require("ss", ["-Huln"])).includes(`${VIP}:7000`),
      );
    }
    for (const words of [["ask"], ["ask-reversed", DIRECTOR_MAC]]) {
      await network.client.require("timeout", ["20", ...deno, ...words, VIP, "7000", "8192"]);
    }
  });

  await t.step("while both workers have something to do", async () => {
    const status = await director.status();
    for (const { frames } of status!.datapath.workers) assert.ok(frames > 0);
  });
});

function sumOf(workers: StatusSnapshot["datapath"]["workers"], key: "connections" | "frames"): number {
  return workers.reduce((sum, worker) => sum + worker[key], 0);
}

function framesOf(verdicts: StatusSnapshot["verdicts"], name: string): number {
  return verdicts.find((verdict) => verdict.name === name)!.frames;
}

/** CPUs each thread of a process may run on. */
async function cpusOfThreads(pid: number): Promise<string[]> {
  const script = `cat /proc/${pid}/task/*/status`;
  const status = await requireCommand("sh", ["-c", script]);
  return [...status.matchAll(/^Cpus_allowed_list:\s*(\S+)/gm)].map(([, cpus]) => cpus!);
}

/** A hash key under which a client belongs to the second of two workers, and each of the others to the first. */
function keyThatParts(client: string, others: readonly string[]): string {
  for (let word = 0x10000000;; word += 0x01234567) {
    const steering = steeringFor(2, [], Uint32Array.of(word));
    const workerOfAddress = (address: string) => workerOf(Uint32Array.from(addressWords(address)), steering);
    if (workerOfAddress(client) === 1 && others.every((other) => workerOfAddress(other) === 0)) {
      return word.toString(16).padStart(8, "0").repeat(4);
    }
  }
}
