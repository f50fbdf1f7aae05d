/**
 * The file that holds the connection tables, so that they outlive the process: a versioned header, and a section for
 * each worker with the identities its entries speak of and the entries. A start never works on an old file itself: it
 * copies what is whole and still valid into a new one, which also serves another size of table and another number of
 * workers, and then takes the old one's place at once.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { State } from "./connection_state.ts";
import { ConnectionTable, HOLDS_TEMPLATE, keyWord, NONE, TEMPLATE_PROTOCOL } from "./connection_table.ts";
import type { Destinations } from "./destinations.ts";
import type { Libc } from "./ffi/libc.ts";
import { MappedFile } from "./ffi/mapped_file.ts";
import { IdentityRegistry } from "./identity_registry.ts";
import { KeyedHash } from "./keyed_hash.ts";
import type { Adoption } from "./messages.ts";
import { type Steering, workerOf } from "./steering.ts";
import { Protocol } from "./wire/ipv4.ts";

/** Changes whenever anything in the file is laid out differently. */
const VERSION = 2;
const MAGIC = "LVSDR connections";
const HEADER_BYTES = 4096;
const MAGIC_AT = 0;
const MAGIC_BYTES = 32;
const VERSION_AT = 32;
/** Most entries of one section. */
const MAXIMUM_AT = 36;
const WORKERS_AT = 40;
const BOOT_ID_AT = 64;
const BOOT_ID_BYTES = 64;
const CHECKSUM_AT = HEADER_BYTES - 4;

/** The longest an entry can have left: no timeout may be set to more than a week. */
const LONGEST_TIMEOUT_MS = 168 * 3_600_000;
const SLOT_BYTES = 32;

/** Which table is wanted. */
export interface TableFileOptions {
  readonly path: string;
  /** Most entries of all workers together; each has room for its part. */
  readonly maximum: number;
  /** Tells this boot of the host from others: entries of another expire by another clock. */
  readonly bootId: string;
  /** Number of the worker it is for. */
  readonly worker: number;
  readonly steering: Steering;
}

/** A connection table in a file, with what its entries refer to. */
export interface TableFile extends Disposable {
  readonly connections: ConnectionTable;
  readonly registry: IdentityRegistry;
  readonly adoption: Adoption;
}

/**
 * Makes the table of one worker, with the connections of its clients that an earlier process left, whichever worker had
 * them. The workers do so in their order, one after the other: the first one makes a new file, the last one puts it in
 * the place of the old one. So whenever a start dies, one of the two holds everything.
 *
 * @param destinations Learns of every connection that is adopted.
 * @param nowMs Milliseconds of the clock entries expire by, see `monotonicMs()`.
 * @throws {HostError} If there is no room for the file.
 */
export function openTableFile(
  libc: Libc,
  options: TableFileOptions,
  destinations: Destinations,
  nowMs: number,
): TableFile {
  const { path, worker, steering: { workers } } = options;
  const layout = { workers, maximum: Math.ceil(options.maximum / workers) };
  const fresh = `${path}.new`;
  const file = worker === 0
    ? createFile(libc, fresh, fileBytes(layout))
    : MappedFile.open(libc, fresh, fileBytes(layout));
  try {
    if (worker === 0) writeHeader(new Uint8Array(file.buffer, 0, HEADER_BYTES), layout, options.bootId);
    const { names, words } = sectionOf(file.buffer, layout, worker);
    const registry = new IdentityRegistry(names);
    const hash = new KeyedHash(crypto.getRandomValues(new Uint32Array(2)));
    const connections = new ConnectionTable(words, layout.maximum, hash);
    const adoption = adopt(libc, options, { connections, registry, destinations, nowMs });
    if (worker === workers - 1) onHost(`mv ${fresh} ${path}`, () => Deno.renameSync(fresh, path));
    const close = () => {
      file.close();
      // Still there if the start of a later worker has failed.
      removeIfThere(fresh);
    };
    return { connections, registry, adoption, [Symbol.dispose]: close };
  } catch (error) {
    file.close();
    removeIfThere(fresh);
    throw error;
  }
}

