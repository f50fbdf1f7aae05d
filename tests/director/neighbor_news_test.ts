import assert from "node:assert/strict";
import { EventLog } from "../../director/events.ts";
import { NeighborNews } from "../../director/neighbor_news.ts";

const SERVER = "192.0.2.21";
const MACS = ["02:00:00:00:00:15", "02:00:00:00:00:66"] as const;
const UNTAGGED = 0;

function begin() {
  const reported: string[] = [];
  const news = new NeighborNews(
    new EventLog(({ level, name, message }) => reported.push(`${level} ${name}: ${message}`)),
  );
  const learnt = (mac: string, before: string | null, nowMs: number, address = SERVER) =>
    news.datapathReported({ kind: "neighborLearnt", address, vlan: UNTAGGED, mac, before }, nowMs);
  return { news, reported, learnt };
}

Deno.test("NeighborNews reports a server that is found, moves and is lost, each at once", () => {
  const { news, reported, learnt } = begin();
  learnt(MACS[0], null, 0);
  learnt(MACS[1], MACS[0], 1);
  news.datapathReported({ kind: "neighborLost", address: SERVER, vlan: UNTAGGED }, 2);
  for (let nowMs = 1_000; nowMs <= 60_000; nowMs += 1_000) news.tick(nowMs);
  assert.deepEqual(reported, [
    `info neighbor.learnt: ${SERVER} is at ${MACS[0]}`,
    `warning neighbor.changed: ${SERVER} moved from ${MACS[0]} to ${MACS[1]}`,
    `warning neighbor.lost: ${SERVER} does not answer any more`,
  ]);
});

Deno.test("NeighborNews reports a server that moves time and again once in 10 s, and its last place", () => {
  const { news, reported, learnt } = begin();
  for (let move = 0; move < 25; move++) {
    learnt(MACS[move % 2]!, MACS[(move + 1) % 2]!, move * 1_000);
    news.tick(move * 1_000 + 500);
  }
  for (let nowMs = 25_500; nowMs <= 60_000; nowMs += 1_000) news.tick(nowMs);
  const again = (times: string, mac: string) =>
    `warning neighbor.changed: ${SERVER} moved ${times} more, and is at ${mac} now: two hosts may have this address`;
  assert.deepEqual(reported, [
    `warning neighbor.changed: ${SERVER} moved from ${MACS[1]} to ${MACS[0]}`,
    again("10 times", MACS[0]),
    again("10 times", MACS[0]),
    again("4 times", MACS[0]),
  ]);
});

Deno.test("NeighborNews holds back no other server, and none that has been quiet for 10 s", () => {
  const { news, reported, learnt } = begin();
  learnt(MACS[1], MACS[0], 0);
  learnt(MACS[1], MACS[0], 0, "192.0.2.22");
  assert.equal(reported.length, 2);
  news.tick(10_000);
  learnt(MACS[0], MACS[1], 10_001);
  assert.equal(reported.length, 3);
  assert.equal(reported[2], `warning neighbor.changed: ${SERVER} moved from ${MACS[1]} to ${MACS[0]}`);
});
