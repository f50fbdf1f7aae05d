/**
 * Programs of a test that speak UDP, to be run in a namespace:
 *
 *     serve ADDRESS PORT         answers every datagram with itself
 *     ask ADDRESS PORT BYTES     sends a datagram and ends when it has come back
 *     ask-reversed MAC ADDRESS PORT BYTES
 *                                the same, the datagram's fragments put on the wire last one first, to a MAC
 *
 * @module
 */

import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { openLibc } from "../../datapath/ffi/libc.ts";
import { PacketSocket } from "../../datapath/ffi/packet_socket.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { familyOf } from "../../model/ip_address.ts";
import { countingBytes, ipv4Frame, type UdpFields, udpFrame } from "../datapath/frame_builder.ts";
import { fragmentHeader, ipv6Frame, type Udp6Fields, udp6Frame } from "../datapath/ipv6_frame_builder.ts";
import { CLIENT_ADDRESS, CLIENT_OCTET, ipv6Address } from "./director_network.ts";

const INTERFACE = "eth0";
const SOURCE_PORT = 45_000;
const PIECE_BYTES = { 4: 1480, 6: 1448 };

async function serve(address: string, port: number): Promise<void> {
  const socket = createSocket(familyOf(address) === 4 ? "udp4" : "udp6");
  socket.on("message", (datagram, { address, port }) => socket.send(datagram, port, address));
  socket.bind(port, address);
  await once(socket, "close");
}

async function ask(
  to: string,
  bytes: number,
  send: (socket: Socket, payload: Uint8Array) => void,
): Promise<void> {
  const socket = createSocket(familyOf(to) === 4 ? "udp4" : "udp6");
  socket.bind(SOURCE_PORT, clientFor(to));
  await once(socket, "listening");
  const payload = countingBytes(bytes);
  const answer = once(socket, "message");
  send(socket, payload);
  const [echo] = await answer;
  socket.close();
  assert.deepEqual(new Uint8Array(echo), payload);
}

function clientFor(address: string): string {
  return familyOf(address) === 4 ? CLIENT_ADDRESS : ipv6Address(CLIENT_OCTET);
}

function sendReversed(to: string, destination: string, destinationPort: number, payload: Uint8Array): void {
  const system = (file: string) => Deno.readTextFileSync(`/sys/class/net/${INTERFACE}/${file}`).trim();
  const ports = { sourcePort: SOURCE_PORT, destinationPort };
  const packet = { from: system("address"), to, source: clientFor(destination), destination };
  const frames = familyOf(destination) === 4
    ? ipv4Pieces({ ...packet, ...ports, dontFragment: false, identification: payload.length, payload })
    : ipv6Pieces({ ...packet, ...ports, payload });
  frames.reverse();
  const ring = new FrameRing(frames.length);
  frames.forEach((frame, slot) => {
    ring.frames[slot]!.set(frame);
    ring.lengths[slot] = frame.length;
  });
  using socket = new PacketSocket(openLibc(), ring.memory, Number(system("ifindex")));
  socket.transmit(ring.lengths, ring.shifts, Int32Array.from(frames.keys()), frames.length);
  assert.equal(socket.errors, 0);
}

function ipv4Pieces(fields: UdpFields): Uint8Array[] {
  return pieces(
    udpFrame(fields).slice(34),
    PIECE_BYTES[4],
    (from, part, isFollowed) =>
      ipv4Frame({ ...fields, fragmentOffset: from / 8, moreFragments: isFollowed }, 17, part),
  );
}

function ipv6Pieces(fields: Udp6Fields & { readonly payload: Uint8Array }): Uint8Array[] {
  return pieces(udp6Frame(fields).slice(54), PIECE_BYTES[6], (from, part, isFollowed) => {
    const extensions = [fragmentHeader(from, isFollowed, fields.payload.length)];
    return ipv6Frame({ ...fields, extensions }, 17, part);
  });
}

function pieces(
  datagram: Uint8Array,
  bytes: number,
  frameOf: (from: number, part: Uint8Array, isFollowed: boolean) => Uint8Array,
): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < datagram.length; from += bytes) {
    frames.push(frameOf(from, datagram.slice(from, from + bytes), from + bytes < datagram.length));
  }
  return frames;
}

if (import.meta.main) {
  const [command, ...words] = Deno.args;
  if (command === "serve") {
    await serve(words[0]!, Number(words[1]));
  } else if (command === "ask") {
    const [address, port, bytes] = words;
    await ask(address!, Number(bytes), (socket, payload) => socket.send(payload, Number(port), address!));
  } else {
    const [mac, address, port, bytes] = words;
    await ask(address!, Number(bytes), (_, payload) => sendReversed(mac!, address!, Number(port), payload));
  }
}
