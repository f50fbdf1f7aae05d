/**
 * Frames of real programs on their way to a VIP, as tcpdump(8) has written them; see captures/README.md.
 *
 * @module
 */

import { readPcap } from "./pcap_file.ts";

const FOLDER = new URL("./captures/", import.meta.url);

/** A capture file of {@linkcode captures}. */
export interface CapturedRun {
  readonly name: string;
  readonly path: URL;
}

/** All capture files, in the order of their names. */
export function captures(): CapturedRun[] {
  return [...Deno.readDirSync(FOLDER)]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".pcap"))
    .toSorted()
    .map((name) => ({ name, path: new URL(name, FOLDER) }));
}

/** The frames of all of them. */
export function capturedFrames(): Uint8Array[] {
  return captures().flatMap(({ path }) => readPcap(Deno.readFileSync(path)));
}
