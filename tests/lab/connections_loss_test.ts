import assert from "node:assert/strict";
import { compile, HeldConnections } from "./connections_client.ts";
import {
  framesOf,
  HEALTH,
  obstacle,
  RealCluster,
  serverOf,
  type ServiceInput,
  tally,
  VIP,
} from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Long enough for an answer of this network, if there is one. */
const SILENCE_MS = 1_500;
const CONNECTIONS = 30;

const lossPorts = { reset: 8000, move: 8001, drop: 8002 } as const;
type Loss = keyof typeof lossPorts;
const LOSSES = Object.keys(lossPorts) as Loss[];

/** One service for each way to lose a server. */
function services(servers: ServiceInput["servers"]): ServiceInput[] {
  return LOSSES.map((loss) => ({
    name: loss,
    vip: VIP,
    port: lossPorts[loss],
    scheduler: "rr",
    on_server_loss: loss,
    health: HEALTH,
    servers,
  }));
}

Deno.test(`connections of a lost server end as on_server_loss says${needing}`, { ignore }, async (t) => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const program = await compile(cluster, "connections_client");
  const lost = cluster.realServers[0]!;
  await cluster.startDirector(services(cluster.servers()));
  const open = (loss: Loss, count: number) =>
    HeldConnections.open(cluster, program, count, { port: lossPorts[loss] });
  /** What each connection is to come to: those of the lost server `word`, the others go on. */
  const expected = (held: HeldConnections, word: string) =>
    held.first.map((server) => server === lost.name ? word : server);
  const lose = async () => {
    await cluster.setHealthy(lost, false);
    await cluster.untilStatus(
      "rs1 is down",
      (snapshot) => LOSSES.every((loss) => serverOf(snapshot, loss, lost).state === "down"),
    );
  };
  const recover = async () => {
    await cluster.setHealthy(lost, true);
    await cluster.untilStatus(
      "rs1 is up",
      (snapshot) => LOSSES.every((loss) => serverOf(snapshot, loss, lost).state === "up"),
    );
  };

  await t.step("reset: a failed server's clients learn it with their next packet", async () => {
    await using held = await open("reset", CONNECTIONS);
    assert.deepEqual(tally(held.first), { rs1: CONNECTIONS / 2, rs2: CONNECTIONS / 2 });
    await lose();
    assert.deepEqual(await held.ask(), expected(held, "reset"));
    // They can connect again at once.
    await using again = await open("reset", 2);
    assert.deepEqual(again.first, ["rs2", "rs2"]);
    await recover();
  });

  await t.step("move: another server gets the packet, and refuses what it never opened", async () => {
    await using held = await open("move", CONNECTIONS);
    await lose();
    assert.deepEqual(await held.ask(), expected(held, "reset"));
    await cluster.untilStatus(
      "rs2 has the connections of rs1",
      (snapshot) => serverOf(snapshot, "move", cluster.realServers[1]!).connections === CONNECTIONS,
    );
    await recover();
  });

  await t.step("drop: silence, and the connection goes on when the server comes back", async () => {
    await using held = await open("drop", 2);
    assert.deepEqual(held.first.toSorted(), ["rs1", "rs2"]);
    await lose();
    const before = framesOf(await cluster.status(), "dropped_server_lost");
    assert.deepEqual(await held.ask(SILENCE_MS), expected(held, "silent"));
    await cluster.untilStatus(
      "packets are dropped",
      (snapshot) => framesOf(snapshot, "dropped_server_lost") > before,
    );
    await recover();
    assert.deepEqual(await held.ask(), held.first);
  });

  await t.step("the same when the server is removed from the configuration", async () => {
    await using reset = await open("reset", CONNECTIONS);
    await using move = await open("move", CONNECTIONS);
    await using drop = await open("drop", 2);
    await cluster.reload(services(cluster.servers().slice(1)));
    assert.deepEqual(await reset.ask(), expected(reset, "reset"));
    assert.deepEqual(await move.ask(), expected(move, "reset"));
    assert.deepEqual(await drop.ask(SILENCE_MS), expected(drop, "silent"));
    await cluster.reload(services(cluster.servers()));
    assert.deepEqual(await drop.ask(), drop.first);
  });
});

Deno.test(`a client packet without a connection ends as unknown says${needing}`, { ignore }, async (t) => {
  await using cluster = await RealCluster.create({ realServers: 3 });
  const program = await compile(cluster, "connections_client");
  const shared = { vip: VIP, scheduler: "mh", servers: cluster.servers() } as const;
  const ports = { reset: 8000, drop: 8001, schedule: 8002 } as const;
  const unknowns = Object.keys(ports) as (keyof typeof ports)[];
  const config = unknowns.map((unknown): ServiceInput => ({
    ...shared,
    name: unknown,
    port: ports[unknown],
    unknown,
  }));
  await cluster.startDirector(config);
  await using reset = await HeldConnections.open(cluster, program, 3, { port: ports.reset });
  await using drop = await HeldConnections.open(cluster, program, 1, { port: ports.drop });
  await using schedule = await HeldConnections.open(cluster, program, 3, { port: ports.schedule });
  await cluster.endDirector("SIGKILL");
  await Deno.remove(`${cluster.runDir}/connections`);
  await cluster.startDirector(config);

  await t.step("reset: it is refused at once", async () => {
    assert.deepEqual(await reset.ask(), ["reset", "reset", "reset"]);
  });
  await t.step("drop: it is not answered", async () => {
    assert.deepEqual(await drop.ask(SILENCE_MS), ["silent"]);
    const dropped = framesOf(await cluster.status(), "dropped_no_connection");
    assert.ok(dropped > 0);
  });
  await t.step("schedule: with mh the same server goes on with it", async () => {
    assert.deepEqual(await schedule.ask(), schedule.first);
  });
});
