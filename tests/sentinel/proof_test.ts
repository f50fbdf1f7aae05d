import assert from "node:assert/strict";
import { Proof, type ProofOutcome } from "../../sentinel/proof.ts";
import { Flag } from "../datapath/frame_builder.ts";
import { Icmp, IPV4, IPV6, MemoryLink, OWN_MAC, type Places, type SentProbe } from "./memory_link.ts";

const MAC = "02:00:00:00:00:15";
const ROUTER = "02:00:00:00:00:01";
const SYN_ACK = Flag.SYN | Flag.ACK;
const RESET = Flag.RST | Flag.ACK;

/** Begins a proof of one target and returns its first SYN. */
function begin(
  places: Places,
  patienceMs?: number,
): { link: MemoryLink; proof: Proof; syn: SentProbe; outcome: () => ProofOutcome | null } {
  const link = new MemoryLink(places);
  const target = { server: places.server, mac: MAC, vip: places.vip, port: 80 };
  const proof = new Proof(link.wire, places.probe, [target], patienceMs);
  link.begin(proof);
  const [syn] = link.sentProbes();
  return { link, proof, syn: syn!, outcome: () => proof.isOver ? proof.outcomes[0]! : null };
}

/** Ends the SYNs and begins the questions that tell silence from silence. */
function fallSilent(places: Places) {
  const begun = begin(places);
  begun.link.pass(2_999);
  begun.link.sent();
  begun.link.pass(1);
  return begun;
}

