import assert from "node:assert/strict";
import { HOLDS_TEMPLATE, keyWord, NONE, TEMPLATE_PROTOCOL } from "../../datapath/connection_table.ts";
import { State } from "../../datapath/connection_state.ts";
import { ConnectionTable } from "../../datapath/connection_table.ts";
import { IdentityRegistry } from "../../datapath/identity_registry.ts";
import {
  adopt,
  HEADER_BYTES,
  namedEntries,
  type NamedEntry,
  NOW_MS,
  open,
  SEPARATOR,
  withTablePath,
} from "./adoption.ts";
import { ipv4Client, NO_LEDGER, tableOf } from "./table_entries.ts";

const MAXIMUM = 5;
const WORDS_AT = HEADER_BYTES + IdentityRegistry.BYTES;
const EXPIRES_AT_MS = NOW_MS + 60_000;

interface Numbers {
  readonly vip: number;
  readonly service: number;
  readonly server: number;
}

type Operation = (connections: ConnectionTable, numbers: Numbers) => void;

const insert = (client: number, state: number): Operation => (connections, { vip, server }) => {
  connections.insert(
    ipv4Client(client),
    0x9c400050,
    keyWord(vip, 6),
    server,
    state,
    EXPIRES_AT_MS,
    NO_LEDGER,
  );
};

const insertTemplate = (client: number): Operation => (connections, { service, server }) => {
  const key = keyWord(service, TEMPLATE_PROTOCOL);
  connections.insert(ipv4Client(client), 0, key, server, State.Template, EXPIRES_AT_MS, NO_LEDGER);
};

const remove = (client: number): Operation => (connections, { vip }) => {
  connections.remove(connections.recall(ipv4Client(client), 0x9c400050, keyWord(vip, 6)), NO_LEDGER);
};

/** A life of a table of five, with the clients from `first` on: where they fall and what must shift is up to chance. */
const operations = (first: number): readonly Operation[] => [
  insert(first + 1, State.Established),
  insertTemplate(first + 1),
  insert(first + 2, State.Established | HOLDS_TEMPLATE),
  (connections, { service }) =>
    connections.setHolders(connections.recallTemplate(ipv4Client(first + 1), service), 1),
  insert(first + 3, State.SynReceived),
  insert(first + 4, State.Established),
  // The table is full: the half-open one goes.
  insert(first + 5, State.Established),
  (connections, { vip }) => {
    const slot = connections.recall(ipv4Client(first + 4), 0x9c400050, keyWord(vip, 6));
    connections.update(slot, State.FinWait, EXPIRES_AT_MS + 1_000);
  },
  remove(first + 1),
  insert(first + 6, State.Established),
  (connections, { service, server }) =>
    connections.setDestination(connections.recallTemplate(ipv4Client(first + 1), service), server - 1),
  remove(first + 2),
  insert(first + 7, State.Established),
  remove(first + 4),
  remove(first + 5),
  remove(first + 7),
  remove(first + 6),
  (connections, { service }) =>
    connections.remove(connections.recallTemplate(ipv4Client(first + 1), service), NO_LEDGER),
];

Deno.test("A process that dies after any single write leaves every entry but the one at hand", () =>
  withTablePath((path) => {
    const numbers = makeEmptyTable(path);
    const file = Deno.readFileSync(path);
    const registry = new IdentityRegistry(new Uint8Array(IdentityRegistry.BYTES));
    registerTexts(registry);
    const words = new Uint32Array(ConnectionTable.bytesFor(MAXIMUM) / 4);
    const writes: [number, number][] = [];
    const recording = new Proxy(words, {
      // A typed array insists on being asked itself.
      get: (target, property) => Reflect.get(target, property),
      set(target, property, value: number) {
        target[Number(property)] = value;
        writes.push([Number(property), target[Number(property)]!]);
        return true;
      },
    });
    const connections = tableOf(MAXIMUM, recording);
    const onDisk = words.slice();
    let before: NamedEntry[] = [];
    let shifts = 0;
    [0, 10, 20, 30].flatMap(operations).forEach((operation, index) => {
      writes.length = 0;
      operation(connections, numbers);
      const after = namedEntries(connections, registry);
      assert.ok(writes.length > 0, `operation ${index} writes`);
      if (after.length < before.length && writes.length > 1) shifts += 1;
      for (const [at, value] of writes) {
        onDisk[at] = value;
        file.set(new Uint8Array(onDisk.buffer), WORDS_AT);
        Deno.writeFileSync(path, file);
        const { adoption, entries } = adopt(path, { maximum: MAXIMUM });
        assert.equal(adoption.kind, "adopted");
        assertBetween(before, entries, after, `operation ${index}, write of word ${at}`);
      }
      assert.deepEqual(onDisk, words);
      before = after;
    });
    assert.ok(shifts >= 5, `entries were shifted ${shifts} times`);
  }));

/** Untouched entries are there as they were; the others are there before, after, or not, but not invented. */
function assertBetween(
  before: readonly NamedEntry[],
  found: readonly NamedEntry[],
  after: readonly NamedEntry[],
  when: string,
): void {
  const contents = (entries: readonly NamedEntry[]) =>
    new Map(entries.map(({ name, content }) => [name, content]));
  const [earlier, now, later] = [contents(before), contents(found), contents(after)];
  assert.equal(now.size, found.length, `${when}: nothing is there twice`);
  for (const [name, content] of later) {
    if (earlier.get(name) === content) assert.equal(now.get(name), content, `${when}: ${name} is untouched`);
  }
  for (const [name, content] of now) {
    const [was, is] = [earlier.get(name)?.split(SEPARATOR), later.get(name)?.split(SEPARATOR)];
    assert.ok(was !== undefined || is !== undefined, `${when}: ${name} is invented`);
    content.split(SEPARATOR).forEach((field, index) => {
      assert.ok(field === was?.[index] || field === is?.[index], `${when}: ${name} has an invented ${field}`);
    });
  }
}

function registerTexts(registry: IdentityRegistry): Numbers {
  const use = { isReferred: () => true, forget: () => {} };
  const [vip, service, , server] = ["vip", "service", "service another server", "service server"]
    .map((text) => registry.numberOf(text, use)) as [number, number, number, number];
  return { vip, service, server };
}

function makeEmptyTable(path: string): Numbers {
  using file = open(path, { maximum: MAXIMUM });
  return registerTexts(file.registry);
}

Deno.test("A process that is killed while it opens and closes connections leaves a table that is adopted", () =>
  withTablePath(async (path) => {
    for (let life = 0; life < 3; life++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "-A", new URL("./table_writer.ts", import.meta.url).pathname, path],
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      // Its first line comes when the table is there and full of what must not be lost.
      await child.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
      child.kill("SIGKILL");
      assert.equal((await child.status).signal, "SIGKILL");
      using file = open(path, { maximum: 2_000 });
      assert.equal(file.adoption.kind, "adopted");
      const use = { isReferred: () => true, forget: () => {} };
      const vip = file.registry.numberOf("vip", use);
      for (let client = 0; client < 500; client++) {
        const slot = file.connections.recall(ipv4Client(client), 1, keyWord(vip, 6));
        assert.notEqual(slot, NONE, `client ${client} of life ${life}`);
        assert.equal(file.registry.textOf(file.connections.destination(slot)), `server ${client % 7}`);
      }
    }
  }));
