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
import { countingBytes, ipv4Frame, udpFrame } from "../datapath/frame_builder.ts";
import { CLIENT_ADDRESS } from "./director_network.ts";

const INTERFACE = "eth0";
const SOURCE_PORT = 45_000;
const PIECE_BYTES = 1480;

async function serve(address: string, port: number): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("message", (datagram, { address, port }) => socket.send(datagram, port, address));
  socket.bind(port, address);
  await once(socket, "close");
}

async function ask(bytes: number, send: (socket: Socket, payload: Uint8Array) => void): Promise<void> {
  const socket = createSocket("udp4");
  socket.bind(SOURCE_PORT, CLIENT_ADDRESS);
  await once(socket, "listening");
  const payload = countingBytes(bytes);
  const answer = once(socket, "message");
  send(socket, payload);
  const [echo] = await answer;
  socket.close();
  assert.deepEqual(new Uint8Array(echo), payload);
}

function sendReversed(to: string, destination: string, destinationPort: number, payload: Uint8Array): void {
  const system = (file: string) => Deno.readTextFileSync(`/sys/class/net/${INTERFACE}/${file}`).trim();
  const ports = { sourcePort: SOURCE_PORT, destinationPort };
  const packet = { from: system("address"), to, source: CLIENT_ADDRESS, destination, dontFragment: false };
  const fields = { ...packet, ...ports, identification: payload.length };
  const datagram = udpFrame({ ...fields, payload }).slice(34);
  const frames: Uint8Array[] = [];
  for (let from = 0; from < datagram.length; from += PIECE_BYTES) {
    const place = { fragmentOffset: from / 8, moreFragments: from + PIECE_BYTES < datagram.length };
    frames.unshift(ipv4Frame({ ...fields, ...place }, 17, datagram.slice(from, from + PIECE_BYTES)));
  }
  const ring = new FrameRing(frames.length);
  frames.forEach((frame, slot) => {
    ring.frames[slot]!.set(frame);
    ring.lengths[slot] = frame.length;
  });
  using socket = new PacketSocket(openLibc(), {
    arena: ring.arena,
    slotCount: ring.slotCount,
    slotBytes: FrameRing.SLOT_BYTES,
    frameAt: FrameRing.HEADROOM_BYTES,
  }, Number(system("ifindex")));
  socket.transmit(ring.lengths, Int32Array.from(frames.keys()), frames.length);
  assert.equal(socket.errors, 0);
}

if (import.meta.main) {
  const [command, ...words] = Deno.args;
  if (command === "serve") {
    await serve(words[0]!, Number(words[1]));
  } else if (command === "ask") {
    const [address, port, bytes] = words;
    await ask(Number(bytes), (socket, payload) => socket.send(payload, Number(port), address!));
  } else {
    const [mac, address, port, bytes] = words;
    await ask(Number(bytes), (_, payload) => sendReversed(mac!, address!, Number(port), payload));
  }
}
