/**
 * Table files as tests make, damage and adopt them.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { ConnectionTable } from "../../datapath/connection_table.ts";
import { Destinations } from "../../datapath/destinations.ts";
import { openLibc } from "../../datapath/ffi/libc.ts";
import type { IdentityRegistry } from "../../datapath/identity_registry.ts";
import type { Adoption } from "../../datapath/messages.ts";
import type { Steering } from "../../datapath/steering.ts";
import { openTableFile, type TableFile } from "../../datapath/table_file.ts";
import { entriesOf } from "./table_entries.ts";

export const BOOT_ID = "9a7c9b1e-1111-4222-8333-444455556666";
export const HEADER_BYTES = 4096;
export const NOW_MS = 1_000_000;

const libc = openLibc();

/** Runs `use` with the path of a table file in a directory of its own that is removed afterwards. */
export async function withTablePath(use: (path: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(`${directory}/connections`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

export interface OpenOptions {
  /** @default 10 */
  readonly maximum?: number;
  readonly bootId?: string;
  readonly nowMs?: number;
  readonly destinations?: Destinations;
  /** @default 0 */
  readonly worker?: number;
  /** @default one worker */
  readonly steering?: Steering;
}

/** Everything goes to the only worker. */
export const ALONE: Steering = { workers: 1, multiplier: 1, ipv4Mask: -1, ipv6Masks: [-1, -1] };

export function open(path: string, options: OpenOptions = {}): TableFile {
  const { maximum = 10, bootId = BOOT_ID, nowMs = NOW_MS, destinations = new Destinations() } = options;
  const { worker = 0, steering = ALONE } = options;
  return openTableFile(libc, { path, maximum, bootId, worker, steering }, destinations, nowMs);
}

/** Stands between the fields of {@linkcode NamedEntry.content}. */
export const SEPARATOR = " | ";

/** An entry with the texts its numbers stand for. */
export interface NamedEntry {
  readonly name: string;
  readonly content: string;
}

/** All entries, sorted: what identifies them, and the rest. */
export function namedEntries(connections: ConnectionTable, registry: IdentityRegistry): NamedEntry[] {
  return entriesOf(connections).map((entry) => {
    const isTemplate = entry.protocol === 0xff;
    return {
      name: [registry.textOf(entry.owner), entry.protocol, entry.client, isTemplate ? "" : entry.ports].join(
        " ",
      ),
      content: [
        registry.textOf(entry.destination),
        entry.state,
        entry.holdsTemplate,
        entry.expiresAtMs,
        isTemplate ? entry.ports : "",
      ].join(SEPARATOR),
    };
  }).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** What a start makes of the file at `path`. */
export function adopt(
  path: string,
  options: OpenOptions = {},
): { adoption: Adoption; entries: NamedEntry[] } {
  using file = open(path, options);
  return { adoption: file.adoption, entries: namedEntries(file.connections, file.registry) };
}

/** Changes the header of a file and makes its checksum right again. */
export function changeHeader(path: string, change: (header: DataView) => void): void {
  const bytes = Deno.readFileSync(path);
  const header = new DataView(bytes.buffer, 0, HEADER_BYTES);
  change(header);
  header.setUint32(HEADER_BYTES - 4, crc32(bytes.subarray(0, HEADER_BYTES - 4)), true);
  Deno.writeFileSync(path, bytes);
}
