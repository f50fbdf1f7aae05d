import assert from "node:assert/strict";
import { roleCommand } from "../../realserver/role_command.ts";
import type { RealServerOptions } from "../../realserver/options.ts";

const CHECK: RealServerOptions = {
  ...{ config: null, vips: [], ports: [], protocol: null, method: "auto", interface: null },
  ...{ once: false, check: true, print: false, undo: false, noRepair: false, json: false },
  runDir: "/run/lvsdr",
};

Deno.test("roleCommand() repeats every argument that says what the host must be, and no mode", () => {
  const cases: readonly (readonly [Partial<RealServerOptions>, string])[] = [
    [{ vips: ["192.0.2.10", "2001:db8::10"] }, "--vip 192.0.2.10 --vip 2001:db8::10"],
    [{ config: "/etc/my cluster.yaml" }, "-c '/etc/my cluster.yaml'"],
    [
      {
        vips: ["192.0.2.10"],
        ports: [{ port: 53, localPort: null }, { port: 80, localPort: 8080 }],
        protocol: "udp",
        method: "redirect",
        interface: "eth0.100",
      },
      "--vip 192.0.2.10 --port 53 --port 80:8080 --protocol udp --method redirect --interface eth0.100",
    ],
  ];
  for (const [changes, words] of cases) {
    assert.equal(roleCommand({ ...CHECK, ...changes }), `lvsdr realserver ${words} --run-dir /run/lvsdr`);
  }
});
