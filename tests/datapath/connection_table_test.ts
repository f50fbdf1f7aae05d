import assert from "node:assert/strict";
import fc from "fast-check";
import { isHalfOpen, State } from "../../datapath/connection_state.ts";
import {
  type ConnectionLedger,
  ConnectionTable,
  HOLDS_TEMPLATE,
  keyWord,
  NONE,
  TEMPLATE_PROTOCOL,
} from "../../datapath/connection_table.ts";
import { entriesOf, type Entry, entryAt, ipv4Client, NO_LEDGER, tableOf, TCP_KEY } from "./table_entries.ts";

const PAGE_WORDS = 1024;

/** A connection or, with port 0, the template of its client. */
interface Subject {
  readonly client: Uint32Array;
  readonly port: number;
}

function keyOf({ port }: Subject): number {
  return port === 0 ? keyWord(9, TEMPLATE_PROTOCOL) : TCP_KEY;
}

function nameOf(client: string, port: number): string {
  return `${client} ${port}`;
}

/** What tells an entry from others. */
function nameOfEntry(entry: Entry): string {
  return nameOf(entry.client, entry.protocol === TEMPLATE_PROTOCOL ? 0 : entry.ports);
}

function find(connections: ConnectionTable, subject: Subject): number {
  return subject.port === 0
    ? connections.recallTemplate(subject.client, 9)
    : connections.recall(subject.client, subject.port, TCP_KEY);
}

type Command =
  | { readonly kind: "add"; readonly state: number; readonly expiresAtMs: number }
  | { readonly kind: "remove" }
  | { readonly kind: "update"; readonly state: number; readonly expiresAtMs: number }
  | { readonly kind: "move"; readonly destination: number }
  | { readonly kind: "sweep"; readonly nowMs: number; readonly slots: number };

const anySubject: fc.Arbitrary<Subject> = fc.record({
  client: fc.oneof(
    fc.integer({ min: 1, max: 8 }).map(ipv4Client),
    fc.integer({ min: 1, max: 3 }).map((last) => Uint32Array.of(0x20010db8, 0, 0, last)),
  ),
  port: fc.constantFrom(0, 0x9c400050, 0x9c410050, 1),
});
const anyState = fc.constantFrom(...[State.SynReceived, State.Established, State.FinWait, State.UdpFirst]);
const anyTime = fc.integer({ min: 0, max: 1_000 });
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), state: anyState, expiresAtMs: anyTime }),
  fc.record({ kind: fc.constant("add" as const), state: anyState, expiresAtMs: anyTime }),
  fc.record({ kind: fc.constant("remove" as const) }),
  fc.record({ kind: fc.constant("update" as const), state: anyState, expiresAtMs: anyTime }),
  fc.record({ kind: fc.constant("move" as const), destination: fc.integer({ min: 1, max: 65_535 }) }),
  fc.record({ kind: fc.constant("sweep" as const), nowMs: anyTime, slots: fc.integer({ min: 1, max: 30 }) }),
);

/** A table beside a Map that is told the same. */
class Modelled {
  readonly connections: ConnectionTable;
  readonly model = new Map<string, Entry>();
  readonly #ledger: ConnectionLedger;
  #mayRelease: (entry: Entry) => boolean = () => false;

  constructor(maximum: number) {
    this.connections = tableOf(maximum);
    this.#ledger = {
      released: (slot) => {
        const entry = entryAt(this.connections, slot);
        assert.ok(this.#mayRelease(entry), `${nameOfEntry(entry)} had to stay`);
        assert.ok(this.model.delete(nameOfEntry(entry)), `${nameOfEntry(entry)} was there`);
      },
      prolonged: () => false,
    };
  }

