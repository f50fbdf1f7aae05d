/**
 * The schema of one virtual service: every key with its type, default, unit and meaning.
 *
 * @module
 */

import { z } from "zod";
import { type Prefix, PROTOCOLS, SCHEDULER_NAMES, SCHEDULER_OPTIONS } from "../model/config.ts";
import { readAddress, readVip } from "./address.ts";
import { DEFAULT_CHECK, DEFAULT_PROTOCOL, DEFAULT_SCHEDULER } from "./defaults.ts";
import { DURATION_PATTERN, readDuration, readDurationOrZero } from "./duration.ts";
import { type Field, text, wholeNumber } from "./fields.ts";
import { HIGHEST_PORT, PORT_RANGE_PATTERN, readPortRange } from "./port_list.ts";
import { readNetmask, readPrefix } from "./prefix.ts";
import { quote, type Reading, refused, understood } from "./reading.ts";

/** Connections a table, and so a server, can be allowed at most. */
export const MOST_CONNECTIONS = 64_000_000;

const EXAMPLE_SERVER = { address: "192.0.2.21" };
/** A service that nothing can be removed from. */
export const EXAMPLE_SERVICE = { vip: "192.0.2.10", port: 80, servers: [EXAMPLE_SERVER] };

const NAME_PATTERN = "^[a-z0-9][a-z0-9_.-]{0,63}$";
const IPV4 = "[0-9]{1,3}(\\.[0-9]{1,3}){3}";
const IPV6 = "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";
const ADDRESS_PATTERN = `^(${IPV4}|${IPV6})$`;
const VIP_PATTERN = `^(${IPV4}(/32)?|${IPV6}(/128)?)$`;
const PREFIX_PATTERN = `^(${IPV4}|${IPV6})(/[0-9]{1,3})?$`;
const PATH_PATTERN = "^/[!-~]*$";

const duration = (): Field<number, string> =>
  text("a duration", readDuration, DURATION_PATTERN).meta({ examples: ["5s"] });

/** Where a TCP or UDP port is expected. */
export const portNumber = (): Field<number, number> => wholeNumber(1, HIGHEST_PORT).meta({ examples: [80] });

/** 0 and 4095 are reserved, IEEE 802.1Q §9.6. */
export const HIGHEST_VLAN = 4_094;

const vlanNumber = (): Field<number, number> => wholeNumber(1, HIGHEST_VLAN);

/** Networks one list of clients can have. */
const MOST_PREFIXES = 1_000;

const prefixList = (): z.ZodArray<Field<Prefix, string>> =>
  z.array(text("a network", readPrefix, PREFIX_PATTERN).meta({ examples: ["198.51.100.0/24"] })).max(
    MOST_PREFIXES,
  )
    .meta({ examples: [["198.51.100.0/24"]] });

function readName(name: string): Reading<string> {
  return new RegExp(NAME_PATTERN).test(name) ? understood(name) : refused(
    `Cannot use name ${
      quote(name)
    }: write at most 64 of a-z, 0-9, "_", "." and "-", beginning with a letter or digit`,
  );
}

function readPath(path: string): Reading<string> {
  return new RegExp(PATH_PATTERN).test(path) ? understood(path) : refused(
    `Cannot use path ${
      quote(path)
    }: it must begin with "/" and hold no spaces, write others as %20 and so on`,
  );
}

/** Idle timeouts; absent ones come from the level above. */
export const timeoutsSchema = z.strictObject({
  established: duration().optional().describe(
    "Idle time after which an established TCP connection is forgotten (duration, 100ms to 168h; 15m by default).",
  ),
  fin: duration().optional().describe(
    "Idle time after which a TCP connection that is being closed is forgotten (duration, 100ms to 168h; 2m by default).",
  ),
  udp: duration().optional().describe(
    "Idle time after which a UDP connection is forgotten (duration, 100ms to 168h; 5m by default).",
  ),
});

const persistenceSchema = z.strictObject({
  timeout: duration().prefault("5m").describe(
    "Time for which a client returns to the same real server after its last connection (duration, 100ms to 168h).",
  ),
  netmask: z.union([
    wholeNumber(1, 128),
    text("a netmask", readNetmask).meta({ examples: ["255.255.255.0"] }),
  ]).optional().describe(
    "Clients that share this much of their address share a real server (prefix length in bits, for IPv4 also a dotted " +
      "mask); the whole address by default, 32 or 128.",
  ),
  quiesced: z.enum(["refuse", "keep"]).default("refuse").describe(
    "Whether a quiesced real server still gets new connections of clients that persist to it.",
  ),
});

const checkTiming = {
  port: portNumber().optional().describe(
    "TCP port that is checked (port number); the service's first port by default, required with `ports: any`; for " +
      "`type: dr` one of the service's.",
  ),
  interval: duration().prefault(DEFAULT_CHECK.interval).describe(
    "Time from one check to the next (duration, 100ms to 168h).",
  ),
  timeout: duration().prefault(DEFAULT_CHECK.timeout).describe(
    "Time after which a check without an answer fails (duration, 100ms to 168h); must be shorter than `interval`.",
  ),
  rise: wholeNumber(1, 100).default(DEFAULT_CHECK.rise).describe(
    "Successes in a row that bring a failed server back (checks).",
  ),
  fall: wholeNumber(1, 100).default(DEFAULT_CHECK.fall).describe(
    "Failures in a row that take a server out (checks).",
  ),
};

const CHECK_TYPES =
  "How to check: `tcp` connects, `http` also sends a request, `dr` connects to the VIP the way " +
  "clients are sent there (TCP services only).";

