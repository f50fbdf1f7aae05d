import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import { ConfigError } from "../../config/config_error.ts";
import { parseConfig } from "../../config/parse_config.ts";
import { METHODS, type Prefix, SCHEDULER_NAMES } from "../../model/config.ts";
import { addressBits, type AddressFamily, familyOf } from "../../model/ip_address.ts";

const duration = fc.record({ count: fc.integer({ min: 1, max: 100 }), unit: fc.constantFrom("s", "m", "h") });
const durationText = ({ count, unit }: { count: number; unit: string }) => `${count}${unit}`;
const durationMs = ({ count, unit }: { count: number; unit: string }) =>
  count * ({ s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? NaN);

const serverInput = fc.record({
  weight: fc.integer({ min: 0, max: 65_535 }),
  max: fc.integer({ min: 0, max: 64_000_000 }),
  least: fc.nat(),
});

const vlan = fc.option(fc.integer({ min: 1, max: 4_094 }));
const NETWORKS = {
  4: [["0.0.0.0", 0], ["198.51.100.0", 24], ["192.0.2.7", 32]],
  6: [["::", 0], ["2001:db8:1::", 48], ["2001:db8::7", 128]],
} as const;
const prefixes = fc.subarray([0, 1, 2] as const);

const serviceInput = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  vlan,
  serverVlan: fc.option(vlan, { nil: "inherited" as const }),
  allow: prefixes,
  deny: prefixes,
  newConnectionsPerSource: fc.nat({ max: 1_000_000 }),
  isProof: fc.boolean(),
  protocol: fc.constantFrom("tcp", "udp"),
  // Distances between the ends of ranges, so that ranges are sorted and apart.
  steps: fc.array(fc.tuple(fc.integer({ min: 1, max: 99 }), fc.nat({ max: 99 })), {
    minLength: 1,
    maxLength: 20,
  }),
  scheduler: fc.constantFrom(...SCHEDULER_NAMES),
  persistence: fc.option(
    fc.record({ timeout: duration, eighths: fc.option(fc.integer({ min: 1, max: 8 })) }),
  ),
  established: duration,
  onServerLoss: fc.constantFrom("reset", "move", "drop"),
  unknown: fc.constantFrom("reset", "drop", "schedule"),
  slowStart: duration,
  check: fc.record({ port: fc.integer({ min: 1, max: 65_535 }), seconds: fc.integer({ min: 2, max: 99 }) }),
  servers: fc.array(serverInput, { minLength: 1, maxLength: 5 }),
});

const directorInput = fc.record({
  workers: fc.integer({ min: 1, max: 64 }),
  firstCpu: fc.option(fc.nat({ max: 1_023 - 64 })),
  offloads: fc.constantFrom("handle" as const, "disable" as const),
  quarantine: fc.boolean(),
  statusPort: fc.option(fc.integer({ min: 60_000, max: 65_535 })),
});