for (const places of [IPV4, IPV6]) {
  const { vip, server, family } = places;
  const over = `over IPv${family}`;

  Deno.test(`Proof ${over} sends one SYN to the real server's MAC that only its owner can take`, () => {
    const { syn } = begin(places);
    assert.deepEqual([syn.to, syn.ttl, syn.flags, syn.isEcho], [MAC, 1, Flag.SYN, false]);
    assert(syn.number >= 1_024);
  });

  Deno.test(`Proof ${over} is content with a SYN-ACK from VIP and MAC, and resets the connection`, () => {
    const { link, syn, outcome } = begin(places);
    link.segment(MAC, vip, syn, SYN_ACK);
    assert.deepEqual(outcome(), { verdict: "ok" });
    const [reset, ...more] = link.sentProbes();
    assert.deepEqual(
      [reset!.to, reset!.flags, reset!.number, reset!.sequence],
      [MAC, Flag.RST, syn.number, (syn.sequence + 1) >>> 0],
    );
    assert.deepEqual(more, []);
  });

  Deno.test(`Proof ${over} resets a repeated SYN-ACK again`, () => {
    const { link, syn } = begin(places);
    link.segment(MAC, vip, syn, SYN_ACK);
    link.sent();
    link.segment(MAC, vip, syn, SYN_ACK);
    assert.deepEqual(link.sentProbes().map(({ flags }) => flags), [Flag.RST]);
  });

  const ANSWERS: readonly {
    readonly what: string;
    answer(link: MemoryLink, syn: SentProbe): void;
    readonly outcome: ProofOutcome | null;
  }[] = [
    {
      what: "a SYN-ACK that acknowledges something else",
      answer: (link, syn) => link.segment(MAC, vip, syn, SYN_ACK, 2),
      outcome: null,
    },
    {
      what: "a segment that is neither SYN-ACK nor RST",
      answer: (link, syn) => link.segment(MAC, vip, syn, Flag.ACK),
      outcome: null,
    },
    {
      what: "a SYN-ACK to another port",
      answer: (link, syn) => link.segment(MAC, vip, { ...syn, number: syn.number ^ 1 }, SYN_ACK),
      outcome: null,
    },
    {
      what: "a SYN-ACK through a router",
      answer: (link, syn) => link.segment(ROUTER, vip, syn, SYN_ACK),
      outcome: { verdict: "ok_other_mac", mac: ROUTER },
    },
    {
      what: "a SYN-ACK from the real server's own address",
      answer: (link, syn) => link.segment(MAC, server, syn, SYN_ACK),
      outcome: { verdict: "wrong_source", source: server },
    },
    {
      what: "a RST from the VIP",
      answer: (link, syn) => link.segment(MAC, vip, syn, RESET),
      outcome: { verdict: "not_listening" },
    },
    {
      what: "ICMP port unreachable",
      answer: (link, syn) => link.error(MAC, server, Icmp.PORT_UNREACHABLE, syn),
      outcome: { verdict: "rejected", code: family === 4 ? 3 : 4 },
    },
    {
      what: "ICMP network unreachable, as only a router says",
      answer: (link, syn) => link.error(MAC, server, Icmp.NO_ROUTE, syn),
      outcome: { verdict: "forwards" },
    },
    {
      what: "an ICMP error about somebody else's port",
      answer: (link, syn) =>
        link.error(MAC, server, Icmp.PORT_UNREACHABLE, { ...syn, number: syn.number ^ 1 }),
      outcome: null,
    },
  ];

  for (const { what, answer, outcome: expected } of ANSWERS) {
    Deno.test(`Proof ${over} on ${what}: ${expected?.verdict ?? "goes on waiting"}`, () => {
      const { link, syn, outcome } = begin(places);
      answer(link, syn);
      assert.deepEqual(outcome(), expected);
    });
  }

  Deno.test(`Proof ${over} sends three SYNs, each with a port and a sequence number of its own, before it believes in silence`, () => {
    const { link, syn, outcome } = begin(places);
    link.pass(2_999);
    const later = link.sentProbes();
    assert.equal(later.length, 2);
    for (const key of ["number", "sequence"] as const) {
      assert.equal(new Set([syn, ...later].map((probe) => probe[key])).size, 3, key);
    }
    link.segment(MAC, vip, syn, SYN_ACK);
    assert.deepEqual(outcome(), { verdict: "ok" }, "an answer to the first still counts");
  });

  Deno.test(`Proof ${over} asks a silent server for its address as the probe, and pings the VIP`, () => {
    const { link } = fallSilent(places);
    const [question, ping] = link.sent();
    assert.deepEqual(question, link.request(MAC, server, places.probe));
    assert.deepEqual([ping!.at(family === 4 ? 23 : 20), ping!.at(family === 4 ? 22 : 21)], [
      family === 4 ? 1 : 58,
      1,
    ]);
  });

  Deno.test(`Proof ${over} tells a missing VIP, a refused source and a firewall from one another`, () => {
    const verdictAfter = (hear: (link: MemoryLink, ping: SentProbe) => void) => {
      const { link, outcome } = fallSilent(places);
      const [ping] = link.sentProbes();
      hear(link, ping!);
      link.pass(990);
      assert.equal(outcome(), null);
      link.pass(10);
      return outcome()!.verdict;
    };
    const takesSource = (link: MemoryLink) => link.neighbor("reply", MAC, server, places.probe);
    assert.equal(verdictAfter(() => {}), "source_refused");
    assert.equal(verdictAfter(takesSource), "vip_missing");
    assert.equal(
      verdictAfter((link) => link.neighbor("reply", MAC, vip, places.probe)),
      "source_refused",
      "as another",
    );
    assert.equal(verdictAfter((link, ping) => link.echo(MAC, vip, ping)), "dropped");
    assert.equal(
      verdictAfter((link, ping) => link.echo(MAC, server, ping)),
      "source_refused",
      "ping from elsewhere",
    );
  });

  Deno.test(`Proof ${over} tries once more with another hop when the first SYN expired: it may be for a container`, () => {
    const { link, syn, outcome } = begin(places);
    link.error(MAC, server, Icmp.EXPIRED, syn);
    const [second, ...more] = link.sentProbes();
    assert.deepEqual([second!.ttl, more], [2, []]);
    link.segment(MAC, vip, second!, SYN_ACK);
    assert.deepEqual(outcome(), { verdict: "ok" });
  });

  Deno.test(`Proof ${over} reaches a container on a server that does not say that the first SYN has expired`, () => {
    const { link, syn, outcome } = begin(places);
    link.pass(1_000);
    const [second, ...more] = link.sentProbes();
    assert.deepEqual([syn.ttl, second!.ttl, more], [1, 2, []]);
    link.segment(MAC, vip, second!, SYN_ACK);
    assert.deepEqual(outcome(), { verdict: "ok" });
  });

  Deno.test(`Proof ${over} asks once more who owns the VIP, if another MAC answers a SYN that may have gone on to it`, () => {
    const verdictAfter = (hear: (link: MemoryLink, again: SentProbe, second: SentProbe) => void) => {
      const { link, outcome } = begin(places);
      link.pass(1_000);
      const [second] = link.sentProbes();
      link.segment(ROUTER, vip, second!, SYN_ACK);
      assert.equal(outcome(), null);
      const [reset, again, ...more] = link.sentProbes();
      assert.deepEqual([reset!.flags, again!.flags, again!.to, again!.ttl, more], [
        Flag.RST,
        Flag.SYN,
        MAC,
        1,
        [],
      ]);
      hear(link, again!, second!);
      return outcome();
    };
    assert.deepEqual(verdictAfter((link, again) => link.segment(ROUTER, vip, again, SYN_ACK)), {
      verdict: "ok_other_mac",
      mac: ROUTER,
    });
    const wordAfter = (hear: Parameters<typeof verdictAfter>[0]) => verdictAfter(hear)?.verdict ?? null;
    assert.equal(wordAfter((link, again) => link.segment(MAC, vip, again, SYN_ACK)), "ok");
    assert.equal(wordAfter((link, again) => link.segment(ROUTER, vip, again, RESET)), "not_listening");
    assert.equal(wordAfter((link, again) => link.error(MAC, server, Icmp.EXPIRED, again)), "forwards");
    assert.equal(wordAfter((link, _, second) => link.error(MAC, server, Icmp.REDIRECT, second)), "forwards");
    const repeated = wordAfter((link, _, second) => {
      link.segment(ROUTER, vip, second, SYN_ACK);
      assert.deepEqual(link.sentProbes().map(({ flags }) => flags), [Flag.RST], "it is asked once");
    });
    assert.equal(repeated, null);
    assert.equal(wordAfter((link) => link.pass(990)), null, "still waiting");
    assert.equal(wordAfter((link) => link.pass(1_000)), "forwards", "the owner would have answered");
  });

  Deno.test(`Proof ${over} pings the VIP of a silent server only, whoever it would forward to`, () => {
    const { link } = fallSilent(places);
    assert.deepEqual(link.sentProbes().map(({ isEcho, ttl }) => [isEcho, ttl]), [[true, 1]]);
  });

  Deno.test(`Proof ${over} finds a server that forwards: silence, another expiry or another host's answer after the first`, () => {
    const verdictAfter = (hear: (link: MemoryLink, second: SentProbe, syn: SentProbe) => void) => {
      const { link, syn, outcome } = begin(places);
      link.error(MAC, server, Icmp.EXPIRED, syn);
      hear(link, link.sentProbes()[0]!, syn);
      return outcome()?.verdict ?? null;
    };
    assert.equal(verdictAfter((link) => link.pass(1_990)), null, "of three SYNs");
    assert.equal(verdictAfter((link) => link.pass(2_000)), "forwards");
    assert.equal(verdictAfter((link, second) => link.error(MAC, server, Icmp.EXPIRED, second)), "forwards");
    assert.equal(verdictAfter((link, second) => link.segment(ROUTER, vip, second, SYN_ACK)), "forwards");
    assert.equal(
      verdictAfter((link, _, syn) => link.error(MAC, server, Icmp.EXPIRED, syn)),
      null,
      "the same once more",
    );
  });

  Deno.test(`Proof ${over} finds a server that forwards by a redirect alone`, () => {
    const { link, syn, outcome } = begin(places);
    link.error(MAC, server, Icmp.REDIRECT, syn);
    link.pass(3_000);
    assert.deepEqual(outcome(), { verdict: "forwards" });
  });

  Deno.test(`Proof ${over} finds a server that forwards by its own SYN coming back, but not by hearing itself`, () => {
    for (const [from, verdict] of [[MAC, "forwards"], [OWN_MAC, "source_refused"]] as const) {
      const { link, syn, outcome } = begin(places);
      link.reflection(from, syn);
      link.pass(4_000);
      assert.equal(outcome()!.verdict, verdict);
    }
  });

  Deno.test(`Proof ${over} finds a leak though the VIP answers`, () => {
    const { link, syn, outcome } = begin(places);
    link.neighbor("request", MAC, vip, places.probe);
    link.segment(MAC, vip, syn, SYN_ACK);
    assert.deepEqual(outcome(), { verdict: "leaks" });
  });

  Deno.test(`Proof ${over} does not blame a server for another host that asks with the VIP as sender`, () => {
    const { link, syn, outcome } = begin(places);
    link.neighbor("request", ROUTER, vip, places.probe);
    link.segment(MAC, vip, syn, SYN_ACK);
    assert.deepEqual(outcome(), { verdict: "ok" });
  });
}

