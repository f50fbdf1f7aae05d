import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import { ConfigError } from "../../config/config_error.ts";
import { parseConfig } from "../../config/parse_config.ts";
import { METHODS, SCHEDULER_NAMES } from "../../model/config.ts";

const duration = fc.record({ count: fc.integer({ min: 1, max: 100 }), unit: fc.constantFrom("s", "m", "h") });
const durationText = ({ count, unit }: { count: number; unit: string }) => `${count}${unit}`;
const durationMs = ({ count, unit }: { count: number; unit: string }) =>
  count * ({ s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? NaN);

const serverInput = fc.record({
  weight: fc.integer({ min: 0, max: 65_535 }),
  max: fc.integer({ min: 0, max: 64_000_000 }),
  least: fc.nat(),
});

const serviceInput = fc.record({
  protocol: fc.constantFrom("tcp", "udp"),
  // Distances between the ends of ranges, so that ranges are sorted and apart.
  steps: fc.array(fc.tuple(fc.integer({ min: 1, max: 99 }), fc.nat({ max: 99 })), {
    minLength: 1,
    maxLength: 20,
  }),
  scheduler: fc.constantFrom(...SCHEDULER_NAMES),
  persistence: fc.option(fc.record({ timeout: duration, netmask: fc.integer({ min: 1, max: 32 }) })),
  established: duration,
  onServerLoss: fc.constantFrom("reset", "move", "drop"),
  unknown: fc.constantFrom("reset", "drop", "schedule"),
  slowStart: duration,
  check: fc.record({ port: fc.integer({ min: 1, max: 65_535 }), seconds: fc.integer({ min: 2, max: 99 }) }),
  servers: fc.array(serverInput, { minLength: 1, maxLength: 5 }),
});

Deno.test("parseConfig() gives back any valid configuration as it was put in", () => {
  fc.assert(fc.property(
    fc.array(serviceInput, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("auto" as const, ...METHODS),
    fc.boolean(),
    (services, method, isFlow) => {
      const ranges = services.map(({ steps }) => {
        let at = 0;
        return steps.map(([gap, length]) => {
          const first = at + gap;
          at = first + length;
          return { first, last: at };
        });
      });
      const address = (network: number, i: number) => `10.${network}.0.${i + 1}`;
      const least = ({ max, least }: { max: number; least: number }) => least % (max + 1);
      const text = stringify({
        services: services.map((service, i) => ({
          name: `service-${i}`,
          vip: address(0, i),
          protocol: service.protocol,
          ports: ranges[i]!.map(({ first, last }) => first === last ? first : `${first}-${last}`),
          scheduler: service.scheduler,
          ...(service.persistence === null ? {} : {
            persistence: {
              timeout: durationText(service.persistence.timeout),
              netmask: service.persistence.netmask,
            },
          }),
          timeouts: { established: durationText(service.established) },
          on_server_loss: service.onServerLoss,
          unknown: service.unknown,
          slow_start: durationText(service.slowStart),
          health: { type: "tcp", port: service.check.port, interval: `${service.check.seconds}s` },
          servers: service.servers.map((server, j) => ({
            address: address(i + 1, j),
            weight: server.weight,
            max_connections: server.max,
            min_connections: least(server),
          })),
        })),
        realserver: { method },
      }, { collectionStyle: isFlow ? "flow" : "block" });
      const config = parseConfig(text, "c.yaml");
      assert.equal(config.realserver.method, method);
      assert.deepEqual(
        config.services,
        services.map((service, i) => ({
          name: `service-${i}`,
          vip: address(0, i),
          vlan: null,
          protocol: service.protocol,
          ports: ranges[i],
          scheduler: service.scheduler,
          schedulerOptions: [],
          persistence: service.persistence === null ? null : {
            timeoutMs: durationMs(service.persistence.timeout),
            prefixLength: service.persistence.netmask,
          },
          persistToQuiesced: false,
          onePacket: false,
          timeouts: { establishedMs: durationMs(service.established), finMs: 120_000, udpMs: 300_000 },
          onServerLoss: service.onServerLoss,
          unknown: service.unknown,
          slowStartMs: durationMs(service.slowStart),
          allow: [],
          deny: [],
          newConnectionsPerSource: 0,
          health: {
            type: "tcp",
            port: service.check.port,
            intervalMs: service.check.seconds * 1_000,
            timeoutMs: 1_000,
            rise: 2,
            fall: 3,
          },
          servers: service.servers.map((server, j) => ({
            address: address(i + 1, j),
            vlan: null,
            port: null,
            weight: server.weight,
            maxConnections: server.max,
            minConnections: least(server),
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
    ..."services: |- |vip|port|ports|: |, |{|}|[|]|\n|\n  |\n    |&a |*a|!!set |? |\t|'|\"|#|---\n|null|1|health|~|<<: *a|__proto__: "
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
  ];
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.oneof(
        fc.integer(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.constantFrom("any", "none", "off", "80-90"),
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
