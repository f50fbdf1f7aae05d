import assert from "node:assert/strict";
import { Proof, type ProofOutcome } from "../../sentinel/proof.ts";
import { arpFrame, Flag, tcpFrame } from "../datapath/frame_builder.ts";
import { MemoryLink, OWN_MAC, PROBE_ADDRESS, type SentProbe, VIP } from "./memory_link.ts";

const SERVER = "192.0.2.21";
const MAC = "02:00:00:00:00:15";
const ROUTER = "02:00:00:00:00:01";
const TARGET = { server: SERVER, mac: MAC, vip: VIP, port: 80 };
const SYN_ACK = Flag.SYN | Flag.ACK;
const RESET = Flag.RST | Flag.ACK;
const UNREACHABLE = 3;
const REDIRECT = 5;
const EXCEEDED = 11;

/** Begins a proof of one target and returns its first SYN. */
function begin(): { link: MemoryLink; proof: Proof; syn: SentProbe; outcome: () => ProofOutcome | null } {
  const link = new MemoryLink();
  const proof = new Proof(link.wire, PROBE_ADDRESS, [TARGET]);
  link.begin(proof);
  const [syn] = link.sentProbes();
  return { link, proof, syn: syn!, outcome: () => proof.isOver ? proof.outcomes[0]! : null };
}

Deno.test("Proof sends one SYN to the real server's MAC that only its owner can take", () => {
  const { syn } = begin();
  assert.deepEqual([syn.to, syn.ttl, syn.flags, syn.isEcho], [MAC, 1, Flag.SYN, false]);
  assert(syn.number >= 1_024);
});

Deno.test("Proof is content with a SYN-ACK from VIP and MAC, and resets the connection", () => {
  const { link, syn, outcome } = begin();
  link.segment(MAC, VIP, syn, SYN_ACK);
  assert.deepEqual(outcome(), { verdict: "ok" });
  const [reset, ...more] = link.sentProbes();
  assert.deepEqual(
    [reset!.to, reset!.flags, reset!.number, reset!.sequence],
    [MAC, Flag.RST, syn.number, (syn.sequence + 1) >>> 0],
  );
  assert.deepEqual(more, []);
});

Deno.test("Proof resets a repeated SYN-ACK again", () => {
  const { link, syn } = begin();
  link.segment(MAC, VIP, syn, SYN_ACK);
  link.sent();
  link.segment(MAC, VIP, syn, SYN_ACK);
  assert.deepEqual(link.sentProbes().map(({ flags }) => flags), [Flag.RST]);
});

const ANSWERS: readonly {
  readonly what: string;
  answer(link: MemoryLink, syn: SentProbe): void;
  readonly outcome: ProofOutcome | null;
}[] = [
  {
    what: "a SYN-ACK that acknowledges something else",
    answer: (link, syn) => link.segment(MAC, VIP, syn, SYN_ACK, 2),
    outcome: null,
  },
  {
    what: "a segment that is neither SYN-ACK nor RST",
    answer: (link, syn) => link.segment(MAC, VIP, syn, Flag.ACK),
    outcome: null,
  },
  {
    what: "a SYN-ACK to another port",
    answer: (link, syn) => link.segment(MAC, VIP, { ...syn, number: syn.number ^ 1 }, SYN_ACK),
    outcome: null,
  },
  {
    what: "a SYN-ACK through a router",
    answer: (link, syn) => link.segment(ROUTER, VIP, syn, SYN_ACK),
    outcome: { verdict: "ok_other_mac", mac: ROUTER },
  },
  {
    what: "a SYN-ACK from the real server's own address",
    answer: (link, syn) => link.segment(MAC, SERVER, syn, SYN_ACK),
    outcome: { verdict: "wrong_source", source: SERVER },
  },
  {
    what: "a RST from the VIP",
    answer: (link, syn) => link.segment(MAC, VIP, syn, RESET),
    outcome: { verdict: "not_listening" },
  },
  {
    what: "ICMP port unreachable",
    answer: (link, syn) => link.error(MAC, SERVER, UNREACHABLE, 3, syn),
    outcome: { verdict: "rejected", code: 3 },
  },
  {
    what: "ICMP network unreachable, as only a router says",
    answer: (link, syn) => link.error(MAC, SERVER, UNREACHABLE, 0, syn),
    outcome: { verdict: "forwards" },
  },
  {
    what: "an ICMP error about somebody else's port",
    answer: (link, syn) => link.error(MAC, SERVER, UNREACHABLE, 3, { ...syn, number: syn.number ^ 1 }),
    outcome: null,
  },
];

