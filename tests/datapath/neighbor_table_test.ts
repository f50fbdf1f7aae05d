import assert from "node:assert/strict";
import {
  type DueRequest,
  type NeighborChange,
  type NeighborId,
  NeighborTable,
  Sign,
} from "../../datapath/neighbor_table.ts";
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { addressText, addressWords, macFromText, macToText } from "../../model/ip_address.ts";
import { bytesPerRepetition } from "../allocation_meter.ts";

const SERVER = "192.0.2.21";
const OTHER = "203.0.113.5";
const MAC = "00:00:5e:00:53:15";
const NEW_MAC = "02:00:ff:ff:ff:ff";
const SERVER6 = "2001:db8::dead:beef";
const ADDRESSES = [
  { address: "192.0.2.2", prefixLength: 24 },
  { address: "198.51.100.2", prefixLength: 28 },
  { address: "2001:db8::2", prefixLength: 64 },
  { address: "fe80::2", prefixLength: 64 },
];

function untagged(address: string): NeighborId {
  return { address, vlan: UNTAGGED };
}

/** The words of an address as frames have them. */
function signedWords(address: string): [number, number, number, number] {
  const [a, b, c, d] = addressWords(address);
  return [a | 0, b | 0, c | 0, d | 0];
}

class Subject {
  readonly changes: NeighborChange[] = [];
  readonly table = new NeighborTable(ADDRESSES, (change) => this.changes.push(change));

  constructor(...wanted: string[]) {
    this.table.reconcile(wanted.map(untagged), 0);
  }

  hear(address: string, mac: string, nowMs: number, sign: Sign = Sign.UNASKED, vlan = UNTAGGED): boolean {
    const { high, low } = macFromText(mac);
    return this.table.heard(vlan, ...signedWords(address), high, low, sign, nowMs);
  }

  answer(address: string, mac: string, nowMs: number): boolean {
    return this.hear(address, mac, nowMs, Sign.ANSWER);
  }

  /** Asks for a neighbour that is not known, and hears its answer. */
  resolve(address: string, mac: string, nowMs: number): void {
    this.table.due(nowMs, 10);
    this.answer(address, mac, nowMs);
  }

  macOf(address: string, vlan = UNTAGGED): string | null {
    const mac = this.table.macOf(address, vlan);
    return mac === null ? null : macToText(mac);
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
  assert.equal(subject.macOf(SERVER), null);
  assert.equal(subject.answer(SERVER, MAC, 3_600), true);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.deepEqual(subject.requests(3_600, 33_500), []);
});

Deno.test("an unknown neighbour is sought for three seconds from when it is wanted, a lost one is not", () => {
  const subject = new Subject(SERVER);
  const isSought = (nowMs: number) => subject.table.isSought(SERVER, UNTAGGED, nowMs);
  subject.table.reconcile([untagged(SERVER), untagged(OTHER)], 2_000);
  assert.deepEqual([0, 2_999, 3_000].map(isSought), [true, true, false]);
  assert.equal(subject.table.isSought(OTHER, UNTAGGED, 4_999), true);
  assert.equal(subject.table.isSought(OTHER, 7, 2_000), false);
  subject.resolve(SERVER, MAC, 1_000);
  assert.equal(isSought(1_000), false);
  subject.requests(31_000, 36_000);
  assert.deepEqual([subject.macOf(SERVER), isSought(36_000)], [null, false]);
});

Deno.test("an unknown neighbour is asked for ever, and never reported as lost", () => {
  const subject = new Subject(SERVER);
  assert.equal(subject.requests(0, 59_900).length, 60);
  assert.deepEqual(subject.changes, []);
});

Deno.test("a known neighbour is believed for 30 s, asked by unicast twice, by broadcast thrice, then lost", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  assert.deepEqual(subject.requests(0, 34_900), [
    `30000: ${MAC}`,
    `31000: ${MAC}`,
    "32000: everybody",
    "33000: everybody",
    "34000: everybody",
  ]);
  assert.deepEqual(subject.changes.map(({ kind }) => kind), ["learnt"]);
  assert.deepEqual(subject.requests(35_000, 35_000), ["35000: everybody"]);
  assert.deepEqual(subject.changes.slice(1), [{ kind: "lost", ...untagged(SERVER) }]);
  assert.equal(subject.macOf(SERVER), null);
});

Deno.test("a lost neighbour is learnt anew", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  subject.requests(0, 40_000);
  subject.answer(SERVER, MAC, 40_100);
  assert.deepEqual(subject.changes.map(({ kind }) => kind), ["learnt", "lost", "learnt"]);
  assert.deepEqual(subject.changes[2], {
    kind: "learnt",
    ...untagged(SERVER),
    mac: macFromText(MAC),
    before: null,
  });
});

