import assert from "node:assert/strict";
import { Audit } from "../../sentinel/audit.ts";
import { NOBODY } from "../../sentinel/wire.ts";
import { arpFrame } from "../datapath/frame_builder.ts";
import { BROADCAST, MemoryLink, NO_MAC, OWN_ADDRESS, OWN_MAC, VIP } from "./memory_link.ts";

const SERVER = "192.0.2.21";
const OTHER = "192.0.2.22";
const SERVER_MAC = "02:00:00:00:00:15";
const OTHER_MAC = "02:00:00:00:00:16";
const STRANGER = "02:00:00:00:00:99";

function begin(servers: readonly string[], vips: readonly string[] = [VIP], sender = OWN_ADDRESS) {
  const link = new MemoryLink();
  const audit = new Audit(link.wire, { servers, vips }, sender);
  link.begin(audit);
  return { link, audit };
}

function request(to: string, targetAddress: string, senderAddress = OWN_ADDRESS): Uint8Array {
  return arpFrame({
    ...{ from: OWN_MAC, to, operation: "request", senderMac: OWN_MAC, senderAddress, targetMac: NO_MAC },
    ...{ targetAddress, paddedTo: 60 },
  });
}

Deno.test("Audit asks everybody for the servers and the VIPs, and each server for every VIP once its MAC is known", () => {
  const { link } = begin([SERVER], [VIP, "192.0.2.11"]);
  assert.deepEqual(link.sent(), [
    request(BROADCAST, SERVER),
    request(BROADCAST, VIP),
    request(BROADCAST, "192.0.2.11"),
  ]);
  link.arp("reply", SERVER_MAC, SERVER, OWN_ADDRESS);
  assert.deepEqual(link.sent(), [request(SERVER_MAC, VIP), request(SERVER_MAC, "192.0.2.11")]);
});

Deno.test("Audit asks as nobody where it has no address", () => {
  const { link } = begin([], [VIP], NOBODY);
  assert.deepEqual(link.sent(), [request(BROADCAST, VIP, NOBODY)]);
});

Deno.test("Audit finds a server hardened that answers for itself and not for the VIP", () => {
  const { link, audit } = begin([SERVER]);
  link.arp("reply", SERVER_MAC, SERVER, OWN_ADDRESS);
  link.pass(899);
  assert.equal(audit.isOver, false, "three questions are asked");
  link.pass(1);
  assert.equal(audit.isOver, true);
  assert.deepEqual(audit.verdicts, [{ server: SERVER, vip: VIP, verdict: "hardened", mac: SERVER_MAC }]);
  assert.deepEqual(audit.holders, [{ vip: VIP, macs: [] }]);
});

Deno.test("Audit finds the server that answers, and not its neighbour", () => {
  const { link, audit } = begin([SERVER, OTHER]);
  link.arp("reply", SERVER_MAC, SERVER, OWN_ADDRESS);
  link.arp("reply", OTHER_MAC, OTHER, OWN_ADDRESS);
  link.arp("reply", OTHER_MAC, VIP, OWN_ADDRESS);
  link.pass(3_000);
  assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["hardened", "answers"]);
});

Deno.test("Audit counts an answer for the VIP that comes before the server's own", () => {
  const { link, audit } = begin([SERVER]);
  link.arp("reply", SERVER_MAC, VIP, OWN_ADDRESS);
  link.arp("reply", SERVER_MAC, SERVER, OWN_ADDRESS);
  assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["answers"]);
});

Deno.test("Audit does not take a request from the VIP, such as a director's announcement, for an answer", () => {
  const { link, audit } = begin([SERVER]);
  link.arp("reply", SERVER_MAC, SERVER, OWN_ADDRESS);
  link.arp("request", SERVER_MAC, VIP, OWN_ADDRESS);
  link.arp("request", STRANGER, VIP, VIP, BROADCAST);
  assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["hardened"]);
  assert.deepEqual(audit.holders, [{ vip: VIP, macs: [] }]);
});

Deno.test("Audit gives a server up after three questions", () => {
  const { link, audit } = begin([SERVER]);
  link.pass(2_999);
  assert.equal(audit.isOver, false);
  link.pass(1);
  assert.equal(audit.isOver, true);
  const asked = link.sent().filter((frame) => frame.at(41) === 21);
  assert.equal(asked.length, 3);
  link.arp("reply", SERVER_MAC, SERVER, OWN_ADDRESS);
  assert.deepEqual(audit.verdicts, [{ server: SERVER, vip: VIP, verdict: "unreachable", mac: null }]);
});

Deno.test("Audit names who else answers for a VIP, itself aside", () => {
  const { link, audit } = begin([SERVER]);
  for (const mac of [STRANGER, OWN_MAC, SERVER_MAC, STRANGER]) link.arp("reply", mac, VIP, OWN_ADDRESS);
  link.arp("reply", SERVER_MAC, SERVER, OWN_ADDRESS);
  assert.deepEqual(audit.holders, [{ vip: VIP, macs: [STRANGER] }]);
});