/** How real servers are checked. */
export const checkSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("tcp").describe(CHECK_TYPES), ...checkTiming }),
  z.strictObject({ type: z.literal("dr").describe(CHECK_TYPES), ...checkTiming }),
  z.strictObject({
    type: z.literal("http").describe(CHECK_TYPES),
    path: text("a path", readPath, PATH_PATTERN).meta({ examples: ["/"] }).describe(
      "Path that is requested with GET.",
    ),
    status: wholeNumber(200, 599).default(200).describe("Status code that counts as healthy (HTTP status)."),
    ...checkTiming,
  }),
]);

const serverSchema = z.strictObject({
  address: text("an address", readAddress, ADDRESS_PATTERN).meta({ examples: [EXAMPLE_SERVER.address] })
    .describe(
      "Address of the real server, of the VIP's family.",
    ),
  vlan: z.union([z.literal("none"), vlanNumber()]).optional().describe(
    "VLAN the real server is reached in through the director's interface (VLAN number), or `none`; the service's by " +
      "default.",
  ),
  port: portNumber().optional().describe(
    "Port of the real server that gets the traffic of the service's only port (port number), and its health check; " +
      "another than the service's needs `realserver.method: redirect`.",
  ),
  weight: wholeNumber(0, 65_535).default(1).describe(
    "Share of new connections relative to the other servers (number); 0 quiesces: no new connections, old ones kept.",
  ),
  max_connections: wholeNumber(0, MOST_CONNECTIONS).default(0).describe(
    "Connections at which the server gets no new ones (connections); 0 means no limit.",
  ),
  min_connections: wholeNumber(0, MOST_CONNECTIONS).default(0).describe(
    "Connections below which a server that was full is used again (connections); 0 means 3/4 of `max_connections`.",
  ),
});

export const serviceSchema = z.strictObject({
  name: text("a name", readName, NAME_PATTERN).meta({ examples: ["web"] }).optional().describe(
    "Name in status, logs and commands, unique; VIP:PORT by default, [VIP]:PORT for IPv6, with /udp behind it for UDP.",
  ),
  vip: text("an address", readVip, VIP_PATTERN).meta({ examples: [EXAMPLE_SERVICE.vip] }).describe(
    "Virtual IP clients connect to: one IPv4 or IPv6 address, in any spelling.",
  ),
  vlan: vlanNumber().optional().describe(
    "VLAN the VIP's traffic arrives in at the director's interface (VLAN number); untagged by default.",
  ),
  protocol: z.enum(PROTOCOLS).default(DEFAULT_PROTOCOL).describe("Transport protocol of the service."),
  port: portNumber().optional().describe(
    "The service's only port (port number); either this or `ports` is required.",
  ),
  ports: z.union([
    z.literal("any"),
    z.array(
      z.union([
        portNumber(),
        text("a port range", readPortRange, PORT_RANGE_PATTERN).meta({ examples: ["8000-8010"] }),
      ]),
    ).min(1)
      .meta({ examples: [[80, 443]] }),
  ]).optional().describe(
    'The service\'s ports (port numbers and ranges such as "8000-8010"), or `any`; they share its persistence.',
  ),
  scheduler: z.enum(SCHEDULER_NAMES).default(DEFAULT_SCHEDULER).describe(
    "How a real server is chosen for a new connection, by its ipvsadm(8) name.",
  ),
  scheduler_options: z.array(z.enum(SCHEDULER_OPTIONS)).meta({ examples: [["sh-port"]] }).default([])
    .describe(
      "Flags of the hash schedulers `sh` and `mh`, by their ipvsadm(8) names.",
    ),
  persistence: persistenceSchema.meta({ examples: [{ timeout: "5m" }] }).optional().describe(
    "Sends a client's later connections to the real server of its first; absent means none.",
  ),
  one_packet: z.boolean().default(false).describe(
    "Whether every UDP packet is scheduled on its own, without a connection; only for `protocol: udp`.",
  ),
  timeouts: timeoutsSchema.prefault({}).meta({ examples: [{ established: "15m" }] }).describe(
    "Idle timeouts of this service, instead of the global ones.",
  ),
  on_server_loss: z.enum(["reset", "move", "drop"]).default("reset").describe(
    "What becomes of the connections of a real server that is removed or goes down.",
  ),
  unknown: z.enum(["reset", "drop", "schedule"]).optional().describe(
    "What becomes of a TCP packet that belongs to no connection and opens none; `schedule` by default for the " +
      "schedulers sh, mh and dh, `reset` for the others.",
  ),
  slow_start: text("a duration", readDurationOrZero, DURATION_PATTERN).meta({ examples: ["30s"] }).prefault(
    "0s",
  )
    .describe(
      "Time over which a server that comes back gets its full weight (duration, up to 168h); 0s means at once.",
    ),
  allow: prefixList().min(1).optional().describe(
    "Networks and addresses of the clients that may use the service, at most 1,000; all may by default.",
  ),
  deny: prefixList().default([]).describe(
    "Networks and addresses of clients that may not use the service, whatever `allow` says, at most 1,000.",
  ),
  new_connections_per_source: wholeNumber(0, 1_000_000).default(0).describe(
    "New connections that one source, an IPv4 address or an IPv6 /64, may open (connections per second); 0 means no " +
      "limit.",
  ),
  health: z.union([z.literal("none"), checkSchema.meta({ examples: [{ type: "tcp" }] })]).optional().describe(
    "How real servers are checked; a TCP connect to the first port by default, `none` (default for UDP) means always up.",
  ),
  servers: z.array(serverSchema.meta({ examples: [EXAMPLE_SERVER] })).min(1).meta({
    examples: [EXAMPLE_SERVICE.servers],
  }).describe(
    "Real servers, in the order schedulers see them; at least one.",
  ),
});
