/**
 * Every mistake that `lvsdr lab --break` makes: suffered from, named by exactly those who can see it, and mended by typing
 * what they say; and the control, in which nothing is broken and nobody says anything. The labs run side by side: most of
 * their time is waiting for what is over to be forgotten.
 *
 * @module
 */

import assert from "node:assert/strict";
import { BREAK_NAMES, type BreakName } from "../../lab/break_name.ts";
import { BREAKS } from "../../lab/breaks.ts";
import { type BreakSummary, type LabSummary, obstacle, runLab } from "./lab_run.ts";

/** What must be said, and typed, about one mistake. */
interface Course {
  readonly host: string;
  /** `witness on host: id`, each once, with `|` between ids of which one is said. */
  readonly said: readonly string[];
  /** The same for what is said or not, as time has it. */
  readonly perhaps?: readonly string[];
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
  "prefix": {
    host: "rs2",
    said: [
      // Nothing of an exposed real server: the director has come later, and cannot tell it from a proxy.
      "doctor on director: wire-alarm",
      ...UNHARDENED,
      "doctor on rs2: vip-prefix",
      NOT_HELD,
      "sentinel on director: vip_answered_by_other",
      "verify on director: takes_addresses",
    ],
    perhaps: ["doctor on director: realserver-down", "doctor on director: realserver-exposed"],
    typed: ["sentinel: vip_answered_by_other"],
  },
  "vip-missing": {
    host: "rs2",
    said: [...UNHARDENED, "doctor on rs2: vip-missing", "verify on director: vip_missing"],
    typed: ["verify: vip_missing"],
  },
  "app-down": {
    host: "rs2",
    said: ["doctor on rs2: app-not-listening", NOT_HELD, "verify on director: not_listening"],
    typed: ["doctor: app-not-listening"],
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
      "verify on director: other_holder",
    ],
    typed: ["sentinel: duplicate_director"],
  },
  "proxy-arp": {
    host: "spare",
    said: [
      "doctor on director: wire-alarm",
      "sentinel on director: proxy_arp",
      // The second where it was too slow to answer for an address that nobody has.
      "verify on director: takes_addresses|other_holder",
    ],
    typed: ["sentinel: proxy_arp"],
  },
};

/** Where IPv6 differs: it needs no settings, and answers for no VIP but one on the interface, where rules have to hide it. */
const COURSES_OVER_IPV6: Readonly<Partial<Record<BreakName, Course>>> = {
  "arp": {
    host: "rs2",
    said: [
      "doctor on director: realserver-exposed",
      "doctor on director: wire-alarm",
      "doctor on rs2: vip-filter",
      NOT_HELD,
      "sentinel on director: vip_answered_by_other",
      "sentinel on director: vip_leaked_as_sender",
      "verify on director: answers",
      "verify on director: leaks",
    ],
    typed: ["sentinel: vip_answered_by_other"],
  },
  "vip-missing": {
    host: "rs2",
    said: ["doctor on rs2: vip-missing", "verify on director: vip_missing"],
    typed: ["verify: vip_missing"],
  },
  "forwarding": {
    host: "rs2",
    said: ["doctor on rs2: vip-forwarded", "verify on director: forwards"],
    typed: ["verify: forwards"],
  },
};

/** Side by side, since what was heard and cannot be asked for counts for a minute: that is the time all of it takes. */
const LABS: readonly (readonly [family: 4 | 6, ...names: BreakName[]])[] = [
  [4, "announce"],
  [4, "arp"],
  [4, "second-director"],
  [4, "vip-missing", "app-down", "forwarding", "prefix"],
  [4, "rp-filter", "proxy-arp"],
  [6, "arp", "vip-missing", "app-down"],
  [6, "forwarding", "second-director"],
];

async function summaryOf(...args: string[]): Promise<LabSummary> {
  const { code, stdout, stderr } = await runLab("--json", "--servers", "2", ...args);
  assert.notEqual(stdout, "", stderr);
  const summary: LabSummary = JSON.parse(stdout);
  assert.equal(code === 0, summary.ok);
  return summary;
}

function words<T>(items: readonly T[], word: (item: T) => string): string[] {
  return [...new Set(items.map(word))].toSorted();
}

function assertCourse(seen: BreakSummary, { host, said, perhaps = [], typed }: Course): void {
  assert.equal(seen.host, host);
  assert.ok(seen.suffers, JSON.stringify(seen.suffering));
  assert.ok(seen.isNamed, JSON.stringify(seen.statements));
  const heard = words(seen.statements, ({ witness, on, id }) => `${witness} on ${on}: ${id}`)
    .filter((word) => !perhaps.includes(word));
  const wanted = said.map((word) => {
    const [who, ids] = word.split(": ");
    return ids!.split("|").map((id) => `${who}: ${id}`).find((choice) => heard.includes(choice)) ?? word;
  });
  assert.deepEqual(heard, wanted.toSorted());
  assert.deepEqual(seen.typed.map(({ witness, id }) => `${witness}: ${id}`), typed);
  for (const { command, works } of seen.typed) assert.ok(works, command);
  assert.ok(seen.recovers, JSON.stringify(seen.recovery));
  assert.deepEqual(seen.left, []);
}

Deno.test(
  "lab --flush: in an unbroken lab, nobody says anything",
  { ignore: obstacle !== null },
  async () => {
    const { ok, calm } = await summaryOf("--flush", "30");
    const { seconds, questions, ...found } = calm!;
    assert.deepEqual(found, { flushes: 30, complaints: [], alarms: 0, defences: 0, statements: [] });
    assert.ok(questions >= 30, `${questions} questions in ${seconds} s`);
    assert.ok(ok);
  },
);

Deno.test("lab --break: each mistake hurts, is named on its host, and is mended by what is typed", {
  ignore: obstacle !== null,
}, async (t) => {
  const summaries = await Promise.all(
    LABS.map(([family, ...names]) =>
      summaryOf(...(family === 6 ? ["--ipv6"] : []), ...names.flatMap((name) => ["--break", name]))
    ),
  );
  for (const [index, [family, ...names]] of LABS.entries()) {
    const { breaks } = summaries[index]!;
    for (const name of names) {
      const course = (family === 6 ? COURSES_OVER_IPV6[name] : undefined) ?? COURSES[name];
      await t.step(
        `${name} over IPv${family}`,
        () => assertCourse(breaks.find((seen) => seen.name === name)!, course),
      );
    }
  }
  assert.deepEqual(summaries.map(({ ok }) => ok), LABS.map(() => true));
});

Deno.test("the labs of these tests make every mistake over every family that has it", () => {
  for (const family of [4, 6] as const) {
    assert.deepEqual(
      LABS.filter(([tried]) => tried === family).flatMap(([, ...names]) => names).toSorted(),
      BREAK_NAMES.filter((name) => BREAKS[name].families.includes(family)).toSorted(),
    );
  }
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