for (const { what, answer, outcome: expected } of ANSWERS) {
  Deno.test(`Proof on ${what}: ${expected?.verdict ?? "goes on waiting"}`, () => {
    const { link, syn, outcome } = begin();
    answer(link, syn);
    assert.deepEqual(outcome(), expected);
  });
}

Deno.test("Proof sends three SYNs, each with a port and a sequence number of its own, before it believes in silence", () => {
  const { link, syn, outcome } = begin();
  link.pass(2_999);
  const later = link.sentProbes();
  assert.equal(later.length, 2);
  for (const key of ["number", "sequence"] as const) {
    assert.equal(new Set([syn, ...later].map((probe) => probe[key])).size, 3, key);
  }
  link.segment(MAC, VIP, syn, SYN_ACK);
  assert.deepEqual(outcome(), { verdict: "ok" }, "an answer to the first still counts");
});

/** Ends the SYNs and begins the questions that tell silence from silence. */
function fallSilent() {
  const begun = begin();
  begun.link.pass(2_999);
  begun.link.sent();
  begun.link.pass(1);
  return begun;
}

Deno.test("Proof asks a silent server for its address as the probe, and pings the VIP", () => {
  const { link } = fallSilent();
  const [arp, ping] = link.sent();
  assert.deepEqual(
    arp,
    arpFrame({
      ...{ from: OWN_MAC, to: MAC, operation: "request", senderMac: OWN_MAC, senderAddress: PROBE_ADDRESS },
      ...{ targetMac: "00:00:00:00:00:00", targetAddress: SERVER, paddedTo: 60 },
    }),
  );
  assert.equal(ping!.at(23), 1, "ICMP");
});

Deno.test("Proof tells a missing VIP, a refused source and a firewall from one another", () => {
  const verdictAfter = (hear: (link: MemoryLink, ping: SentProbe) => void) => {
    const { link, outcome } = fallSilent();
    const [ping] = link.sentProbes();
    hear(link, ping!);
    link.pass(990);
    assert.equal(outcome(), null);
    link.pass(10);
    return outcome()!.verdict;
  };
  const takesSource = (link: MemoryLink) => link.arp("reply", MAC, SERVER, PROBE_ADDRESS);
  assert.equal(verdictAfter(() => {}), "source_refused");
  assert.equal(verdictAfter(takesSource), "vip_missing");
  assert.equal(
    verdictAfter((link) => link.arp("reply", MAC, VIP, PROBE_ADDRESS)),
    "source_refused",
    "as another",
  );
  assert.equal(verdictAfter((link, ping) => link.echo(MAC, VIP, ping)), "dropped");
  assert.equal(
    verdictAfter((link, ping) => link.echo(MAC, SERVER, ping)),
    "source_refused",
    "ping from elsewhere",
  );
});

Deno.test("Proof tries once more with another hop when the first SYN expired: it may be for a container", () => {
  const { link, syn, outcome } = begin();
  link.error(MAC, SERVER, EXCEEDED, 0, syn);
  const [second, ...more] = link.sentProbes();
  assert.deepEqual([second!.ttl, more], [2, []]);
  link.segment(MAC, VIP, second!, SYN_ACK);
  assert.deepEqual(outcome(), { verdict: "ok" });
});

