/** Snapshots the status tests share. */

import type {
  RealServerStatus,
  StatusSnapshot,
  VirtualServiceStatus,
  WireAlarm,
} from "../../model/status_snapshot.ts";

export const NOW = "2026-03-01T12:00:00.000Z";

export function server(address: string, changes: Partial<RealServerStatus> = {}): RealServerStatus {
  return {
    address,
    mac: "02:00:00:00:00:15",
    weight: 1,
    effectiveWeight: 1,
    state: "up",
    isOverloaded: false,
    activeConnections: 12,
    inactiveConnections: 3,
    connections: 1000,
    connectionsPerSecond: 4.2,
    packets: 12_345,
    bytes: 9_876_543,
    lastCheck: {
      passed: true,
      message: `TCP ${address}:80 connected`,
      durationMs: 0.8,
      at: "2026-03-01T11:59:58.500Z",
    },
    audit: { verdict: "hardened", at: "2026-03-01T11:57:00.000Z" },
    host: null,
    ...changes,
  };
}

export function downServer(address: string): RealServerStatus {
  return server(address, {
    state: "down",
    effectiveWeight: 0,
    connectionsPerSecond: 0,
    activeConnections: 0,
    lastCheck: {
      passed: false,
      message: `TCP ${address}:80 refused`,
      durationMs: 1.2,
      at: "2026-03-01T11:59:59.000Z",
    },
  });
}

export function service(
  name: string,
  servers: readonly RealServerStatus[],
  changes: Partial<VirtualServiceStatus> = {},
): VirtualServiceStatus {
  return {
    name,
    vip: "192.0.2.10",
    protocol: "tcp",
    ports: "80,443",
    scheduler: "wlc",
    connections: 3000,
    packets: 37_035,
    bytes: 29_629_629,
    servers,
    ...changes,
  };
}

/** A director that has just started and has nothing to do. */
export const EMPTY: StatusSnapshot = {
  version: "0.1.0",
  at: NOW,
  uptimeSeconds: 0,
  ha: { state: "standalone" },
  datapath: {
    mode: "pcap",
    isForwarding: true,
    interface: { name: "eth0", mac: "02:00:00:00:00:01", mtu: 1500 },
    uplinks: [],
    generation: 1,
    captureDrops: 0,
    transmitErrors: 0,
    workers: [{ cpu: null, frames: 0, captureDrops: 0, connections: 0 }],
  },
  connectionTable: { used: 0, capacity: 1_048_576, bytesPerConnection: 64 },
  services: [],
  probeAddresses: [],
  alarms: [],
  wire: {
    raised: {
      vip_answered_by_other: 0,
      vip_leaked_as_sender: 0,
      gratuitous_by_realserver: 0,
      duplicate_director: 0,
      proxy_arp: 0,
      stranger: 0,
    },
    defences: 0,
    missed: 0,
  },
  verdicts: [],
  events: [],
};

/** All is well. */
export const ONE: StatusSnapshot = {
  ...EMPTY,
  uptimeSeconds: 11_580,
  connectionTable: { used: 45, capacity: 1_048_576, bytesPerConnection: 64 },
  services: [
    service("web", [
      server("192.0.2.21", { weight: 3, effectiveWeight: 3, connections: 1500, connectionsPerSecond: 12.6 }),
      server("192.0.2.22", { connections: 500 }),
      server("192.0.2.23"),
    ]),
  ],
  verdicts: [
    { name: "forwarded", meaning: "passed on to a real server", frames: 37_035 },
    { name: "not_for_vip", meaning: "not addressed to a virtual service", frames: 512 },
    { name: "no_server", meaning: "no real server could be used", frames: 0 },
  ],
  events: [
    {
      at: "2026-03-01T11:58:00.000Z",
      level: "info",
      name: "realserver.up",
      message: "192.0.2.23 of web is up again",
    },
    {
      at: "2026-03-01T08:47:00.000Z",
      level: "info",
      name: "config.loaded",
      message: "1 service, 3 real servers",
    },
  ],
};

/** Every state there is, and numbers large enough to be shortened. */
export const TROUBLED: StatusSnapshot = {
  ...ONE,
  uptimeSeconds: 1_234_567,
  connectionTable: { used: 48_211, capacity: 1_048_576, bytesPerConnection: 64 },
  datapath: { ...ONE.datapath, captureDrops: 17 },
  services: [
    service("web", [
      server("192.0.2.21", {
        weight: 3,
        effectiveWeight: 3,
        connections: 8_123_456,
        connectionsPerSecond: 1830.4,
        activeConnections: 31_022,
        packets: 912_345_678,
        bytes: 123_456_789_012,
      }),
      server("192.0.2.22", { isOverloaded: true, connections: 3_500_000, connectionsPerSecond: 310 }),
      downServer("192.0.2.23"),
      server("192.0.2.24", { state: "quiesced", weight: 0, effectiveWeight: 0, connectionsPerSecond: 0 }),
      server("192.0.2.25", {
        state: "unresolved",
        mac: null,
        effectiveWeight: 0,
        connections: 0,
        connectionsPerSecond: 0,
        lastCheck: null,
      }),
      server("192.0.2.26", { weight: 4, effectiveWeight: 1, connections: 20_000 }),
    ]),
    service("dns", [downServer("192.0.2.23")], {
      vip: "192.0.2.11",
      protocol: "udp",
      ports: "53",
      scheduler: "rr",
    }),
  ],
  events: [
    {
      at: "2026-03-01T11:59:59.000Z",
      level: "error",
      name: "service.unavailable",
      message: "dns has no usable real server",
    },
    {
      at: "2026-03-01T11:59:58.000Z",
      level: "warning",
      name: "realserver.down",
      message: "192.0.2.23 of web is down: TCP 192.0.2.23:80 refused",
    },
    ...ONE.events,
  ],
};

export function alarm(changes: Partial<WireAlarm> = {}): WireAlarm {
  return {
    name: "vip_answered_by_other",
    vip: "192.0.2.10",
    mac: "02:00:00:00:00:15",
    realServer: "192.0.2.21",
    sentence: "192.0.2.21 answers ARP for 192.0.2.10",
    host: "192.0.2.21",
    command: "lvsdr realserver --vip 192.0.2.10",
    firstSeen: "2026-03-01T11:59:00.000Z",
    lastSeen: "2026-03-01T11:59:58.000Z",
    count: 7,
    ...changes,
  };
}

/** A real server takes the VIP for itself, and is in quarantine. */
export const CLAIMED: StatusSnapshot = {
  ...ONE,
  services: [
    service("web", [
      server("192.0.2.21", { state: "quarantined", effectiveWeight: 0 }),
      server("192.0.2.22"),
    ]),
  ],
  alarms: [alarm()],
  wire: { raised: { ...EMPTY.wire.raised, vip_answered_by_other: 2 }, defences: 3, missed: 4 },
};

const EVIL = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&\\\n\x1b[31m`;

/** Foreign text wherever text can come from outside. */
export const HOSTILE: StatusSnapshot = {
  ...ONE,
  services: [
    service(EVIL, [
      server("192.0.2.21", {
        state: "down",
        effectiveWeight: 0,
        lastCheck: { passed: false, message: EVIL, durationMs: 1, at: NOW },
      }),
    ]),
  ],
  alarms: [alarm({ sentence: EVIL, host: EVIL, command: EVIL })],
  verdicts: [{ name: EVIL, meaning: EVIL, frames: 1 }, { name: EVIL, meaning: EVIL, frames: 0 }],
  events: [{ at: NOW, level: "error", name: EVIL, message: EVIL }],
};
