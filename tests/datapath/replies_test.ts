/**
 * What the director sends, judged by a program that is not lvsdr.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ANSWERED_FIXTURES } from "./answered_fixtures.ts";
import { ACK, ARP_REQUEST, PING, SYN } from "./fixture.ts";
import { arpFrame, countingBytes, Flag, icmpFrame, tcpFrame } from "./frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { hasTshark, judgements } from "./tshark.ts";
import { TestNetwork } from "./test_network.ts";

const needing = hasTshark ? "" : " (skipped: tshark is not installed)";

Deno.test(`tshark finds nothing wrong with any answer${needing}`, { ignore: !hasTshark }, async () => {
  const answers = ANSWERED_FIXTURES.map(({ frame, before }) => {
    const network = new TestNetwork({ port: new MemoryPort() });
    before?.(network);
    network.ring.arena.fill(0xa5);
    return network.forward(frame).out.bytes;
  });
  const judged = (await judgements(answers)).map((judgement, index) => ({
    description: ANSWERED_FIXTURES[index]!.description,
    judgement,
  }));
  assert.deepEqual(judged.filter(({ judgement }) => judgement !== ""), []);
});

Deno.test(`tshark would find a wrong checksum in every kind of answer${needing}`, {
  ignore: !hasTshark,
}, async () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  const answers = [tcpFrame(ACK), icmpFrame(PING), tcpFrame({ ...SYN, ttl: 1 })]
    .map((frame) => network.forward(frame).out.bytes);
  const damaged = answers.flatMap((bytes) =>
    [26, bytes.length - 1].map((at) => bytes.with(at, bytes[at]! ^ 0x55))
  );
  for (const judgement of await judgements(damaged)) assert.match(judgement, /checksum/i);
});

Deno.test("a RST is never answered, whatever else the segment says", () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  for (let flags = 0; flags < 256; flags++) {
    for (const destinationPort of [9, 80, 81, 83]) {
      const { out } = network.forward(tcpFrame({ ...SYN, destinationPort, flags: flags | Flag.RST }));
      assert.deepEqual(out.bytes, tcpFrame({ ...SYN, destinationPort, flags: flags | Flag.RST }));
    }
  }
});

Deno.test("a ping of any length gets its payload back", () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  for (let length = 0; length <= 1_472; length++) {
    const payload = countingBytes(length);
    const { out } = network.forward(icmpFrame({ ...PING, payload }));
    assert.deepEqual(out.bytes.slice(42), payload);
    let sum = 0;
    for (let at = 34; at < out.bytes.length; at += 2) sum += out.bytes[at]! * 256 + (out.bytes[at + 1] ?? 0);
    assert.equal(sum % 0xffff, 0);
  }
});

Deno.test("answers other than to ARP stop at the limit and go on at the next", () => {
  const network = new TestNetwork({ port: new MemoryPort() });
  const answered = () => network.forward(icmpFrame(PING)).out.bytes[34] === 0;
  network.forwarder.allowAnswers(2);
  assert.deepEqual([answered(), answered(), answered()], [true, true, false]);
  assert.equal(network.forward(arpFrame(ARP_REQUEST)).out.bytes[21], 2);
  network.forwarder.allowAnswers(1);
  assert.deepEqual([answered(), answered()], [true, false]);
});
