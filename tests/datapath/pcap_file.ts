/**
 * Capture files as libpcap writes them (pcap-savefile(5)).
 *
 * @module
 */

import { concat } from "./frame_builder.ts";

const MAGIC = 0xa1b2c3d4;
const LINKTYPE_ETHERNET = 1;
const LONGEST_FRAME_BYTES = 0x40000;

/** A file with the given frames, one a second. */
export function pcapFile(frames: readonly Uint8Array[]): Uint8Array {
  const header = words(MAGIC, 2 | 4 << 16, 0, 0, LONGEST_FRAME_BYTES, LINKTYPE_ETHERNET);
  const records = frames.flatMap((frame, second) => [words(second, 0, frame.length, frame.length), frame]);
  return concat(header, ...records);
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}
