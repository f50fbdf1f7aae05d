import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { selfCommand } from "../../lab/self_command.ts";
import type { LabHost } from "../../lab/topology.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { compile, HeldConnections } from "./connections_client.ts";
import {
  CLIENT,
  CLIENT_OF_OTHER_NETWORK,
  obstacle,
  RealCluster,
  type ServiceInput,
  serviceOf,
  VIP,
} from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const UPLOADS = 200;
const UPLOADS_OF_MH = 50;
const UPLOAD_BYTES = 256 * 1024;
/** Each upload lasts some seconds: long enough for a director to die and come back in the middle of it. */
const BYTES_PER_SECOND = "48k";
const PORT = 80;

/** Starts the server that answers an upload with its SHA-256 on every real server. */
async function startUploadServers(cluster: RealCluster): Promise<void> {
  await Promise.all(cluster.realServers.map(async (server) => {
    const [program, ...args] = selfCommand([
      ...["lab-server", "--name", server.name, "--address", "0.0.0.0", "--port", String(PORT)],
    ]);
    cluster.spawn(server, program, args);
    const probe = ["--silent", "--fail", `http://${server.address}:${PORT}/healthz`];
    await cluster.until(
      `${server.name} serves`,
      async () => (await server.namespace.run("curl", probe)).code === 0,
    );
  }));
}

/** Uploads at the same time, one connection each; returns the answer to each. */
function upload(client: LabHost, file: string, count = UPLOADS): Promise<string> {
  return client.namespace.require("curl", [
    ...["--silent", "--show-error", "--fail", "--interface", CLIENT, "--limit-rate", BYTES_PER_SECOND],
    ...["--parallel", "--parallel-immediate", "--parallel-max", String(count), "--header", "Expect:"],
    ...Array.from({ length: count }, () => ["--upload-file", file, `http://${VIP}:${PORT}/sha256`]).flat(),
  ]);
}

function activeOf(snapshot: StatusSnapshot): number {
  return serviceOf(snapshot, "web").servers.reduce(
    (sum, { activeConnections }) => sum + activeConnections,
    0,
  );
}

const web = (servers: ServiceInput["servers"], settings: Partial<ServiceInput> = {}): ServiceInput => ({
  name: "web",
  vip: VIP,
  port: PORT,
  scheduler: "rr",
  servers,
  ...settings,
});

Deno.test(
  `${UPLOADS} uploads survive kill -9 of the director, also under a changed configuration${needing}`,
  {
    ignore,
  },
  async (t) => {
    await using cluster = await RealCluster.create({ web: false });
    await startUploadServers(cluster);
    const content = new Uint8Array(UPLOAD_BYTES);
    for (let at = 0; at < UPLOAD_BYTES; at += 65_536) {
      crypto.getRandomValues(content.subarray(at, at + 65_536));
    }
    const file = cluster.file("upload");
    await Deno.writeFile(file, content);
    const expected = `${createHash("sha256").update(content).digest("hex")} ${UPLOAD_BYTES}`;
    await cluster.startDirector([web(cluster.servers())]);

    /** Kills the director in the middle of uploads, starts another one, and looks at what the uploads came to. */
    const interrupt = async (
      services: readonly ServiceInput[],
      count = UPLOADS,
      whileDead = async () => {},
    ) => {
      const uploads = upload(cluster.client, file, count);
      await cluster.untilStatus("all uploads are under way", (snapshot) => activeOf(snapshot) >= count);
      await cluster.endDirector("SIGKILL");
      await whileDead();
      await cluster.startDirector(services);
      const { events } = await cluster.status();
      const answers = (await uploads).trim().split("\n");
      assert.equal(answers.length, count);
      assert.deepEqual([...new Set(answers)], [expected]);
      const adopted = events.find(({ name }) => name === "connections.adopted")?.message;
      return adopted === undefined ? 0 : Number.parseInt(adopted);
    };

    await t.step("under the same configuration", async () => {
      assert.ok(await interrupt([web(cluster.servers())]) >= UPLOADS);
    });

    const changed = [
      { ...web(cluster.servers()), name: "other", port: 8000, health: "none" as const },
      web(cluster.servers({ weight: 5 }).toReversed(), { scheduler: "mh", scheduler_options: ["mh-port"] }),
    ];
    await t.step("under another one: order, weights, scheduler and one more service", async () => {
      assert.ok(await interrupt(changed) >= UPLOADS);
    });

    await t.step("and without the connection table, if the scheduler is mh", async () => {
      const forget = () => Deno.remove(`${cluster.runDir}/connections`);
      assert.equal(await interrupt(changed, UPLOADS_OF_MH, forget), 0);
    });
  },
);

Deno.test(`a template is not held by connections that ended while no director ran${needing}`, {
  ignore,
}, async () => {
  await using cluster = await RealCluster.create({ realServers: 1 });
  const program = await compile(cluster, "connections_client");
  const services = [web(cluster.servers(), {
    persistence: { timeout: "8s" },
    timeouts: { established: "500ms", fin: "100ms" },
  })];
  const used = (entries: number) => ({ connectionTable }: StatusSnapshot) => connectionTable.used === entries;
  await cluster.startDirector(services);
  await using held = await HeldConnections.open(cluster, program, 3);
  assert.deepEqual(held.first, ["rs1", "rs1", "rs1"]);
  await cluster.untilStatus("the template is there", ({ connectionTable }) => connectionTable.used > 0);
  await cluster.endDirector("SIGKILL");
  await cluster.startDirector(services);
  await cluster.untilStatus("the template alone is left", used(1));
  await cluster.untilStatus("the template is forgotten", used(0));
});

Deno.test(`what a restart finds of servers that are gone follows on_server_loss${needing}`, {
  ignore,
}, async () => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const program = await compile(cluster, "connections_client");
  await cluster.startDirector([web(cluster.servers())]);
  await using held = await HeldConnections.open(cluster, program, 10);
  await cluster.endDirector("SIGKILL");
  await cluster.startDirector([web(cluster.servers().slice(1))]);
  assert.deepEqual(await held.ask(), held.first.map((server) => server === "rs1" ? "reset" : server));
});

Deno.test(`persistence survives kill -9, and a foreign table file is refused${needing}`, {
  ignore,
}, async () => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const persistent = [web(cluster.servers(), { persistence: { timeout: "1h" } })];
  await cluster.startDirector(persistent);
  assert.deepEqual(await cluster.ask(2), ["rs1", "rs1"]);
  assert.deepEqual(await cluster.ask(2, { from: CLIENT_OF_OTHER_NETWORK }), ["rs2", "rs2"]);
  await cluster.endDirector("SIGKILL");
  await cluster.startDirector(persistent);
  assert.deepEqual(await cluster.ask(2, { from: CLIENT_OF_OTHER_NETWORK }), ["rs2", "rs2"]);
  assert.deepEqual(await cluster.ask(2), ["rs1", "rs1"]);

  await cluster.endDirector("SIGKILL");
  await Deno.writeFile(`${cluster.runDir}/connections`, crypto.getRandomValues(new Uint8Array(8192)));
  await cluster.startDirector(persistent);
  assert.match(cluster.directorLog, /connections\.refused: .*it is not a connection table/);
  // It forgot everybody, and works.
  assert.deepEqual(await cluster.ask(2, { from: CLIENT_OF_OTHER_NETWORK }), ["rs1", "rs1"]);
});
