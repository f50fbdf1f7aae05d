import assert from "node:assert/strict";
import type { Process } from "../../lab/namespace.ts";
import { configText, DirectorNetwork, obstacle, until, VIP } from "./director_network.ts";
import { fileHash, SlowDownload, SlowUpload } from "./slow_transfer.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const CONFIG = configText({ servers: [[21, 1], [22, 1]] });

/** What a director that has ended leaves in its run directory. */
const KEPT_FILES = ["connections", "director.sock.lock", "hash_key"];

function runFiles(network: DirectorNetwork): string[] {
  return [...Deno.readDirSync(network.runDir)].map(({ name }) => name).toSorted();
}

/** What nft(8) sees change in the director's rules. */
class NftMonitor {
  readonly #file: string;
  readonly #network: DirectorNetwork;
  readonly #process: Process;

  private constructor(network: DirectorNetwork, file: string) {
    this.#network = network;
    this.#file = file;
    this.#process = network.director.spawn("stdbuf", ["-oL", "nft", "monitor"], { logFile: file });
  }

  /** Returns when changes are seen. */
  static async start(network: DirectorNetwork): Promise<NftMonitor> {
    const monitor = new NftMonitor(network, `${network.folder}/monitor`);
    await until("nft monitor sees changes", () => monitor.#sees("begin"));
    return monitor;
  }

  /** Ends it and returns each transaction since the start as text. */
  async stop(): Promise<string[]> {
    await until("nft monitor has seen everything", () => this.#sees("end"));
    await this.#process.stop();
    const text = await Deno.readTextFile(this.#file);
    return text.split(/^# new generation.*$/m).filter((transaction) =>
      transaction.includes("lvsdr_director")
    );
  }

  async #sees(table: string): Promise<boolean> {
    const script = `nft add table ip ${table}; nft delete table ip ${table}`;
    await this.#network.director.require("sh", ["-ec", script]);
    return (await Deno.readTextFile(this.#file).catch(() => "")).includes(`delete table ip ${table}`);
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} leaves the host as it was${needing}`, { ignore }, async () => {
    await using network = await DirectorNetwork.create();
    const before = await network.hostState();
    const director = await network.startDirector(CONFIG);
    await network.request();
    assert.notEqual(await network.hostState(), before, "there is something to put back");

    director.process.signal(signal);
    assert.equal((await director.process.ended).code, 0);
    assert.equal(await network.hostState(), before);
    assert.deepEqual(runFiles(network), KEPT_FILES);
    assert.deepEqual(await network.arpAnswers(VIP, 1), []);
  });
}

Deno.test(`signals during the start and further ones during the stop leave the host as it was${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const before = await network.hostState();
  const director = await network.spawnDirector(configText({ servers: [[21, 1]] }));
  const hasGuard = async () => (await network.director.require("nft", ["list", "tables"])) !== "";
  await until("the guard is there", hasGuard);
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) director.process.signal(signal);
  await until("the guard is gone", async () => {
    director.process.signal("SIGINT");
    return director.process.hasEnded || !await hasGuard();
  });
  const { code, signal } = await director.process.ended;
  assert.deepEqual([code, signal], [0, null]);
  assert.equal(await network.hostState(), before);
  assert.deepEqual(runFiles(network), KEPT_FILES);
});

Deno.test(`after kill -9 the next start adopts connections and rules, and a stop leaves nothing${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create();
  // Without the guard this kernel would reset the connections that are to go on.
  await network.director.ip([`addr add ${VIP}/32 dev eth0`]);
  const before = await network.hostState();
  const file = `${network.folder}/file`;
  await network.client.require("sh", ["-c", `head -c 40M /dev/urandom >${file}`]);
  const first = await network.startDirector(CONFIG);
  const upload = new SlowUpload(network.client, `http://${VIP}/up/file`);
  const download = new SlowDownload(network.client, `http://${VIP}/files/file`);
  await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));
  await download.receive(4_000_000);
  const rules = () => network.director.require("nft", ["-s", "list", "ruleset"]);
  const rulesBefore = await rules();

  first.process.signal("SIGKILL");
  await first.process.ended;
  assert.equal(await rules(), rulesBefore, "the guard outlives a crash");
  await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));

  const monitor = await NftMonitor.start(network);
  const second = await network.startDirector(CONFIG);
  const transactions = await monitor.stop();
  assert.deepEqual(transactions.length, 1, `no moment without a guard: ${transactions}`);
  assert.match(
    transactions[0]!,
    /delete table netdev lvsdr_director_eth0[^]*create table netdev lvsdr_director_eth0/,
  );
  assert.match(await second.logged("connections.adopted"), /^\d+ connections of an earlier run go on$/);
  assert.equal(await rules(), rulesBefore, "rules are there once");
  await upload.send(crypto.getRandomValues(new Uint8Array(60_000)));
  assert.equal(await download.finish(), await fileHash(file));
  const sent = await upload.finish();
  const stored = network.servers.map(({ uploads }) => fileHash(`${uploads}/file`).catch(() => null));
  assert((await Promise.all(stored)).includes(sent));

  assert.equal((await second.process.stop()).code, 0);
  assert.equal(await network.hostState(), before);
  assert.deepEqual(runFiles(network), KEPT_FILES);
});

Deno.test(`an interface that vanishes ends the director with its reason and nothing left behind${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const director = await network.startDirector(configText({ servers: [[21, 1]] }));
  await network.director.ip(["link delete eth0"]);
  const { code } = await director.process.ended;
  assert.notEqual(code, 0);
  assert.match(await director.logged("datapath.fault"), /eth0/);
  assert.equal(await network.director.require("nft", ["list", "ruleset"]), "");
  assert.deepEqual(runFiles(network), KEPT_FILES);
});
