import assert from "node:assert/strict";
import { assertConsistent, type RealServerOptions } from "../../realserver/options.ts";

/** What the command line makes of `lvsdr realserver` alone. */
const NOTHING: RealServerOptions = {
  config: null,
  vips: [],
  ports: [],
  protocol: null,
  method: "auto",
  interface: null,
  once: false,
  check: false,
  print: false,
  undo: false,
  noRepair: false,
  json: false,
  runDir: "/run/lvsdr",
};
const WITH_VIP = { ...NOTHING, vips: ["192.0.2.10"] };
const WITH_CONFIG = { ...NOTHING, config: "/etc/lvsdr.yaml" };
const UNDO = { ...NOTHING, undo: true };
const PORTS = [{ port: 80, localPort: 8080 }];

const REFUSED: readonly (readonly [RealServerOptions, RegExp])[] = [
  [NOTHING, /^No VIP is given$/],
  [{ ...WITH_VIP, once: true, check: true }, /^Cannot use --once and --check together$/],
  [{ ...WITH_CONFIG, vips: WITH_VIP.vips }, /^Cannot use --config and --vip together$/],
  [{ ...WITH_CONFIG, ports: PORTS }, /^Cannot use --config and --port together$/],
  [{ ...WITH_CONFIG, protocol: "udp" }, /^Cannot use --protocol without --port$/],
  [{ ...WITH_VIP, protocol: "tcp" }, /^Cannot use --protocol without --port$/],
  [{ ...WITH_VIP, json: true }, /^Cannot use --json without --check or --print$/],
  [{ ...WITH_VIP, json: true, once: true }, /^Cannot use --json without --check or --print$/],
  [{ ...WITH_VIP, noRepair: true, print: true }, /^Cannot use --no-repair and --print together$/],
  [{ ...UNDO, config: "/etc/lvsdr.yaml" }, /^Cannot use --config and --undo together$/],
  [{ ...UNDO, vips: WITH_VIP.vips }, /^Cannot use --vip and --undo together$/],
  [{ ...UNDO, ports: PORTS }, /^Cannot use --port and --undo together$/],
  [{ ...UNDO, protocol: "tcp" }, /^Cannot use --protocol and --undo together$/],
  [{ ...UNDO, method: "nft" }, /^Cannot use --method and --undo together$/],
  [{ ...UNDO, interface: "eth0" }, /^Cannot use --interface and --undo together$/],
  [{ ...UNDO, noRepair: true }, /^Cannot use --no-repair and --undo together$/],
  [{ ...UNDO, json: true }, /^Cannot use --json and --undo together$/],
];

Deno.test("assertConsistent() refuses what has no effect with the usage code", () => {
  for (const [options, message] of REFUSED) {
    assert.throws(() => assertConsistent(options), { exitCode: 64, message });
  }
});

Deno.test("assertConsistent() passes what has", () => {
  const accepted: readonly RealServerOptions[] = [
    UNDO,
    { ...WITH_CONFIG, method: "nft", interface: "eth0", noRepair: true },
    { ...WITH_CONFIG, check: true, json: true },
    { ...WITH_VIP, ports: PORTS, protocol: "udp", method: "redirect", once: true },
    { ...WITH_VIP, print: true, json: true },
  ];
  for (const options of accepted) assertConsistent(options);
});
