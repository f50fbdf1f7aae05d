import assert from "node:assert/strict";
import { type DueRequest, type NeighborChange, NeighborTable } from "../../datapath/neighbor_table.ts";
import { ipv4FromText, macFromText, macToText } from "../../model/ip_address.ts";

const SERVER = "192.0.2.21";
const OTHER = "203.0.113.5";
const MAC = "00:00:5e:00:53:15";
const NEW_MAC = "02:00:ff:ff:ff:ff";
const ADDRESSES = [{ address: "192.0.2.2", prefixLength: 24 }, { address: "198.51.100.2", prefixLength: 28 }];

class Subject {
  readonly changes: NeighborChange[] = [];
  readonly table = new NeighborTable(ADDRESSES, (change) => this.changes.push(change));

  constructor(...wanted: string[]) {
    this.table.reconcile(new Set(wanted), 0);
  }

  hear(address: string, mac: string, nowMs: number): boolean {
    const { high, low } = macFromText(mac);
    return this.table.heard(ipv4FromText(address), high, low, nowMs);
  }

  /** Requests due from `fromMs` on, with a tick every 100 ms, as `time: whom`. */
  requests(fromMs: number, untilMs: number): string[] {
    const found: string[] = [];
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 100) {
      for (const { mac } of this.table.due(nowMs, 10)) {
        found.push(`${nowMs}: ${mac === null ? "everybody" : macToText(mac)}`);
      }
    }
    return found;
  }
}

Deno.test("an unknown neighbour is asked for by broadcast every second until it answers", () => {
  const subject = new Subject(SERVER);
  assert.deepEqual(subject.requests(0, 3_500), [0, 1_000, 2_000, 3_000].map((ms) => `${ms}: everybody`));
  assert.equal(subject.table.macOf(SERVER), null);
  assert.equal(subject.hear(SERVER, MAC, 3_600), true);
  assert.deepEqual(subject.table.macOf(SERVER), macFromText(MAC));
  assert.deepEqual(subject.requests(3_600, 33_500), []);
});

Deno.test("an unknown neighbour is asked for ever, and never reported as lost", () => {
  const subject = new Subject(SERVER);
  assert.equal(subject.requests(0, 59_900).length, 60);
  assert.deepEqual(subject.changes, []);
});

Deno.test("a known neighbour is believed for 30 s, asked by unicast twice, by broadcast thrice, then lost", () => {
  const subject = new Subject(SERVER);
  subject.hear(SERVER, MAC, 0);
  assert.deepEqual(subject.requests(0, 34_900), [
    `30000: ${MAC}`,
    `31000: ${MAC}`,
    "32000: everybody",
    "33000: everybody",
    "34000: everybody",
  ]);
  assert.deepEqual(subject.changes.map(({ kind }) => kind), ["learnt"]);
  assert.deepEqual(subject.requests(35_000, 35_000), ["35000: everybody"]);
  assert.deepEqual(subject.changes.slice(1), [{ kind: "lost", address: SERVER }]);
  assert.equal(subject.table.macOf(SERVER), null);
});

Deno.test("a lost neighbour is learnt anew", () => {
  const subject = new Subject(SERVER);
  subject.hear(SERVER, MAC, 0);
  subject.requests(0, 40_000);
  subject.hear(SERVER, MAC, 40_100);
  assert.deepEqual(subject.changes.map(({ kind }) => kind), ["learnt", "lost", "learnt"]);
  assert.deepEqual(subject.changes[2], {
    kind: "learnt",
    address: SERVER,
    mac: macFromText(MAC),
    before: null,
  });
});

