import assert from "node:assert/strict";
import { connect, Namespace } from "../../lab/namespace.ts";
import { HostError } from "../../model/operator_error.ts";
import { obstacle } from "./lab_run.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;
const name = (what: string) => `lvns${Deno.pid}-${what}`;

Deno.test(`connect() lays a cable that carries packets and has the MAC address asked for${needing}`, {
  ignore,
}, async () => {
  await using a = await Namespace.create(name("a"));
  await using b = await Namespace.create(name("b"));
  const mac = "00:00:5e:00:53:aa";
  await connect({ namespace: a, interface: "left", mac }, { namespace: b, interface: "right" });
  await a.ip(["address add 192.0.2.1/24 dev left"]);
  await b.ip(["address add 192.0.2.2/24 dev right"]);
  await b.require("ping", ["-c", "1", "192.0.2.1"]);
  assert.match(await b.ip(["neigh show to 192.0.2.1"]), new RegExp(`lladdr ${mac}`));
});

Deno.test(`Namespace.spawn() gives the program's own pid and Process.stop() ends it${needing}`, {
  ignore,
}, async () => {
  await using namespace = await Namespace.create(name("c"));
  const logFile = await Deno.makeTempFile();
  try {
    const script = 'trap "echo stopped; exit 3" TERM; echo $$; while :; do sleep 0.01; done';
    const process = namespace.spawn("sh", ["-c", script], { logFile });
    while ((await Deno.readTextFile(logFile)) === "") await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal((await process.stop()).code, 3);
    assert.equal(await Deno.readTextFile(logFile), `${process.pid}\nstopped\n`);
    assert.ok(process.hasEnded);
    process.signal("SIGTERM");
  } finally {
    await Deno.remove(logFile);
  }
});

Deno.test(`Namespace.remove() kills what runs inside, and does not mind a name that is gone${needing}`, {
  ignore,
}, async () => {
  const namespace = await Namespace.create(name("d"));
  const process = namespace.spawn("sleep", ["1000"]);
  await Namespace.remove(namespace.name);
  assert.equal((await process.ended).signal, "SIGKILL");
  assert.ok(!(await Namespace.list()).includes(namespace.name));
  await Namespace.remove(namespace.name);
});

Deno.test(
  `Namespace.setSysctls() changes the namespace and not the machine${needing}`,
  { ignore },
  async () => {
    await using namespace = await Namespace.create(name("e"));
    await using neighbor = await Namespace.create(name("f"));
    const read = async (from: Namespace) =>
      (await from.require("cat", ["/proc/sys/net/ipv4/conf/lo/arp_ignore"])).trim();
    const before = await read(neighbor);
    await namespace.setSysctls({ "net.ipv4.conf.lo.arp_ignore": 8 });
    assert.equal(await read(namespace), "8");
    assert.equal(await read(neighbor), before);
  },
);

Deno.test(`Namespace.require() fails with the command and the program's own words${needing}`, {
  ignore,
}, async () => {
  await using namespace = await Namespace.create(name("g"));
  await assert.rejects(
    namespace.require("ip", ["link", "set", "nowhere", "up"]),
    (error) =>
      error instanceof HostError &&
      /ip link set nowhere up" failed: .*Cannot find device/.test(error.message),
  );
});
