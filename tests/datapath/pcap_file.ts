/**
 * Capture files as libpcap writes them (pcap-savefile(5)). The times of the frames are of no interest here.
 *
 * @module
 */

import { concat } from "./frame_builder.ts";

const MICROSECOND_MAGIC = 0xa1b2c3d4;
const NANOSECOND_MAGIC = 0xa1b23c4d;
const LINKTYPE_ETHERNET = 1;
const LONGEST_FRAME_BYTES = 0x40000;

const HEADER_BYTES = 24;
const LINKTYPE_OFFSET = 20;
const RECORD_HEADER_BYTES = 16;
const CAPTURED_LENGTH_OFFSET = 8;
const LENGTH_OFFSET = 12;

/** A file with the given frames, one a second. */
export function pcapFile(frames: readonly Uint8Array[]): Uint8Array {
  const header = words(MICROSECOND_MAGIC, 2 | 4 << 16, 0, 0, LONGEST_FRAME_BYTES, LINKTYPE_ETHERNET);
  const records = frames.flatMap((frame, second) => [words(second, 0, frame.length, frame.length), frame]);
  return concat(header, ...records);
}

/**
 * The frames of a file.
 *
 * @throws {Error} If it is no capture of whole Ethernet frames.
 */
export function readPcap(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = [true, false].map((isLittleEndian) => view.getUint32(0, isLittleEndian));
  const order = magic.findIndex((word) => word === MICROSECOND_MAGIC || word === NANOSECOND_MAGIC);
  if (order < 0) throw new Error("Not a capture file");
  const isLittleEndian = order === 0;
  if (view.getUint32(LINKTYPE_OFFSET, isLittleEndian) !== LINKTYPE_ETHERNET) {
    throw new Error("Not a capture of Ethernet frames");
  }
  const frames: Uint8Array[] = [];
  for (let at = HEADER_BYTES; at < file.length;) {
    const bytes = view.getUint32(at + CAPTURED_LENGTH_OFFSET, isLittleEndian);
    if (bytes !== view.getUint32(at + LENGTH_OFFSET, isLittleEndian)) {
      throw new Error(`Frame ${frames.length} was cut by the capture`);
    }
    frames.push(file.slice(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + bytes));
    at += RECORD_HEADER_BYTES + bytes;
  }
  return frames;
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}