Deno.test("any sign of a neighbour counts for another 30 s and is no news", () => {
  const subject = new Subject(SERVER);
  subject.hear(SERVER, MAC, 0);
  subject.hear(SERVER, MAC, 29_000);
  assert.deepEqual(subject.requests(29_000, 58_900), []);
  assert.deepEqual(subject.requests(59_000, 60_500), [`59000: ${MAC}`, `60000: ${MAC}`]);
  subject.hear(SERVER, MAC, 60_600);
  assert.deepEqual(subject.requests(60_600, 91_500), [`90600: ${MAC}`]);
  assert.equal(subject.changes.length, 1);
});

Deno.test("a neighbour that moves to another MAC is reported with the one before", () => {
  const subject = new Subject(SERVER);
  subject.hear(SERVER, MAC, 0);
  subject.hear(SERVER, NEW_MAC, 5);
  const [, moved] = subject.changes;
  assert.deepEqual(moved, {
    kind: "learnt",
    address: SERVER,
    mac: macFromText(NEW_MAC),
    before: macFromText(MAC),
  });
});

Deno.test("a MAC means the same however its bytes are read from a frame", () => {
  const subject = new Subject(SERVER);
  subject.hear(SERVER, NEW_MAC, 0);
  const { high, low } = macFromText(NEW_MAC);
  assert.equal(subject.table.heard(ipv4FromText(SERVER) | 0, high, low | 0, 1), true);
  assert.equal(subject.changes.length, 1);
});

Deno.test("strangers, group addresses and the zero MAC are not believed", () => {
  const subject = new Subject(SERVER);
  assert.equal(subject.hear("192.0.2.22", MAC, 0), false);
  assert.equal(subject.hear("0.0.0.0", MAC, 0), false);
  assert.equal(subject.hear(SERVER, "ff:ff:ff:ff:ff:ff", 0), false);
  assert.equal(subject.hear(SERVER, "01:00:5e:00:00:01", 0), false);
  assert.equal(subject.hear(SERVER, "00:00:00:00:00:00", 0), false);
  assert.equal(subject.table.macOf(SERVER), null);
});

Deno.test("a request comes from our address on the neighbour's subnet, or is a probe where we have none", () => {
  const { table } = new Subject(SERVER, "198.51.100.14", "198.51.100.16", OTHER);
  const senders = table.due(0, 10).map(({ senderAddress }: DueRequest) => senderAddress);
  assert.deepEqual(senders, ["192.0.2.2", "198.51.100.2", "0.0.0.0", "0.0.0.0"].map(ipv4FromText));
});

Deno.test("due() gives every neighbour its turn however small the limit", () => {
  const servers = Array.from({ length: 10 }, (_, index) => `192.0.2.${index + 1}`);
  const { table } = new Subject(...servers);
  const asked: number[] = [];
  for (let nowMs = 0; nowMs < 400; nowMs += 100) {
    const requests = table.due(nowMs, 3);
    assert.ok(requests.length <= 3);
    asked.push(...requests.map(({ targetAddress }) => targetAddress >>> 0));
  }
  assert.deepEqual(asked, servers.map(ipv4FromText));
});

Deno.test("due() does not count a neighbour that the limit left out as asked", () => {
  const { table } = new Subject(SERVER, OTHER);
  assert.equal(table.due(0, 1).length, 1);
  assert.deepEqual(table.due(0, 1).map(({ targetAddress }) => targetAddress >>> 0), [ipv4FromText(OTHER)]);
  assert.deepEqual(table.due(999, 10), []);
});

Deno.test("reconcile() keeps what is known of those that stay and forgets the others", () => {
  const subject = new Subject(SERVER, OTHER);
  subject.hear(SERVER, MAC, 0);
  subject.hear(OTHER, NEW_MAC, 0);
  subject.table.reconcile(new Set([SERVER]), 10);
  assert.deepEqual(subject.table.macOf(SERVER), macFromText(MAC));
  assert.equal(subject.table.macOf(OTHER), null);
  subject.table.reconcile(new Set([SERVER, OTHER]), 20);
  assert.equal(subject.table.macOf(OTHER), null);
  assert.deepEqual(subject.requests(20, 900), ["20: everybody"]);
});