Deno.test("Proof finds a server that forwards: silence, another expiry or another host's answer after the first", () => {
  const verdictAfter = (hear: (link: MemoryLink, second: SentProbe, syn: SentProbe) => void) => {
    const { link, syn, outcome } = begin();
    link.error(MAC, SERVER, EXCEEDED, 0, syn);
    hear(link, link.sentProbes()[0]!, syn);
    return outcome()?.verdict ?? null;
  };
  assert.equal(verdictAfter((link) => link.pass(1_000)), "forwards");
  assert.equal(verdictAfter((link, second) => link.error(MAC, SERVER, EXCEEDED, 0, second)), "forwards");
  assert.equal(verdictAfter((link, second) => link.segment(ROUTER, VIP, second, SYN_ACK)), "forwards");
  assert.equal(
    verdictAfter((link, _, syn) => link.error(MAC, SERVER, EXCEEDED, 0, syn)),
    null,
    "the same once more",
  );
});

Deno.test("Proof finds a server that forwards by a redirect alone", () => {
  const { link, syn, outcome } = begin();
  link.error(MAC, SERVER, REDIRECT, 1, syn);
  link.pass(3_000);
  assert.deepEqual(outcome(), { verdict: "forwards" });
});

Deno.test("Proof finds a server that forwards by its own SYN coming back, but not by hearing itself", () => {
  for (const [from, verdict] of [[MAC, "forwards"], [OWN_MAC, "source_refused"]] as const) {
    const { link, syn, outcome } = begin();
    link.arrive(tcpFrame({
      ...{ from, to: OWN_MAC, source: PROBE_ADDRESS, destination: VIP, flags: Flag.SYN },
      ...{ sourcePort: syn.number, destinationPort: 80, sequence: syn.sequence },
    }));
    link.pass(4_000);
    assert.equal(outcome()!.verdict, verdict);
  }
});

Deno.test("Proof answers ARP for its address, and for no other", () => {
  const { link } = begin();
  link.arp("request", MAC, SERVER, PROBE_ADDRESS);
  link.arp("request", MAC, SERVER, VIP);
  assert.deepEqual(link.sent(), [
    arpFrame({
      ...{ from: OWN_MAC, to: MAC, operation: "reply", senderMac: OWN_MAC, senderAddress: PROBE_ADDRESS },
      ...{ targetMac: MAC, targetAddress: SERVER, paddedTo: 60 },
    }),
  ]);
});

Deno.test("Proof finds a leak though the VIP answers", () => {
  const { link, syn, outcome } = begin();
  link.arp("request", MAC, VIP, PROBE_ADDRESS);
  link.segment(MAC, VIP, syn, SYN_ACK);
  assert.deepEqual(outcome(), { verdict: "leaks" });
});

Deno.test("Proof does not blame a server for another host that asks with the VIP as sender", () => {
  const { link, syn, outcome } = begin();
  link.arp("request", ROUTER, VIP, PROBE_ADDRESS);
  link.segment(MAC, VIP, syn, SYN_ACK);
  assert.deepEqual(outcome(), { verdict: "ok" });
});

Deno.test("Proof ends when somebody takes its address", () => {
  const { link, proof } = begin();
  link.arp("request", ROUTER, PROBE_ADDRESS, PROBE_ADDRESS);
  assert.equal(proof.isOver, true);
  assert.equal(proof.thief, ROUTER);
});

Deno.test("Proof keeps many targets apart", () => {
  const link = new MemoryLink();
  const targets = Array.from({ length: 200 }, (_, index) => ({ ...TARGET, port: 1_000 + index }));
  const proof = new Proof(link.wire, PROBE_ADDRESS, targets);
  link.begin(proof);
  assert.equal(link.sentProbes().length, 64, "a burst is cut");
  link.pass(100);
  const rest = link.sentProbes();
  assert.equal(rest.length, 136);
  link.segment(MAC, VIP, rest[0]!, SYN_ACK);
  link.segment(MAC, VIP, rest[1]!, RESET);
  link.arp("reply", MAC, SERVER, PROBE_ADDRESS);
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
