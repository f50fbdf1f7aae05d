/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 * @module
 */

const HARDWARE_AND_PROTOCOL = 0;
const LENGTHS = 4;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_ADDRESS = 14;
const TARGET_MAC = 18;
const TARGET_ADDRESS = 24;

/** Bytes of the whole packet. */
export const PACKET_BYTES = 28;

export const Operation = { REQUEST: 1, REPLY: 2 } as const;

/** Hardware type 1 (Ethernet) and protocol type 0x0800 (IPv4) as one number. */
const ETHERNET_AND_IPV4 = 0x00010800;
/** Hardware length 6 and protocol length 4 as one number. */
const SIX_AND_FOUR = 0x0604;

/** Whether `bytes` bytes at `at` hold an ARP packet for IPv4 over Ethernet. */
export function isIpv4OverEthernet(frame: DataView, at: number, bytes: number): boolean {
  return bytes >= PACKET_BYTES && frame.getUint32(at + HARDWARE_AND_PROTOCOL) === ETHERNET_AND_IPV4 &&
    frame.getUint16(at + LENGTHS) === SIX_AND_FOUR;
}

/** Operation; may be a value {@linkcode Operation} does not name. */
export function operation(frame: DataView, at: number): number {
  return frame.getUint16(at + OPERATION);
}

/** First two bytes of the sender's MAC. */
export function senderMacHigh(frame: DataView, at: number): number {
  return frame.getUint16(at + SENDER_MAC);
}

/** Last four bytes of the sender's MAC, signed. */
export function senderMacLow(frame: DataView, at: number): number {
  return frame.getInt32(at + SENDER_MAC + 2);
}

/** Address the sender claims, signed; 0 in a probe (RFC 5227 §1.1). */
export function senderAddress(frame: DataView, at: number): number {
  return frame.getInt32(at + SENDER_ADDRESS);
}

/** Address that is asked for, or that is answered to, signed. */
export function targetAddress(frame: DataView, at: number): number {
  return frame.getInt32(at + TARGET_ADDRESS);
}

/** Writes a whole packet. */
export function emit(
  frame: DataView,
  at: number,
  packet: {
    operation: number;
    senderMacHigh: number;
    senderMacLow: number;
    senderAddress: number;
    targetMacHigh: number;
    targetMacLow: number;
    targetAddress: number;
  },
): void {
  frame.setUint32(at + HARDWARE_AND_PROTOCOL, ETHERNET_AND_IPV4);
  frame.setUint16(at + LENGTHS, SIX_AND_FOUR);
  frame.setUint16(at + OPERATION, packet.operation);
  setSender(frame, at, packet.senderMacHigh, packet.senderMacLow, packet.senderAddress);
  setTarget(frame, at, packet.targetMacHigh, packet.targetMacLow, packet.targetAddress);
}

/** Sets the operation. */
export function setOperation(frame: DataView, at: number, value: number): void {
  frame.setUint16(at + OPERATION, value);
}

/** Sets MAC and address of the sender. */
export function setSender(
  frame: DataView,
  at: number,
  macHigh: number,
  macLow: number,
  address: number,
): void {
  frame.setUint16(at + SENDER_MAC, macHigh);
  frame.setUint32(at + SENDER_MAC + 2, macLow);
  frame.setUint32(at + SENDER_ADDRESS, address);
}

/** Sets MAC and address of the target. */
export function setTarget(
  frame: DataView,
  at: number,
  macHigh: number,
  macLow: number,
  address: number,
): void {
  frame.setUint16(at + TARGET_MAC, macHigh);
  frame.setUint32(at + TARGET_MAC + 2, macLow);
  frame.setUint32(at + TARGET_ADDRESS, address);
}
