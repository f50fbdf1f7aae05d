import assert from "node:assert/strict";
import { explanationText } from "../../director/explain_text.ts";
import type { Decision, Explanation, ServiceAsked } from "../../model/explanation.ts";

const DECISION: Decision = {
  worker: 1,
  service: "web",
  isDenied: false,
  newConnectionsLeft: null,
  connection: null,
  template: null,
  isTableFull: false,
  servers: [{
    address: "2001:db8::21",
    condition: "usable",
    weight: 3,
    activeConnections: 1_200,
    inactiveConnections: 4,
    isOverloaded: true,
    mac: null,
    macAgeMs: null,
  }],
  verdict: { name: "dropped_no_server", meaning: "no real server can be used, and no answer was due" },
  sent: null,
};

const SERVICE: ServiceAsked = {
  name: "web",
  ports: "80,443",
  vlan: 10,
  scheduler: "mh",
  usesClientPort: false,
  isOnePacket: false,
  network: null,
  hasAllowList: false,
  newConnectionsPerSource: 0,
  persistenceMs: 0,
  persistencePrefix: 0,
  checks: { "2001:db8::21": "HTTP 200\u001b[2J" },
};

function textOf(
  decision: Partial<Decision> = {},
  service: Partial<ServiceAsked> | null = {},
  changes: Partial<Explanation> = {},
): string {
  return explanationText({
    question: {
      client: "2001:db8:1::7",
      clientPort: 40_000,
      vip: "2001:db8::10",
      port: 80,
      protocol: "tcp",
    },
    decision: { ...DECISION, ...decision },
    service: service === null ? null : { ...SERVICE, ...service },
    nearest: [],
    interfaces: ["eth0", "eth1"],
    kernel: { guard: null, interference: null },
    ...changes,
  });
}

Deno.test("explanationText() shows every step in its order, and no control characters", () => {
  assert.equal(
    textOf(),
    `The first packet of [2001:db8:1::7]:40000 to TCP [2001:db8::10]:80, were it to come to eth0 now:

Service     web, ports 80,443, in VLAN 10, scheduler mh
Admission   allowed: the service keeps nobody out
            no limit for a source
Connection  none known to worker 1, which has this client
Persistence the service has none
Servers     address       state         weight  active  inactive  MAC      last check
            2001:db8::21  usable, full  3       1,200   4         unknown  HTTP 200\ufffd[2J
Outcome     dropped_no_server: no real server can be used, and no answer was due
Frame       none leaves
Kernel      ignores it: 2001:db8::10 is none of its addresses, and it forwards nothing
`,
  );
});

Deno.test("explanationText() says what connection, template and limit there are", () => {
  const connection = { state: "ESTABLISHED", expiresInMs: 65_000, server: "2001:db8::21", holders: null };
  const text = textOf(
    {
      connection,
      newConnectionsLeft: 2,
      template: { state: "TEMPLATE", expiresInMs: 300_000, server: null, holders: 7 },
    },
    { newConnectionsPerSource: 5, persistenceMs: 300_000, persistencePrefix: 48 },
  );
  assert.match(text, /^ +2001:db8:1::\/64 may open 2 more at once, and 5 a second$/m);
  assert.match(
    text,
    /^Connection +known: ESTABLISHED with 2001:db8::21, expires in 1 min 5 s; kept by worker 1$/m,
  );
  assert.match(
    text,
    /^Persistence template for 2001:db8:1::\/48: a server that is gone, expires in 5 min, held by 7 connections$/m,
  );
  const template = { state: "TEMPLATE", expiresInMs: 300_000, server: null, holders: 1 };
  const alone = textOf({ template }, { persistenceMs: 300_000, persistencePrefix: 48 });
  assert.match(alone, /, held by 1 connection$/m);
});

Deno.test("explanationText() says who keeps a client out, and where no service is, which come near", () => {
  assert.match(textOf({ isDenied: true }, { hasAllowList: true }), /denied: in no network of allow$/m);
  const network = { list: "deny", prefix: "2001:db8:1::/48" } as const;
  assert.match(textOf({ isDenied: true }, { network }), /denied: 2001:db8:1::\/48 is in deny$/m);
  assert.match(
    textOf({ service: null }, null, { nearest: ["dns: UDP [2001:db8::10]:80"] }),
    /^Service +none has TCP \[2001:db8::10\]:80\n +nearest: dns: UDP \[2001:db8::10\]:80\nOutcome/m,
  );
});

Deno.test("explanationText() says by which interface a frame leaves, and where to", () => {
  const sent = {
    server: "2001:db8::21",
    destinationMac: "02:00:00:00:00:15",
    sourceMac: "02:00:00:00:00:02",
    egress: 1,
    vlan: 7,
    hopLimit: 63,
  };
  assert.match(
    textOf({ sent }),
    /^Frame +out by eth1, in VLAN 7, to 02:00:00:00:00:15 from 02:00:00:00:00:02, TTL 63 if it came with 64$/m,
  );
  const answer = { ...sent, server: null, destinationMac: null, egress: 0, vlan: null };
  assert.match(
    textOf({ sent: answer }),
    /^Frame +out by eth0, untagged, back to where the packet came from$/m,
  );
});

Deno.test("explanationText() says what the kernel does with the frame", () => {
  const interference = "net.ipv6.conf.all.forwarding is 1";
  const kernel = (guard: string | null) => textOf({}, {}, { kernel: { guard, interference } });
  assert.match(kernel(null), /^Kernel +would handle it as well: net\.ipv6\.conf\.all\.forwarding is 1$/m);
  assert.match(
    kernel("netdev lvsdr"),
    /^Kernel +never sees it: nft table netdev lvsdr drops it; without that/m,
  );
});