/** Makes a mapped file of zeros; what a start that was killed left there is in the way. */
function createFile(libc: Libc, path: string, bytes: number): MappedFile {
  onHost(`rm ${path}`, () => removeIfThere(path));
  try {
    return MappedFile.create(libc, path, bytes);
  } catch (error) {
    removeIfThere(path);
    throw error;
  }
}

/** Runs a step that the host may refuse. */
function onHost(step: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HostError(
      step,
      `Cannot make the connection table: ${step}: ${reason}`,
      ExitCode.UNAVAILABLE,
      {
        remedy: "Remove what is in the way in the run directory, or choose another with --run-dir",
        cause: error,
      },
    );
  }
}

interface AdoptionTarget {
  readonly connections: ConnectionTable;
  readonly registry: IdentityRegistry;
  readonly destinations: Destinations;
  readonly nowMs: number;
}

function adopt(libc: Libc, options: TableFileOptions, target: AdoptionTarget): Adoption {
  const { path, bootId, worker, steering } = options;
  let header: Uint8Array<ArrayBuffer>;
  let size: number;
  try {
    // Anything else could lead elsewhere, or block for ever.
    if (!Deno.lstatSync(path).isFile) return { kind: "refused", reason: "it is not a regular file" };
    using file = Deno.openSync(path, { read: true });
    size = file.statSync().size;
    header = new Uint8Array(HEADER_BYTES);
    file.readSync(header);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "fresh" };
    return {
      kind: "refused",
      reason: `it cannot be read: ${error instanceof Error ? error.message : error}`,
    };
  }
  const reason = reasonToRefuse(header, size, bootId);
  if (reason !== null) return { kind: "refused", reason };
  const layout = layoutOf(header);
  using file = MappedFile.open(libc, path, size);
  const isOurs = (entry: Uint32Array) => workerOf(entry, steering) === worker;
  for (let section = 0; section < layout.workers; section++) {
    const { names, words } = sectionOf(file.buffer, layout, section);
    const numberOf = translation(IdentityRegistry.read(names), target);
    for (let at = 0; at < words.length; at += SLOT_BYTES / 4) {
      if (words[at + 5] === 0) continue;
      const entry = words.subarray(at, at + SLOT_BYTES / 4);
      if (isOurs(entry)) adoptEntry(entry, numberOf, target);
    }
  }
  return { kind: "adopted", connections: target.connections.used };
}

/** Numbers of this run for those of an earlier one; 0 for those without a text. */
function translation(
  texts: ReadonlyMap<number, string>,
  { registry, destinations }: AdoptionTarget,
): (before: number) => number {
  const numbers = new Uint16Array(1 << 16);
  return (before) => {
    const text = numbers[before] === 0 ? texts.get(before) : undefined;
    if (text !== undefined) numbers[before] = registry.numberOf(text, destinations);
    return numbers[before]!;
  };
}

/** Copies one entry if it is whole, refers to known things, has not expired and is not there yet. */
function adoptEntry(
  entry: Uint32Array,
  numberOf: (before: number) => number,
  { connections, destinations, nowMs }: AdoptionTarget,
): void {
  const protocol = entry[5]! & 0xffff;
  const state = entry[6]! & 0xff;
  const remainingMs = (entry[7]! - nowMs) | 0;
  if (!isPossible(protocol, entry[6]! & 0xffff)) return;
  if (remainingMs <= 0 || remainingMs > LONGEST_TIMEOUT_MS) return;
  const owner = numberOf(entry[5]! >>> 16);
  const destination = numberOf(entry[6]! >>> 16);
  if (owner === 0 || destination === 0) return;
  const client = entry.subarray(0, 4);
  const key = keyWord(owner, protocol);
  // A process that dies while it moves an entry leaves it twice.
  const isKnown = protocol === TEMPLATE_PROTOCOL
    ? connections.recallTemplate(client, owner) !== NONE
    : connections.recall(client, entry[4]!, key) !== NONE;
  if (isKnown) return;
  const slot = connections.insert(
    client,
    entry[4]!,
    key,
    destination,
    entry[6]! & 0xffff,
    entry[7]!,
    // An entry that makes room in a smaller table is taken off the books again.
    {
      released: (slot) =>
        destinations.left(
          connections.destination(slot),
          connections.key(slot) >>> 16,
          connections.state(slot),
        ),
      prolonged: () => false,
    },
  );
  if (slot !== NONE) destinations.joined(destination, owner, state);
}