Deno.test("an answer counts for another 30 s and is no news; the same said unasked does not count", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  subject.hear(SERVER, MAC, 29_000);
  assert.deepEqual(subject.requests(29_000, 31_500), [`30000: ${MAC}`, `31000: ${MAC}`]);
  subject.hear(SERVER, MAC, 31_600);
  assert.deepEqual(subject.requests(31_600, 32_500), ["32000: everybody"]);
  subject.answer(SERVER, MAC, 32_600);
  assert.deepEqual(subject.requests(32_600, 62_600), [`62600: ${MAC}`]);
  assert.equal(subject.changes.length, 1);
});

Deno.test("a neighbour that is first heard unasked is believed, asked at once, and given up if it is silent", () => {
  const subject = new Subject(SERVER);
  assert.deepEqual(subject.requests(0, 500), ["0: everybody"]);
  subject.hear(SERVER, MAC, 600);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.deepEqual(subject.requests(600, 3_500), ["600: everybody", "1600: everybody", "2600: everybody"]);
  assert.equal(subject.macOf(SERVER), MAC);
  subject.requests(3_600, 3_600);
  assert.equal(subject.macOf(SERVER), null);
});

Deno.test("a neighbour that answers from another MAC is reported with the one before", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  subject.requests(0, 32_000);
  subject.answer(SERVER, NEW_MAC, 32_001);
  const [, moved] = subject.changes;
  assert.deepEqual(moved, {
    kind: "learnt",
    ...untagged(SERVER),
    mac: macFromText(NEW_MAC),
    before: macFromText(MAC),
  });
  assert.deepEqual(subject.requests(32_001, 62_001), [`62001: ${NEW_MAC}`]);
});

Deno.test("another MAC that is said unasked makes the director ask the one it knows, and everybody if that is silent", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  subject.hear(SERVER, NEW_MAC, 5_000);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.deepEqual(subject.requests(5_000, 5_900), [`5000: ${MAC}`]);
  subject.answer(SERVER, NEW_MAC, 5_950);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.deepEqual(subject.requests(6_000, 6_900), ["6000: everybody"]);
  subject.hear(SERVER, NEW_MAC, 6_950);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.equal(subject.answer(SERVER, NEW_MAC, 6_960), true);
  assert.equal(subject.macOf(SERVER), NEW_MAC);
  assert.deepEqual(subject.requests(7_000, 37_000), [`37000: ${NEW_MAC}`]);
});

Deno.test("a MAC that answers gives way to nobody, however often and in whatever form somebody else claims its address", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  for (let nowMs = 5_000; nowMs < 15_000; nowMs += 100) {
    // As fast as an answer can be, and as a host with the whole subnet on lo gives it.
    subject.answer(SERVER, NEW_MAC, nowMs);
    for (const { mac } of subject.table.due(nowMs, 10)) {
      subject.answer(SERVER, NEW_MAC, nowMs);
      assert.notEqual(mac, null, "the known one was not asked first");
      subject.answer(SERVER, MAC, nowMs + 1);
    }
  }
  assert.equal(subject.macOf(SERVER), MAC);
  assert.equal(subject.changes.length, 1);
});

Deno.test("what is said as an answer is none before there is a question", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  subject.answer(SERVER, NEW_MAC, 5_000);
  subject.answer(SERVER, NEW_MAC, 5_001);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.deepEqual(subject.requests(5_100, 6_100), [`5100: ${MAC}`, "6100: everybody"]);
  subject.answer(SERVER, NEW_MAC, 6_101);
  assert.equal(subject.macOf(SERVER), NEW_MAC);
});

Deno.test("of several answers to one question the first counts, and those that come late raise no doubts", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  subject.answer(SERVER, NEW_MAC, 1);
  subject.answer(SERVER, NEW_MAC, 999);
  assert.deepEqual(subject.requests(1_000, 5_000), []);
  assert.equal(subject.macOf(SERVER), MAC);
});

Deno.test("another MAC that is said unasked right after an answer is asked about a second after that", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  subject.hear(SERVER, NEW_MAC, 10);
  assert.deepEqual(subject.requests(100, 2_900), [`1000: ${MAC}`, "2000: everybody"]);
  subject.answer(SERVER, NEW_MAC, 2_901);
  assert.equal(subject.macOf(SERVER), NEW_MAC);
});

