/**
 * What an operation of the connection table costs with 1,000 to 10,000,000 connections, in one table that has room
 * for all of them, as a director has. Its memory is a mapped file, as in a director; needs 560 MB of it.
 *
 * @module
 */

import { State } from "../../datapath/connection_state.ts";
import { type ConnectionLedger, ConnectionTable, keyWord, NONE } from "../../datapath/connection_table.ts";
import { BATCH_FRAMES } from "../../datapath/engine.ts";
import { openLibc } from "../../datapath/ffi/libc.ts";
import { MappedFile } from "../../datapath/ffi/mapped_file.ts";
import { CACHED_ENTRIES } from "../../datapath/look_ahead.ts";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import { formatCount } from "../../lab/quantity.ts";
import { IPV4_MAPPED } from "../../model/ip_address.ts";
import { type Finding, progress, runBench } from "./report.ts";

const MAXIMUM = 10_000_000;
const SIZES = [1_000, 100_000, 1_000_000, MAXIMUM];
const RECALLS = 1_024_000;
/** The least of so many rounds counts: other programs only ever make it slower. */
const ROUNDS = 5;
const WANTED_BYTES = 64;
const WANTED_RATIO = 3;

/** Where a director's run directory is as well: memory that outlives the process. */
const MEMORY_DIRECTORY = "/dev/shm";
const EXPIRES_AT_MS = 1_000_000;
const KEY = keyWord(1, 6);
/** Connections of one client. */
const PORTS = 8;
/** An odd factor makes neighbouring numbers clients that have nothing in common, and each number another client. */
const SPREAD = 0x9e3779b1;
/** Numbers from here on are of connections that are not there. */
const STRANGERS = 2 ** 28;

const LEDGER: ConnectionLedger = { released: () => {}, prolonged: () => false };
const numbers = new Int32Array(BATCH_FRAMES);
const homes = new Int32Array(BATCH_FRAMES);
const client = Uint32Array.of(0, 0, IPV4_MAPPED, 0);

/** Makes {@linkcode client} that of connection `number` and returns its ports. */
function address(number: number): number {
  client[3] = Math.imul(Math.floor(number / PORTS), SPREAD);
  return ((10_000 + number % PORTS) << 16) | 80;
}

/**
 * Recalls connections in random order, a batch at a time as the engine does, looking ahead where it does. Every
 * number below `size`, a power of two, comes up before one does again.
 */
function recallMany(connections: ConnectionTable, size: number, first: number): number {
  let powerOfTwo = 1;
  while (powerOfTwo < size) powerOfTwo *= 2;
  let number = 1;
  let found = 0;
  for (let recall = 0; recall < RECALLS; recall += BATCH_FRAMES) {
    for (let index = 0; index < BATCH_FRAMES; index++) {
      do {
        number = (Math.imul(number, 1_664_525) + 1_013_904_223) & (powerOfTwo - 1);
      } while (number >= size);
      numbers[index] = first + number;
    }
    if (size > CACHED_ENTRIES) {
      for (let index = 0; index < BATCH_FRAMES; index++) {
        homes[index] = connections.home(client, address(numbers[index]!), KEY);
      }
      connections.touch(homes, BATCH_FRAMES);
    }
    for (let index = 0; index < BATCH_FRAMES; index++) {
      if (connections.recall(client, address(numbers[index]!), KEY) !== NONE) found += 1;
    }
  }
  return found;
}

function insertMany(connections: ConnectionTable, count: number): void {
  for (let number = 0; number < count; number++) {
    connections.insert(client, address(number), KEY, 1, State.Established, EXPIRES_AT_MS, LEDGER);
  }
}

/** One round of the sweep, in which every connection has expired. */
function expireAll(connections: ConnectionTable): void {
  connections.sweep(EXPIRES_AT_MS, connections.slotCount, LEDGER);
  if (connections.used !== 0) throw new Error(`${connections.used} connections have stayed`);
}

/** Nanoseconds each of `count` operations takes. */
function nanoseconds(count: number, run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) * 1e6 / count;
}

function leastNanoseconds(count: number, run: () => void): number {
  return Math.min(...Array.from({ length: ROUNDS }, () => nanoseconds(count, run)));
}

function mapTable(): { file: MappedFile; connections: ConnectionTable } {
  const directory = Deno.makeTempDirSync({ dir: MEMORY_DIRECTORY });
  const path = `${directory}/connections`;
  const file = MappedFile.create(openLibc(), path, ConnectionTable.bytesFor(MAXIMUM));
  Deno.removeSync(directory, { recursive: true });
  const hash = new KeyedHash(crypto.getRandomValues(new Uint32Array(2)));
  return { file, connections: new ConnectionTable(new Uint32Array(file.buffer), MAXIMUM, hash) };
}

function measure(): Finding[] {
  const { file, connections } = mapTable();
  const before = Deno.memoryUsage().rss;
  // Once for V8, and for the kernel, which finds a page of memory at the first touch.
  insertMany(connections, MAXIMUM);
  recallMany(connections, MAXIMUM, 0);
  const bytes = (Deno.memoryUsage().rss - before) / connections.used;
  expireAll(connections);

  progress("connections     insert   recall   recall of a stranger   expire   nanoseconds each");
  const recalls = SIZES.map((size) => measureSize(connections, size));
  file.close();
  const ratio = recalls.at(-1)! / recalls[0]!;
  return [
    {
      what: "recall of a connection among 10,000,000, beside one among 1,000",
      result: `${ratio.toFixed(1)} times its time (${recalls.map((ns) => ns.toFixed(0)).join(", ")} ns with ${
        SIZES.map(formatCount).join(", ")
      })`,
      bar: { wanted: `at most ${WANTED_RATIO}`, isMet: ratio <= WANTED_RATIO },
      figures: Object.fromEntries([
        ["ratio", ratio],
        ...SIZES.map((size, index) => [`recallNanosecondsOf${size}`, recalls[index]!] as const),
      ]),
    },
    {
      what: "resident memory of a connection",
      result: `${bytes.toFixed(1)} bytes`,
      bar: { wanted: `at most ${WANTED_BYTES}`, isMet: bytes <= WANTED_BYTES },
      figures: { bytes },
    },
  ];
}

/** Prints a row and returns the nanoseconds of a recall. */
function measureSize(connections: ConnectionTable, size: number): number {
  const insert = nanoseconds(size, () => insertMany(connections, size));
  const hit = leastNanoseconds(RECALLS, () => {
    if (recallMany(connections, size, 0) !== RECALLS) throw new Error("A connection is missing");
  });
  const miss = leastNanoseconds(RECALLS, () => {
    if (recallMany(connections, size, STRANGERS) !== 0) {
      throw new Error("A connection is there that nobody made");
    }
  });
  const expire = nanoseconds(size, () => expireAll(connections));
  progress(
    [
      formatCount(size).padStart(11),
      insert.toFixed(0).padStart(10),
      hit.toFixed(0).padStart(8),
      miss.toFixed(0).padStart(22),
      expire.toFixed(0).padStart(8),
    ].join(" "),
  );
  return hit;
}

if (import.meta.main) await runBench(measure);
