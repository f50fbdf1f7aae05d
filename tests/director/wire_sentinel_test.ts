import assert from "node:assert/strict";
import { EventLog } from "../../director/events.ts";
import { foremost, WireSentinel } from "../../director/wire_sentinel.ts";
import type { Alarm } from "../../sentinel/watch_suspect.ts";
import { config } from "./configs.ts";

function alarm(number: number, server: string | null): Alarm {
  return {
    name: server === null ? "stranger" : "vip_answered_by_other",
    vip: "192.0.2.10",
    mac: `02:00:00:00:01:${number.toString(16).padStart(2, "0")}`,
    server,
    isForEverything: false,
    misdeeds: ["answer"],
    leaked: [],
    firstMs: number,
    lastMs: 1_000,
    count: 1,
  };
}

Deno.test("foremost() keeps real servers however many strangers came before them, then the oldest", () => {
  const strangers = Array.from({ length: 80 }, (_, number) => alarm(number, null));
  const servers = [alarm(90, "192.0.2.22"), alarm(81, "192.0.2.21")];
  const kept = foremost([...strangers.toReversed(), ...servers]);
  assert.equal(kept.length, 64);
  assert.deepEqual(kept.slice(0, 2).map(({ server }) => server), ["192.0.2.21", "192.0.2.22"]);
  assert.deepEqual(kept.slice(2), strangers.slice(0, 62));
});

Deno.test("WireSentinel says that nobody watches while the host cannot be looked at, instead of failing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-sentinel-" });
  const path = Deno.env.get("PATH")!;
  try {
    await Deno.writeTextFile(`${folder}/ip`, "#!/bin/sh\necho out of memory >&2; exit 1\n", { mode: 0o755 });
    Deno.env.set("PATH", `${folder}:${path}`);
    const said = Promise.withResolvers<string>();
    await using sentinel = new WireSentinel({
      file: { config: config(), path: "cluster.yaml" },
      events: new EventLog(({ name, message }) => said.resolve(`${name}: ${message}`)),
      announce: () => true,
      onReport: () => {},
    });
    sentinel.open("eth0");
    assert.match(
      await said.promise,
      /^wire\.unwatched: VIPs that nobody watches over: 192\.0\.2\.10, .*: .*out of memory$/,
    );
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});