/** Whether an entry of the protocol can have a state, given with its flags. */
function isPossible(protocol: number, stateAndFlags: number): boolean {
  if (protocol === TEMPLATE_PROTOCOL) return stateAndFlags === State.Template;
  const state = stateAndFlags & ~HOLDS_TEMPLATE;
  if (protocol === Protocol.UDP) return state === State.UdpFirst || state === State.Udp;
  return protocol === Protocol.TCP && state >= State.SynReceived && state <= State.Close;
}

/** What decides where everything in a file is. */
interface Layout {
  readonly workers: number;
  /** Most entries of one section. */
  readonly maximum: number;
}

function sectionBytes({ maximum }: Layout): number {
  return IdentityRegistry.BYTES + ConnectionTable.bytesFor(maximum);
}

function fileBytes(layout: Layout): number {
  return HEADER_BYTES + layout.workers * sectionBytes(layout);
}

/** The identities and the entries of one worker. */
function sectionOf(
  buffer: ArrayBuffer,
  layout: Layout,
  worker: number,
): { readonly names: Uint8Array; readonly words: Uint32Array } {
  const at = HEADER_BYTES + worker * sectionBytes(layout);
  const wordCount = ConnectionTable.bytesFor(layout.maximum) / Uint32Array.BYTES_PER_ELEMENT;
  return {
    names: new Uint8Array(buffer, at, IdentityRegistry.BYTES),
    words: new Uint32Array(buffer, at + IdentityRegistry.BYTES, wordCount),
  };
}

function layoutOf(header: Uint8Array<ArrayBuffer>): Layout {
  const view = new DataView(header.buffer);
  return { workers: view.getUint32(WORKERS_AT, true), maximum: view.getUint32(MAXIMUM_AT, true) };
}

function writeHeader(header: Uint8Array<ArrayBuffer>, { workers, maximum }: Layout, bootId: string): void {
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
  const encoder = new TextEncoder();
  encoder.encodeInto(MAGIC, header.subarray(MAGIC_AT, MAGIC_AT + MAGIC_BYTES));
  view.setUint32(VERSION_AT, VERSION, true);
  view.setUint32(MAXIMUM_AT, maximum, true);
  view.setUint32(WORKERS_AT, workers, true);
  encoder.encodeInto(bootId, header.subarray(BOOT_ID_AT, BOOT_ID_AT + BOOT_ID_BYTES));
  view.setUint32(CHECKSUM_AT, crc32(header.slice(0, CHECKSUM_AT)), true);
}

function reasonToRefuse(header: Uint8Array<ArrayBuffer>, size: number, bootId: string): string | null {
  const view = new DataView(header.buffer);
  const text = (at: number, bytes: number) =>
    new TextDecoder().decode(header.subarray(at, at + bytes)).replace(/\0.*$/s, "");
  if (text(MAGIC_AT, MAGIC_BYTES) !== MAGIC) return "it is not a connection table";
  if (view.getUint32(VERSION_AT, true) !== VERSION) {
    return `it has format ${view.getUint32(VERSION_AT, true)}, this version reads ${VERSION}`;
  }
  if (view.getUint32(CHECKSUM_AT, true) !== crc32(header.slice(0, CHECKSUM_AT))) {
    return "its header is damaged";
  }
  if (size !== fileBytes(layoutOf(header))) return "its size contradicts its header";
  if (text(BOOT_ID_AT, BOOT_ID_BYTES) !== bootId) return "it is from before the last boot";
  return null;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
