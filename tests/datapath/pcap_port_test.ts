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

Deno.test(
  `PcapPort receives tagged frames of every length whole${ignore ? " (skipped: needs root)" : ""}`,
  { ignore },
  async () => {
    await using sender = await Namespace.create(`lvpl${Deno.pid}`);
    await connect({ namespace: sender, interface: "lvs0" }, { namespace: sender, interface: "lvr0" });
    for (const device of ["lvs0", "lvr0"]) await sender.ip([`link set ${device} mtu 9000`]);
    const script = new URL("./port_lengths.ts", import.meta.url).pathname;
    const received = JSON.parse(await sender.require(Deno.execPath(), ["run", "-q", "-A", script]));
    assert.deepEqual(received, Array.from({ length: 40 }, (_, index) => 1_514 + index));
  },
);

Deno.test(
  `PcapPort.setFilter() loses no frame where nothing changes${ignore ? " (skipped: needs root)" : ""}`,
  { ignore },
  async () => {
    await using sender = await Namespace.create(`lvpf${Deno.pid}`);
    await connect({ namespace: sender, interface: "lvs0" }, { namespace: sender, interface: "lvr0" });
    const script = new URL("./port_filter.ts", import.meta.url).pathname;
    const report = JSON.parse(await sender.require(Deno.execPath(), ["run", "-q", "-A", script]));
    assert.deepEqual(report, { sent: 48_000, accounted: 48_000 });
  },
);