  run(subject: Subject, command: Command): void {
    const { connections, model } = this;
    const slot = find(connections, subject);
    const name = nameOf([...subject.client].join(), subject.port);
    assert.equal(slot !== NONE, model.has(name), `${name} is found if and only if it is there`);
    if (command.kind === "sweep") {
      this.#mayRelease = ({ expiresAtMs }) => expiresAtMs <= command.nowMs;
      connections.sweep(command.nowMs, command.slots, this.#ledger);
      if (command.slots >= connections.slotCount) {
        assert.ok([...model.values()].every(({ expiresAtMs }) => expiresAtMs > command.nowMs));
      }
    } else if (command.kind === "add") {
      if (slot === NONE) this.#add(subject, name, command.state, command.expiresAtMs);
    } else if (slot !== NONE) {
      const entry = model.get(name)!;
      if (command.kind === "remove") {
        this.#mayRelease = (released) => nameOfEntry(released) === name;
        connections.remove(slot, this.#ledger);
      } else if (command.kind === "move") {
        connections.setDestination(slot, command.destination);
        model.set(name, { ...entry, destination: command.destination });
      } else {
        const state = subject.port === 0 ? State.Template : command.state;
        connections.update(slot, state, command.expiresAtMs);
        model.set(name, { ...entry, state, expiresAtMs: command.expiresAtMs });
      }
    }
    this.#compare();
  }

  #add(subject: Subject, name: string, wanted: number, expiresAtMs: number): void {
    const { connections, model } = this;
    const isTemplate = subject.port === 0;
    const state = isTemplate ? State.Template : wanted;
    const before = [...model.values()];
    const isFull = before.length === connections.maximum;
    const isSpare = ({ state, ports }: Entry) =>
      isHalfOpen(state) || (state === State.Template && ports === 0);
    const hasHalfOpen = before.some((entry) => isHalfOpen(entry.state));
    this.#mayRelease = (entry) => isFull && (hasHalfOpen ? isHalfOpen(entry.state) : isSpare(entry));
    const holdsTemplate = !isTemplate && state === State.Established;
    const slot = connections.insert(
      subject.client,
      subject.port,
      keyOf(subject),
      7,
      holdsTemplate ? state | HOLDS_TEMPLATE : state,
      expiresAtMs,
      this.#ledger,
    );
    assert.equal(slot === NONE, isFull && !before.some(isSpare), "it is refused only if nothing may go");
    if (slot === NONE) return;
    const key = keyOf(subject);
    model.set(name, {
      client: [...subject.client].join(),
      ports: subject.port,
      owner: key >>> 16,
      protocol: key & 0xffff,
      destination: 7,
      state,
      holdsTemplate,
      expiresAtMs,
    });
    assert.equal(nameOfEntry(entryAt(connections, slot)), name);
  }

  #compare(): void {
    const byName = (a: Entry, b: Entry) => nameOfEntry(a) < nameOfEntry(b) ? -1 : 1;
    assert.deepEqual(entriesOf(this.connections).sort(byName), [...this.model.values()].sort(byName));
    for (let slot = this.connections.nextUsed(0); slot !== NONE; slot = this.connections.nextUsed(slot + 1)) {
      const { client, protocol, ports } = entryAt(this.connections, slot);
      const port = protocol === TEMPLATE_PROTOCOL ? 0 : ports;
      assert.equal(
        find(this.connections, { client: Uint32Array.from(client.split(","), Number), port }),
        slot,
      );
    }
    assert.equal(this.connections.used, this.model.size);
    assert.ok(this.connections.used <= this.connections.maximum);
  }
}