Deno.test("parseConfig() gives back any valid configuration as it was put in", () => {
  fc.assert(fc.property(
    fc.array(serviceInput, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("auto" as const, ...METHODS),
    directorInput,
    fc.boolean(),
    (services, method, director, isFlow) => {
      fc.pre(method !== "arptables" || services.every(({ family }) => family === 4));
      const { workers, firstCpu, offloads, quarantine, statusPort } = director;
      const cpus = firstCpu === null ? null : Array.from({ length: workers }, (_, i) => firstCpu + i);
      const token = "0123456789abcdef";
      const status = statusPort === null ? null : { port: statusPort, token };
      const ranges = services.map(({ steps }) => {
        let at = 0;
        return steps.map(([gap, length]) => {
          const first = at + gap;
          at = first + length;
          return { first, last: at };
        });
      });
      const address = (family: AddressFamily, network: number, i: number) =>
        family === 4 ? `10.${network}.0.${i + 1}` : `2001:db8:${network + 10}::${i + 1}`;
      const listed = ({ family }: { family: AddressFamily }, prefixes: readonly (0 | 1 | 2)[]) =>
        prefixes.map((i) => NETWORKS[family][i]).map(([address, length]) => ({ address, length }));
      const prefixText = ({ address, length }: Prefix) =>
        length === addressBits(familyOf(address)) ? address : `${address}/${length}`;
      const prefixLength = ({ family, persistence }: typeof services[number]) =>
        addressBits(family) * (persistence?.eighths ?? 8) / 8;
      const serverVlan = (
        { vlan, serverVlan }: { vlan: number | null; serverVlan: number | "inherited" | null },
      ) => serverVlan === "inherited" ? vlan : serverVlan;
      const checkPort = (i: number) =>
        services[i]!.isProof && services[i]!.protocol === "tcp"
          ? ranges[i]!.at(-1)!.last
          : services[i]!.check.port;
      const least = ({ max, least }: { max: number; least: number }) => least % (max + 1);
      const text = stringify({
        director: { workers, offloads, quarantine, ...(cpus === null ? {} : { cpus }) },
        services: services.map((service, i) => ({
          name: `service-${i}`,
          vip: address(service.family, 0, i).toUpperCase(),
          ...(service.vlan === null ? {} : { vlan: service.vlan }),
          ...(service.allow.length === 0 ? {} : { allow: listed(service, service.allow).map(prefixText) }),
          deny: listed(service, service.deny).map(prefixText),
          new_connections_per_source: service.newConnectionsPerSource,
          protocol: service.protocol,
          ports: ranges[i]!.map(({ first, last }) => first === last ? first : `${first}-${last}`),
          scheduler: service.scheduler,
          ...(service.persistence === null ? {} : {
            persistence: {
              timeout: durationText(service.persistence.timeout),
              ...(service.persistence.eighths === null ? {} : { netmask: prefixLength(service) }),
            },
          }),
          timeouts: { established: durationText(service.established) },
          on_server_loss: service.onServerLoss,
          unknown: service.unknown,
          slow_start: durationText(service.slowStart),
          health: {
            type: service.isProof && service.protocol === "tcp" ? "dr" : "tcp",
            port: checkPort(i),
            interval: `${service.check.seconds}s`,
          },
          servers: service.servers.map((server, j) => ({
            address: address(service.family, i + 1, j),
            ...(service.serverVlan === "inherited" ? {} : { vlan: service.serverVlan ?? "none" }),
            weight: server.weight,
            max_connections: server.max,
            min_connections: least(server),
          })),
        })),
        realserver: { method, ...(status === null ? {} : { status }) },
      }, { collectionStyle: isFlow ? "flow" : "block" });
      const config = parseConfig(text, "c.yaml");
      assert.deepEqual(config.realserver, { method, status });
      assert.deepEqual(
        { ...config.director },
        {
          interface: null,
          maxConnections: 1_000_000,
          hashKey: null,
          probeAddress: null,
          workers,
          cpus,
          offloads,
          quarantine,
        },
      );
      assert.deepEqual(
        config.services,
        services.map((service, i) => ({
          name: `service-${i}`,
          vip: address(service.family, 0, i),
          vlan: service.vlan,
          protocol: service.protocol,
          ports: ranges[i],
          scheduler: service.scheduler,
          schedulerOptions: [],
          persistence: service.persistence === null ? null : {
            timeoutMs: durationMs(service.persistence.timeout),
            prefixLength: prefixLength(service),
          },
          persistToQuiesced: false,
          onePacket: false,
          timeouts: { establishedMs: durationMs(service.established), finMs: 120_000, udpMs: 300_000 },
          onServerLoss: service.onServerLoss,
          unknown: service.unknown,
          slowStartMs: durationMs(service.slowStart),
          allow: listed(service, service.allow),
          deny: listed(service, service.deny),
          newConnectionsPerSource: service.newConnectionsPerSource,
          health: {
            type: service.isProof && service.protocol === "tcp" ? "dr" : "tcp",
            port: checkPort(i),
            intervalMs: service.check.seconds * 1_000,
            timeoutMs: 1_000,
            rise: 2,
            fall: 3,
          },
          servers: service.servers.map((server, j) => ({
            address: address(service.family, i + 1, j),
            vlan: serverVlan(service),
            port: null,
            weight: server.weight,
            maxConnections: server.max,
            minConnections: least(server) || server.max - Math.floor(server.max / 4),
          })),
        })),
      );
    },
  ));
});

/** Parses what may be anything; only a configuration or a complete `ConfigError` may come out. */
function survives(text: string): void {
  try {
    parseConfig(text, "c.yaml");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.problems.length > 0, "an error without a problem");
    const lineCount = text.split(/\r\n|\r|\n/).length;
    for (const { line, column, message } of error.problems) {
      assert.ok(line >= 1 && line <= lineCount && column >= 1, `${line}:${column} is not in the file`);
      assert.match(message, /^[A-Z].*[^.]$/s);
    }
  }
}

Deno.test("parseConfig() throws nothing but ConfigError for any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), survives));
  const words = fc.constantFrom(
    ..."services: |- |vip|port|ports|: |, |{|}|[|]|\n|\n  |\n    |&a |*a|!!set |? |\t|'|\"|#|---\n|null|1|health|~|<<: *a|__proto__: |::1|allow"
      .split("|"),
  );
  fc.assert(fc.property(fc.array(words, { maxLength: 40 }), (parts) => survives(parts.join(""))), {
    numRuns: 500,
  });
});

Deno.test("parseConfig() throws nothing but ConfigError for any value at any key", () => {
  const keys = [
    "director",
    "status",
    "timeouts",
    "realserver",
    "services",
    "servers",
    "health",
    "persistence",
    "ports",
    "allow",
    "deny",
    "cpus",
  ];
  const leaves = [
    "vip",
    "port",
    "listen",
    "token",
    "interface",
    "address",
    "netmask",
    "type",
    "interval",
    "name",
    "vlan",
    "workers",
    "probe_address",
  ];
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.oneof(
        fc.integer(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.constantFrom("any", "none", "off", "80-90", "2001:db8::1", "::/0", "dr"),
      ),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys, ...leaves), tie("value"), { maxKeys: 6 }),
    ),
  }));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 5 }),
      (root) => survives(stringify(root)),
    ),
    { numRuns: 500 },
  );
});
