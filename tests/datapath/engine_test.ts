import assert from "node:assert/strict";
import { BATCH_FRAMES, TICK_MS } from "../../datapath/engine.ts";
import { Verdict } from "../../datapath/verdict.ts";
import { ACK, ARP_REQUEST, FORWARDED, PING, SYN } from "./fixture.ts";
import { arpFrame, icmpFrame, tcpFrame } from "./frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { service, TestNetwork } from "./test_network.ts";

Deno.test("breathe() sends what is to be sent, in order, and counts every frame once", () => {
  const port = new MemoryPort();
  const { engine } = new TestNetwork({ port });
  port.incoming.push(
    tcpFrame(SYN),
    null,
    tcpFrame({ ...SYN, destination: "192.0.2.99" }),
    arpFrame(ARP_REQUEST),
    tcpFrame(ACK),
    tcpFrame({ ...SYN, ttl: 1 }),
  );
  assert.equal(engine.breathe(0), 6);
  assert.deepEqual(port.sent.map(({ slot }) => slot), [0, 3, 4, 5]);
  assert.deepEqual(port.sent[2]!.bytes, tcpFrame({ ...ACK, ...FORWARDED }));
  const counted = Object.entries(Verdict).filter(([, verdict]) => engine.verdicts[verdict] !== 0);
  assert.deepEqual(counted.map(([name, verdict]) => [name, engine.verdicts[verdict]]), [
    ["Forwarded", 2],
    ["AnsweredArp", 1],
    ["AnsweredTimeExceeded", 1],
    ["IgnoredNotVip", 1],
    ["DroppedTruncated", 1],
  ]);
});

Deno.test("breathe() takes one batch at a time and leaves the rest for the next breath", () => {
  const port = new MemoryPort();
  const { engine } = new TestNetwork({ port });
  port.incoming.push(...Array.from({ length: BATCH_FRAMES + 3 }, () => tcpFrame(SYN)));
  assert.deepEqual([engine.breathe(0), engine.breathe(0), engine.breathe(0)], [BATCH_FRAMES, 3, 0]);
  assert.equal(port.sent.length, BATCH_FRAMES + 3);
});

Deno.test("breathe() ticks every 100 ms, also after a long pause only once", () => {
  const ticks: number[] = [];
  const { engine } = new TestNetwork({ port: new MemoryPort(), onTick: (nowMs) => ticks.push(nowMs) });
  for (const nowMs of [1_000, 1_001, 1_099, 1_100, 1_150, 9_000, 9_099, 9_100]) engine.breathe(nowMs);
  assert.deepEqual(ticks, [1_000, 1_100, 9_000, 9_100]);
});

Deno.test("breathe() allows 100 answers in a tick", () => {
  const port = new MemoryPort();
  const { engine } = new TestNetwork({ port });
  const pings = (count: number) =>
    port.incoming.push(...Array.from({ length: count }, () => icmpFrame(PING)));
  engine.breathe(0);
  pings(150);
  while (engine.breathe(TICK_MS - 1) > 0);
  assert.deepEqual([engine.verdicts[Verdict.AnsweredEcho], engine.verdicts[Verdict.DroppedRateLimited]], [
    100,
    50,
  ]);
  engine.breathe(TICK_MS);
  pings(1);
  engine.breathe(TICK_MS);
  assert.equal(engine.verdicts[Verdict.AnsweredEcho], 101);
});

Deno.test("breathe() forgets connections that have expired, a large table over several breaths", () => {
  const port = new MemoryPort();
  const network = new TestNetwork({ port, maxConnections: 20_000 });
  port.incoming.push(
    ...Array.from({ length: 50 }, (_, port) => tcpFrame({ ...SYN, sourcePort: 1_000 + port })),
  );
  network.engine.breathe(0);
  assert.equal(network.connections.used, 50);
  let breaths = 0;
  const settle = (nowMs: number) => {
    do {
      network.engine.breathe(nowMs);
      breaths += 1;
    } while (network.engine.idleMs(nowMs) === 0 && breaths < 100);
  };
  settle(59_999);
  assert.equal(network.connections.used, 50);
  breaths = 0;
  settle(60_099);
  assert.equal(network.connections.used, 0);
  assert.ok(breaths > 1 && breaths < 100);
});

Deno.test("idleMs() is the time to the next tick", () => {
  const { engine } = new TestNetwork({
    port: new MemoryPort(),
    services: [service(6, 80)],
    maxConnections: 10,
  });
  engine.breathe(1_000);
  assert.equal(engine.idleMs(1_000), TICK_MS);
  assert.equal(engine.idleMs(1_060), 40);
  assert.equal(engine.idleMs(1_500), 0);
});
