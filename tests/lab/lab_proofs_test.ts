import assert from "node:assert/strict";
import fc from "fast-check";
import type { Measurement } from "../../lab/measurement.ts";
import { expectedShare, type ProofName, prove } from "../../lab/proofs.ts";

const HOSTS = {
  director: { mac: "00:00:5e:00:53:02" },
  realServers: [
    { name: "rs1", mac: "00:00:5e:00:53:15", weight: 2 },
    { name: "rs2", mac: "00:00:5e:00:53:16", weight: 1 },
  ],
};

const SILENCE = { frames: 0, dropped: 0, lines: [] };

/** Six requests and one transfer, all as they should be. */
const GOOD: Measurement = {
  plan: { requests: 6, transferBytes: 1000, awaitedMac: null },
  results: [1, 2, 3, 4, 5, 6].map((port) => ({ server: port % 3 === 0 ? "rs2" : "rs1", port })),
  learntMacs: [HOSTS.director.mac, HOSTS.director.mac],
  transfers: [{ bytes: 1000, sentSha256: "ab", receivedSha256: "ab" }],
  director: {
    answers: { frames: 0, bytes: 0 },
    requests: { frames: 30, bytes: 2900 },
    others: { frames: 5, bytes: 300 },
  },
  directorReceivedBytes: 3200,
  clientReceivedBytes: 9000,
  clientSentBytes: 3000,
  captures: {
    answersAtDirector: SILENCE,
    requestsAtDirector: { frames: 60, dropped: 0, lines: [] },
    foreignAnswersAtClient: SILENCE,
  },
  accepted: [1, 2, 3, 4, 5, 6].map((port) => ({ port, mac: HOSTS.realServers[port % 3 === 0 ? 1 : 0]!.mac })),
};

function failing(change: Partial<Measurement>): ProofName[] {
  return prove({ ...GOOD, ...change }, HOSTS).filter((proof) => !proof.holds).map((proof) => proof.name);
}

Deno.test("prove() finds nothing wrong with a good measurement", () => assert.deepEqual(failing({}), []));

const BAD: readonly [description: string, change: Partial<Measurement>, fails: ProofName[]][] = [
  ["an unanswered request", { results: GOOD.results.slice(1) }, ["share"]],
  ["a wrong share", {
    results: [...GOOD.results.slice(0, 5), { server: "rs1", port: 6 }],
    accepted: [...GOOD.accepted.slice(0, 5), { port: 6, mac: HOSTS.realServers[0]!.mac }],
  }, ["share"]],
  [
    "an answer counted at the director",
    { director: { ...GOOD.director, answers: { frames: 1, bytes: 60 } } },
    ["answers-counted"],
  ],
  ["bytes at the director that the client did not send", { directorReceivedBytes: 9000 }, [
    "answers-counted",
  ]],
  [
    "a director that counted nothing",
    { director: { ...GOOD.director, requests: { frames: 0, bytes: 0 } } },
    ["answers-counted"],
  ],
  [
    "an answer captured at the director",
    { captures: { ...GOOD.captures, answersAtDirector: { frames: 1, dropped: 0, lines: [] } } },
    ["answers-captured"],
  ],
  [
    "a capture that lost frames",
    { captures: { ...GOOD.captures, answersAtDirector: { frames: 0, dropped: 1, lines: [] } } },
    ["answers-captured"],
  ],
  [
    "a capture whose numbers are unknown",
    { captures: { ...GOOD.captures, answersAtDirector: { frames: NaN, dropped: NaN, lines: [] } } },
    ["answers-captured"],
  ],
  ["a capture that saw nothing at all", { captures: { ...GOOD.captures, requestsAtDirector: SILENCE } }, [
    "answers-captured",
  ]],
  ["a VIP learnt from a real server once", { learntMacs: [HOSTS.director.mac, HOSTS.realServers[0]!.mac] }, [
    "vip-mac",
  ]],
  ["a VIP that nobody answered for", { learntMacs: [null] }, ["vip-mac"]],
  ["an answer from a MAC address that is not its server's", {
    accepted: GOOD.accepted.map(({ port }) => ({ port, mac: HOSTS.realServers[0]!.mac })),
  }, ["answer-source"]],
  ["an answer from a stranger", {
    captures: { ...GOOD.captures, foreignAnswersAtClient: { frames: 1, dropped: 0, lines: [] } },
  }, ["answer-source"]],
  ["a transfer that arrived otherwise", {
    transfers: [{ bytes: 1000, sentSha256: "ab", receivedSha256: "cd" }],
  }, ["transfers"]],
  ["a transfer that did not arrive", {
    transfers: [{ bytes: 1000, sentSha256: "ab", receivedSha256: null }],
  }, ["transfers"]],
];

for (const [description, change, fails] of BAD) {
  Deno.test(`prove() is not fooled by ${description}`, () => assert.deepEqual(failing(change), fails));
}

Deno.test("expectedShare() bounds every server's part of any run of a repeating order", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 1, max: 500 }),
    fc.nat(100),
    (weights, requests, start) => {
      const order = weights.flatMap((weight, server) => Array<number>(weight).fill(server));
      const counts = weights.map(() => 0);
      for (let pick = start; pick < start + requests; pick++) counts[order[pick % order.length]!]!++;
      weights.forEach((weight, server) => {
        const { least, most } = expectedShare(requests, weight, order.length);
        assert.ok(counts[server]! >= least && counts[server]! <= most);
        if (requests % order.length === 0) assert.equal(least, most);
      });
    },
  ));
});