Deno.test("Proof keeps many targets apart", () => {
  const link = new MemoryLink(IPV4);
  const targets = Array.from({ length: 200 }, (_, index) => ({
    ...{ server: IPV4.server, mac: MAC, vip: IPV4.vip },
    port: 1_000 + index,
  }));
  const proof = new Proof(link.wire, IPV4.probe, targets);
  link.begin(proof);
  assert.equal(link.sentProbes().length, 64, "a burst is cut");
  link.pass(100);
  const rest = link.sentProbes();
  assert.equal(rest.length, 136);
  link.segment(MAC, IPV4.vip, rest[0]!, SYN_ACK);
  link.segment(MAC, IPV4.vip, rest[1]!, RESET);
  link.neighbor("reply", MAC, IPV4.server, IPV4.probe);
  link.pass(4_200);
  assert.equal(proof.isOver, true);
  const verdicts = Object.groupBy(proof.outcomes, ({ verdict }) => verdict);
  assert.deepEqual([verdicts.ok!.length, verdicts.not_listening!.length, verdicts.vip_missing!.length], [
    1,
    1,
    198,
  ]);
  assert.deepEqual([proof.outcomes[64]!.verdict, proof.outcomes[65]!.verdict], ["ok", "not_listening"]);
});

Deno.test("Proof believes in silence as soon as whoever asks has no more patience", () => {
  const { link, outcome } = begin(IPV4, 400);
  link.neighbor("reply", MAC, IPV4.server, IPV4.probe);
  link.pass(390);
  assert.equal(outcome(), null);
  assert.equal(link.sentProbes().filter(({ isEcho }) => !isEcho).length, 2, "of three SYNs");
  link.pass(10);
  assert.deepEqual(outcome(), { verdict: "vip_missing" });
});

Deno.test("Proof ends with more silent targets than there are numbers for their questions", () => {
  const link = new MemoryLink(IPV4);
  const targets = Array.from({ length: 14_000 }, (_, index) => ({
    ...{ server: IPV4.server, mac: MAC, vip: IPV4.vip },
    port: 1 + index,
  }));
  const proof = new Proof(link.wire, IPV4.probe, targets, 300);
  link.begin(proof);
  const sent: SentProbe[] = [];
  while (!proof.isOver) {
    link.pass(10);
    sent.push(...link.sentProbes());
  }
  assert.equal(sent.length, targets.length * 5, "three SYNs and two pings each");
  assert(new Set(sent.slice(0, 4_096).map(({ number }) => number)).size === 4_096, "told apart meanwhile");
});