Deno.test("a flood of claims changes nothing, and causes one question a second", () => {
  const subject = new Subject(SERVER);
  subject.resolve(SERVER, MAC, 0);
  const asked: number[] = [];
  for (let nowMs = 1; nowMs <= 10_000; nowMs++) {
    subject.hear(SERVER, `02:00:00:00:0${nowMs & 7}:01`, nowMs);
    if (nowMs % 100 === 0 && subject.table.due(nowMs, 10).length > 0) {
      asked.push(nowMs);
      subject.answer(SERVER, MAC, nowMs);
    }
  }
  assert.deepEqual(asked, Array.from({ length: 10 }, (_, index) => 1_000 * (index + 1)));
  assert.equal(subject.changes.length, 1);
});

Deno.test("a MAC means the same however its bytes are read from a frame", () => {
  const subject = new Subject(SERVER);
  subject.hear(SERVER, NEW_MAC, 0);
  const { high, low } = macFromText(NEW_MAC);
  assert.equal(subject.table.heard(UNTAGGED, ...signedWords(SERVER), high, low | 0, Sign.ANSWER, 1), true);
  assert.equal(subject.changes.length, 1);
});

Deno.test("strangers, group addresses and the zero MAC are not believed", () => {
  const subject = new Subject(SERVER);
  assert.equal(subject.hear("192.0.2.22", MAC, 0), false);
  assert.equal(subject.hear("0.0.0.0", MAC, 0), false);
  assert.equal(subject.hear(SERVER, "ff:ff:ff:ff:ff:ff", 0), false);
  assert.equal(subject.hear(SERVER, "01:00:5e:00:00:01", 0), false);
  assert.equal(subject.hear(SERVER, "00:00:00:00:00:00", 0), false);
  assert.equal(subject.macOf(SERVER), null);
});

Deno.test("a request comes from our address on the neighbour's subnet, or from none where we have none", () => {
  const { table } = new Subject(SERVER, "198.51.100.14", "198.51.100.16", OTHER);
  const senders = table.due(0, 10).map(({ sender }: DueRequest) => sender);
  assert.deepEqual(senders, ["192.0.2.2", "198.51.100.2", null, null]);
});

Deno.test("a request over IPv6 comes from our link-local address, or from one on the neighbour's subnet", () => {
  const senders = (addresses: typeof ADDRESSES) => {
    const table = new NeighborTable(addresses, () => {});
    table.reconcile([SERVER6, "2001:db8:1::21", "fe80::21"].map(untagged), 0);
    return table.due(0, 10).map(({ sender }) => sender);
  };
  assert.deepEqual(senders(ADDRESSES), ["fe80::2", "fe80::2", "fe80::2"]);
  assert.deepEqual(senders(ADDRESSES.slice(0, 3)), ["2001:db8::2", null, null]);
});

Deno.test("a request in a VLAN comes from no address of ours: we have none there", () => {
  const table = new NeighborTable(ADDRESSES, () => {});
  table.reconcile([SERVER, SERVER6].map((address) => ({ address, vlan: 7 })), 0);
  assert.deepEqual(table.due(0, 10).map(({ sender }) => sender), [null, null]);
});

Deno.test("due() gives every neighbour its turn however small the limit", () => {
  const servers = Array.from({ length: 10 }, (_, index) => `192.0.2.${index + 1}`);
  const { table } = new Subject(...servers);
  const asked: string[] = [];
  for (let nowMs = 0; nowMs < 400; nowMs += 100) {
    const requests = table.due(nowMs, 3);
    assert.ok(requests.length <= 3);
    asked.push(...requests.map(({ address }) => address));
  }
  assert.deepEqual(asked, servers);
});

Deno.test("due() does not count a neighbour that the limit left out as asked", () => {
  const { table } = new Subject(SERVER, OTHER);
  assert.equal(table.due(0, 1).length, 1);
  assert.deepEqual(table.due(0, 1).map(({ address }) => address), [OTHER]);
  assert.deepEqual(table.due(999, 10), []);
});

Deno.test("reconcile() keeps what is known of those that stay and forgets the others", () => {
  const subject = new Subject(SERVER, OTHER);
  subject.resolve(SERVER, MAC, 0);
  subject.answer(OTHER, NEW_MAC, 0);
  subject.table.reconcile([untagged(SERVER)], 10);
  assert.equal(subject.macOf(SERVER), MAC);
  assert.equal(subject.macOf(OTHER), null);
  subject.table.reconcile([untagged(SERVER), untagged(OTHER)], 20);
  assert.equal(subject.macOf(OTHER), null);
  assert.deepEqual(subject.requests(20, 900), ["20: everybody"]);
});

