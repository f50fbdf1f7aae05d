import assert from "node:assert/strict";
import { connect, Namespace } from "../../lab/namespace.ts";
import { Datapath, type DatapathOptions } from "../../datapath/mod.ts";
import { faultError } from "../../datapath/mod.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { web } from "./cluster.ts";

const isRoot = Deno.uid() === 0;
const needing = isRoot ? "" : " (skipped: needs root)";

Deno.test(`Datapath.start() tells the operator what the host lacks${needing}`, {
  ignore: !isRoot,
}, async () => {
  const directory = await Deno.makeTempDir();
  const options: DatapathOptions = {
    device: "lvsdr-none",
    interfaceIndex: 4_242,
    mac: "00:00:5e:00:53:02",
    mtu: 1_500,
    addresses: [{ address: "192.0.2.2", prefixLength: 24 }],
    uplinks: [],
    tableFile: `${directory}/connections`,
    maxConnections: 1_000,
    bootId: "this",
    hashKey: Uint32Array.of(1, 2, 3, 4),
    workers: 1,
    cpus: null,
    table: { generation: 1, services: [web()] },
  };
  try {
    await assert.rejects(Datapath.start(options, () => {}), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.match(error.message, /lvsdr-none/);
      return true;
    });
    await assert.rejects(Datapath.start({ ...options, cpus: [1_023] }, () => {}), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.match(error.message, /^Cannot bind a worker to CPU 1023: Invalid argument$/);
      assert.match(error.remedy!, /director\.cpus/);
      return true;
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test(`A datapath that cannot start leaves nothing open${needing}`, { ignore: !isRoot }, async () => {
  await using director = await Namespace.create(`lvdf${Deno.pid}`);
  await connect({ namespace: director, interface: "lv0" }, { namespace: director, interface: "lv1" });
  const directory = await Deno.makeTempDir();
  try {
    const script = new URL("./datapath_failing.ts", import.meta.url).pathname;
    const args = ["run", "-q", "-A", script, `${directory}/connections`];
    assert.deepEqual(JSON.parse(await director.require(Deno.execPath(), args)), [0, 0, 0]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test(
  `A datapath starts, takes tables between breaths, lives, stops, and finds its table again${needing}`,
  {
    ignore: !isRoot,
  },
  async () => {
    await using director = await Namespace.create(`lvdp${Deno.pid}-d`);
    await using server = await Namespace.create(`lvdp${Deno.pid}-s`);
    const mac = "00:00:5e:00:53:02";
    await connect({ namespace: director, interface: "lv0", mac }, {
      namespace: server,
      interface: "lv0",
      mac: "00:00:5e:00:53:15",
    });
    await director.ip(["address add 192.0.2.2/24 dev lv0"]);
    await server.ip(["address add 192.0.2.21/24 dev lv0"]);
    const directory = await Deno.makeTempDir();
    try {
      const script = new URL("./datapath_life.ts", import.meta.url).pathname;
      for (const [adoption, workers] of [["fresh", 1], ["adopted", 3], ["adopted", 2]] as const) {
        const args = ["run", "-q", "-A", script, `${directory}/connections`, mac, String(workers)];
        const report = JSON.parse(await director.require(Deno.execPath(), args));
        assert.deepEqual(report, {
          adoption,
          applied: [1, 2, 3],
          learnt: "192.0.2.21",
          mac: "00:00:5e:00:53:15",
          destinationsOfLastTable: 3,
          workers,
          isSilentAfterStop: true,
        });
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);

Deno.test("faultError() gives the operator's errors their exit code and remedy, and the program's their stack", () => {
  const known = faultError({ kind: "fault", message: "No device", remedy: "Plug it in", exitCode: 69 });
  assert.ok(known instanceof OperatorError);
  assert.deepEqual([known.message, known.remedy, known.exitCode], [
    "No device",
    "Plug it in",
    ExitCode.UNAVAILABLE,
  ]);
  const unknown = faultError({ kind: "fault", message: "TypeError: x", remedy: null, exitCode: null });
  assert.ok(!(unknown instanceof OperatorError));
  assert.equal(unknown.message, "The datapath failed: TypeError: x");
});
