/**
 * IEEE 802.1Q tag (IEEE 802.1Q §9.6): four bytes between the source address of a frame and the type of its payload,
 * the first two of which are the type {@linkcode EtherType.VLAN}. Offsets are those of the frame.
 *
 * @module
 */

import { EtherType } from "./ethernet.ts";

const TAG_TYPE = 12;
const CONTROL = 14;
const TYPE_BEHIND_TAG = 16;

const IDENTIFIER_BITS = 0x0fff;

/** Number of the VLAN; 0 if the tag holds a priority only. */
export function identifier(frame: DataView, at: number): number {
  return frame.getUint16(at + CONTROL) & IDENTIFIER_BITS;
}

/** Type of the payload behind the tag. */
export function innerType(frame: DataView, at: number): number {
  return frame.getUint16(at + TYPE_BEHIND_TAG);
}

/** Sets the number of the VLAN in a tag that is there; its priority stays. */
export function setIdentifier(frame: DataView, at: number, identifier: number): void {
  frame.setUint16(at + CONTROL, (frame.getUint16(at + CONTROL) & ~IDENTIFIER_BITS) | identifier);
}

/** Writes a tag of the lowest priority. */
export function emit(frame: DataView, at: number, identifier: number): void {
  frame.setUint16(at + TAG_TYPE, EtherType.VLAN);
  frame.setUint16(at + CONTROL, identifier);
}
