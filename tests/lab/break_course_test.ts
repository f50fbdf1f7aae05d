/**
 * Every mistake that `lvsdr lab --break` makes: suffered from, named by exactly those who can see it, and mended by typing
 * what they say; and the control, in which nothing is broken and nobody says anything. The labs run side by side: most of
 * their time is waiting for what is over to be forgotten.
 *
 * @module
 */

import assert from "node:assert/strict";
import { BREAK_NAMES, type BreakName } from "../../lab/break_name.ts";
import { type BreakSummary, type LabSummary, obstacle, runLab } from "./lab_run.ts";

/** What must be said, and typed, about one mistake. */
interface Course {
  readonly host: string;
  /** `witness on host: id`, each once, sorted; `null` if it changes from run to run who is accused of what. */
  readonly said: readonly string[] | null;
  /** `witness: id` of each command, in the order in which they are typed. */
  readonly typed: readonly string[];
}

const NOT_HELD = "doctor on rs2: not-held";
const UNHARDENED = ["doctor on rs2: arp-announce", "doctor on rs2: arp-ignore"];

const COURSES: Readonly<Record<BreakName, Course>> = {
  "arp": {
    host: "rs2",
    said: [
      "doctor on director: realserver-exposed",
      "doctor on director: wire-alarm",
      ...UNHARDENED,
      NOT_HELD,
      "sentinel on director: vip_answered_by_other",
      "sentinel on director: vip_leaked_as_sender",
      "verify on director: answers",
      "verify on director: leaks",
    ],
    typed: ["sentinel: vip_answered_by_other"],
  },
  "announce": {
    host: "rs2",
    said: [
      "doctor on director: wire-alarm",
      "doctor on rs2: arp-announce",
      NOT_HELD,
      "sentinel on director: vip_leaked_as_sender",
      "verify on director: leaks",
    ],
    typed: ["sentinel: vip_leaked_as_sender"],
  },
  "prefix": { host: "rs2", said: null, typed: [] },
  "vip-missing": {
    host: "rs2",
    said: [...UNHARDENED, "doctor on rs2: vip-missing", "verify on director: vip_missing"],
    typed: ["verify: vip_missing"],
  },
  "app-down": {
    host: "rs2",
    said: ["doctor on rs2: app-not-listening", NOT_HELD, "verify on director: not_listening"],
    typed: ["verify: not_listening", "doctor: not-held"],
  },
  "forwarding": {
    host: "rs2",
    said: [...UNHARDENED, "doctor on rs2: vip-forwarded", "verify on director: forwards"],
    typed: ["verify: forwards"],
  },
  "rp-filter": {
    host: "rs2",
    said: [NOT_HELD, "doctor on rs2: rp-filter", "verify on director: source_refused"],
    typed: ["verify: source_refused", "doctor: not-held"],
  },
  "second-director": {
    host: "spare",
    said: [
      "doctor on director: wire-alarm",
      "doctor on spare: wire-alarm",
      "sentinel on director: duplicate_director",
    ],
    typed: ["sentinel: duplicate_director"],
  },
  "proxy-arp": {
    host: "spare",
    said: ["doctor on director: wire-alarm", "sentinel on director: proxy_arp"],
    typed: ["sentinel: proxy_arp"],
  },
};

/** IPv6 needs no settings, so that nothing else is missing. */
const MISSING_OVER_IPV6: Course = {
  host: "rs2",
  said: ["doctor on rs2: vip-missing", "verify on director: vip_missing"],
  typed: ["verify: vip_missing"],
};

/** Side by side, since what was heard and cannot be asked for counts for a minute: that is the time all of it takes. */
const LABS: readonly (readonly BreakName[])[] = [
  ["announce"],
  ["arp"],
  ["second-director"],
  ["forwarding", "prefix"],
  ["rp-filter", "proxy-arp"],
];
const CONTROL = ["--flush", "30", ...breakArguments(["vip-missing", "app-down"])];
const OVER_IPV6 = ["--ipv6", ...breakArguments(["vip-missing"])];

function breakArguments(names: readonly BreakName[]): string[] {
  return names.flatMap((name) => ["--break", name]);
}

function words<T>(items: readonly T[], word: (item: T) => string): string[] {
  return [...new Set(items.map(word))].toSorted();
}

function assertCourse(seen: BreakSummary, { host, said, typed }: Course): void {
  assert.equal(seen.host, host);
  assert.ok(seen.suffers, JSON.stringify(seen.suffering));
  assert.ok(seen.isNamed, JSON.stringify(seen.statements));
  if (said !== null) {
    assert.deepEqual(
      words(seen.statements, ({ witness, on, id }) => `${witness} on ${on}: ${id}`),
      said.toSorted(),
    );
    assert.deepEqual(seen.typed.map(({ witness, id }) => `${witness}: ${id}`), typed);
  }
  assert.ok(seen.recovers, JSON.stringify(seen.recovery));
  assert.deepEqual(seen.left, []);
}

Deno.test({
  name:
    "lab --break: each mistake hurts, is named on its host, and is mended by what is typed; unbroken, all is quiet",
  ignore: obstacle !== null,
  async fn(t) {
    const runs = [CONTROL, OVER_IPV6, ...LABS.map(breakArguments)];
    const results = await Promise.all(runs.map((args) => runLab("--json", "--servers", "2", ...args)));
    const summaries = results.map(({ stdout, stderr }): LabSummary => {
      assert.notEqual(stdout, "", stderr);
      return JSON.parse(stdout);
    });
    const breaks = summaries.filter(({ vip }) => !vip.includes(":")).flatMap((summary) => summary.breaks);
    await t.step("unbroken, with every cache flushed thirty times", () => {
      const nothing = { complaints: 0, alarms: 0, defences: 0, statements: [] };
      assert.deepEqual(summaries[0]!.calm, { flushes: 30, ...nothing });
    });
    for (const name of BREAK_NAMES) {
      await t.step(name, () => assertCourse(breaks.find((seen) => seen.name === name)!, COURSES[name]));
    }
    await t.step("vip-missing over IPv6", () => assertCourse(summaries[1]!.breaks[0]!, MISSING_OVER_IPV6));
    assert.deepEqual(results.map(({ code }) => code), runs.map(() => 0));
  },
});

Deno.test(
  "lab --break refuses what IPv6 or a method does not have",
  { ignore: obstacle !== null },
  async () => {
    const refusals = [
      [["--ipv6", "--break", "prefix"], /IPv6 has no such mistake as prefix\n +With --ipv6 there are arp, /],
      [
        ["--method", "redirect", "--break", "arp"],
        /method redirect does not put it\n +Use --method loopback/,
      ],
      [["--ipv6", "--method", "arptables"], /Method arptables is for IPv4 only/],
      [["--break", "nothing"], /It must be one of arp, announce, /],
    ] as const;
    for (const [args, words] of refusals) {
      const { code, stderr } = await runLab(...args);
      assert.equal(code, 64, stderr);
      assert.match(stderr, words);
    }
  },
);
