import assert from "node:assert/strict";
import { connect, Namespace } from "../../lab/namespace.ts";

const ignore = Deno.uid() !== 0;

Deno.test(
  `PcapPort receives small and merged frames in the order they arrived${
    ignore ? " (skipped: needs root)" : ""
  }`,
  {
    ignore,
  },
  async () => {
    await using sender = await Namespace.create(`lvpo${Deno.pid}`);
    await connect({ namespace: sender, interface: "lvs0", mac: "00:00:5e:00:53:01" }, {
      namespace: sender,
      interface: "lvr0",
      mac: "00:00:5e:00:53:02",
    });
    const script = new URL("./port_order.ts", import.meta.url).pathname;
    const report = JSON.parse(await sender.require(Deno.execPath(), ["run", "-q", "-A", script]));
    assert.deepEqual(report, { sent: 18_000, received: 18_000, overtaken: 0 });
  },
);