Deno.test("neighbours of both families and in several VLANs are told apart", () => {
  const ids = [untagged(SERVER), untagged(SERVER6), { address: SERVER, vlan: 7 }, {
    address: SERVER6,
    vlan: 7,
  }];
  const subject = new Subject();
  subject.table.reconcile(ids, 0);
  ids.forEach(({ address, vlan }, index) =>
    assert.ok(subject.hear(address, `02:00:00:00:00:0${index}`, 0, Sign.UNASKED, vlan))
  );
  assert.deepEqual(
    ids.map(({ address, vlan }) => subject.macOf(address, vlan)),
    ids.map((_, index) => `02:00:00:00:00:0${index}`),
  );
  assert.equal(subject.hear(SERVER6, MAC, 0, Sign.UNASKED, 8), false);
  for (
    const stranger of ["2001:db8::dead:beee", "2001:db8::1:dead:beef", "2001:db9::dead:beef", "::dead:beef"]
  ) {
    assert.equal(subject.hear(stranger, MAC, 0), false, stranger);
  }
});

Deno.test("addresses that share a number are told apart", () => {
  // A word can undo what those before it do to the number; see numberOf() in neighbor_table.ts.
  const mixed = (number: number, word: number) => Math.imul(number, 0x9e3779b1) ^ word;
  const first = 0x2001_0db8;
  const head = mixed(UNTAGGED, first);
  const addresses = [0, 1, 2, -1].flatMap((word) => [
    addressText([first, word >>> 0, mixed(mixed(head, word), 0) >>> 0, 0]),
    addressText([first, 7, word >>> 0, mixed(mixed(mixed(head, 7), word), 0) >>> 0]),
  ]);
  const subject = new Subject(...addresses);
  addresses.forEach((address, index) => assert.ok(subject.hear(address, `02:00:00:00:00:0${index}`, 0)));
  assert.deepEqual(
    addresses.map((address) => subject.macOf(address)),
    addresses.map((_, index) => `02:00:00:00:00:0${index}`),
  );
});

Deno.test("a proxy's answer gives a MAC where none is known, and confirms its own, but replaces no other", () => {
  const subject = new Subject(SERVER6);
  const hearProxy = (mac: string, nowMs: number) => subject.hear(SERVER6, mac, nowMs, Sign.ANSWER_OF_PROXY);
  assert.deepEqual(subject.requests(0, 0), ["0: everybody"]);
  assert.equal(hearProxy(MAC, 0), true);
  assert.deepEqual(subject.requests(0, 30_000), [`30000: ${MAC}`]);
  assert.equal(hearProxy(NEW_MAC, 30_100), true);
  assert.equal(subject.macOf(SERVER6), MAC);
  assert.deepEqual(subject.requests(30_100, 30_100), [`30100: ${MAC}`]);
  assert.equal(hearProxy(NEW_MAC, 30_200), true);
  assert.equal(subject.macOf(SERVER6), MAC);
  assert.equal(hearProxy(MAC, 30_300), true);
  assert.deepEqual(subject.requests(30_300, 60_300), [`60300: ${MAC}`]);
});

Deno.test("an answer without a MAC confirms a known neighbour that was asked, and no other", () => {
  const subject = new Subject(SERVER6);
  const confirm = (nowMs: number) => subject.table.confirmed(UNTAGGED, ...signedWords(SERVER6), nowMs);
  assert.equal(subject.table.due(0, 10).length, 1);
  assert.equal(confirm(0), true);
  assert.equal(subject.macOf(SERVER6), null);
  subject.answer(SERVER6, MAC, 0);
  assert.equal(confirm(20_000), true);
  assert.deepEqual(subject.requests(20_000, 30_900), [`30000: ${MAC}`]);
  assert.equal(confirm(30_950), true);
  assert.deepEqual(subject.requests(31_000, 61_000), [`61000: ${MAC}`]);
  assert.equal(subject.table.confirmed(UNTAGGED, ...signedWords(SERVER), 0), false);
});

Deno.test("heard() allocates nothing, also in a flood of claims", () => {
  const subject = new Subject(SERVER, SERVER6);
  subject.resolve(SERVER6, MAC, 0);
  const [a, b, c, d] = signedWords(SERVER6);
  const { high, low } = macFromText(MAC);
  let known = 0;
  const bytes = bytesPerRepetition((times) => {
    for (let time = 0; time < times; time++) {
      const sign = (time & 2) === 0 ? Sign.UNASKED : Sign.ANSWER;
      if (subject.table.heard(UNTAGGED, a, b, c, d, high, (low + (time & 1)) | 0, sign, time)) known++;
    }
  });
  assert.ok(known > 0);
  assert.ok(bytes < 1, `${bytes} bytes`);
});