Deno.test("ConnectionTable does what a Map does, also when it is tiny and always full", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.tuple(anySubject, anyCommand), { maxLength: 80 }),
      (maximum, steps) => {
        const modelled = new Modelled(maximum);
        for (const [subject, command] of steps) modelled.run(subject, command);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("ConnectionTable never gives up what is established, and never grows past its maximum", () => {
  const connections = tableOf(300);
  for (let client = 0; client < 200; client++) {
    connections.insert(ipv4Client(client), 1, TCP_KEY, 1, State.Established, 1_000, NO_LEDGER);
  }
  for (let client = 1_000; client < 50_000; client++) {
    const slot = connections.insert(ipv4Client(client), 1, TCP_KEY, 1, State.SynReceived, 1_000, NO_LEDGER);
    assert.notEqual(slot, NONE);
    assert.ok(connections.used <= 300);
  }
  for (let client = 0; client < 200; client++) {
    assert.notEqual(connections.recall(ipv4Client(client), 1, TCP_KEY), NONE);
  }
});

Deno.test("ConnectionTable.insert() refuses when everything there is established", () => {
  const connections = tableOf(2_000);
  for (let client = 0; client < 2_000; client++) {
    connections.insert(ipv4Client(client), 1, TCP_KEY, 1, State.Established, 1_000, NO_LEDGER);
  }
  const slot = connections.insert(ipv4Client(5_000), 1, TCP_KEY, 1, State.SynReceived, 1_000, NO_LEDGER);
  assert.equal(slot, NONE);
  assert.equal(connections.used, 2_000);
});

Deno.test("ConnectionTable.insert() lets a template go only if no connection holds it", () => {
  const connections = tableOf(2);
  const template = (client: number) =>
    connections.insert(ipv4Client(client), 0, keyWord(9, TEMPLATE_PROTOCOL), 1, State.Template, 9, NO_LEDGER);
  connections.setHolders(template(1), 1);
  template(2);
  assert.notEqual(
    connections.insert(ipv4Client(3), 1, TCP_KEY, 1, State.Established, 9, NO_LEDGER),
    NONE,
  );
  assert.notEqual(connections.recallTemplate(ipv4Client(1), 9), NONE);
  assert.equal(connections.recallTemplate(ipv4Client(2), 9), NONE);
  assert.equal(connections.insert(ipv4Client(4), 1, TCP_KEY, 1, State.Established, 9, NO_LEDGER), NONE);
});

Deno.test("ConnectionTable.sweep() has removed exactly the expired entries after one round, in any portions", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1, maxLength: 400 }),
      fc.integer({ min: 1, max: 300 }),
      // The clock of entries wraps every 49.7 days.
      fc.constantFrom(5_000, 2 ** 31, 2 ** 32 - 500, 2 ** 32 + 500, 7 * 2 ** 32 - 3),
      (remaining, portion, nowMs) => {
        const connections = tableOf(400);
        remaining.forEach((ms, client) =>
          connections.insert(ipv4Client(client), 1, TCP_KEY, 1, State.Established, nowMs + ms, NO_LEDGER)
        );
        for (let swept = 0; swept < connections.slotCount; swept += portion) {
          connections.sweep(nowMs, portion, NO_LEDGER);
        }
        remaining.forEach((ms, client) => {
          const isThere = connections.recall(ipv4Client(client), 1, TCP_KEY) !== NONE;
          assert.equal(isThere, ms > 0, `client ${client} has ${ms} ms left`);
        });
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("ConnectionTable.sweep() keeps what its ledger prolongs and asks again when that has expired", () => {
  const connections = tableOf(10);
  const slot = connections.insert(ipv4Client(1), 1, TCP_KEY, 1, State.Established, 100, NO_LEDGER);
  const askedAtMs: number[] = [];
  const ledger: ConnectionLedger = {
    released: () => {},
    prolonged(expired, nowMs) {
      askedAtMs.push(nowMs);
      connections.update(expired, State.Established, nowMs + 60);
      return askedAtMs.length < 3;
    },
  };
  for (const nowMs of [99, 100, 159, 160]) connections.sweep(nowMs, connections.slotCount, ledger);
  assert.deepEqual(askedAtMs, [100, 160]);
  assert.notEqual(connections.key(slot), 0);
  connections.sweep(220, connections.slotCount, ledger);
  assert.equal(connections.used, 0);
});

Deno.test("ConnectionTable does not touch pages without entries, neither to sweep nor to list", () => {
  const maximum = 20_000;
  const words = new Uint32Array(ConnectionTable.bytesFor(maximum) / 4);
  const touched = new Set<number>();
  const watched = new Proxy(words, {
    get(target, property) {
      touched.add(Math.floor(Number(property) / PAGE_WORDS));
      return Reflect.get(target, property);
    },
  });
  const connections = tableOf(maximum, watched);
  const slots = [1, 2, 3].map((client) =>
    connections.insert(ipv4Client(client), 1, TCP_KEY, 1, State.Established, 100, NO_LEDGER)
  );
  const pages = new Set(slots.map((slot) => Math.floor(slot * 8 / PAGE_WORDS)));
  touched.clear();
  connections.sweep(50, connections.slotCount, NO_LEDGER);
  assert.equal(entriesOf(connections).length, 3);
  assert.deepEqual([...touched].sort(), [...pages].sort());
});

Deno.test("ConnectionTable needs at most 64 bytes a connection", () => {
  for (const maximum of [1_000, 1_000_000, 10_000_000]) {
    assert.ok(ConnectionTable.bytesFor(maximum) / maximum <= 64);
  }
});
