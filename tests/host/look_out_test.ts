import assert from "node:assert/strict";
import { LookOut } from "../../host/look_out.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";

/** What a look comes to. */
type Answer = boolean | "fails";

interface Watched {
  readonly watch: LookOut;
  /** One for each of its looks. */
  readonly looked: Promise<void>[];
  /** Messages of failures so far. */
  readonly failures: string[];
}

/** A look-out on what shell scripts print, which all is in order with after these answers. */
function lookOut(scripts: readonly string[], answers: readonly Answer[]): Watched {
  const looks = answers.map(() => Promise.withResolvers<void>());
  const failures: string[] = [];
  let count = 0;
  let isLooking = false;
  const watch = new LookOut({
    reporters: scripts.map((script) => ({
      words: ["sh", "-c", script],
      isRelevant: (line) => line === "changed",
    })),
    look: async () => {
      assert.equal(isLooking, false, "never two looks at a time");
      isLooking = true;
      await new Promise((resolve) => setTimeout(resolve, 0));
      isLooking = false;
      looks[count]?.resolve();
      const answer = answers[count++] ?? true;
      if (answer === "fails") throw new OperatorError(`look ${count} fails`, ExitCode.FAILED);
      return answer;
    },
    onFailure: ({ message }) => failures.push(message),
  });
  return { watch, looked: looks.map(({ promise }) => promise), failures };
}

/** Waits for a look that must be made for a reason: without one, the next would come after half a minute. */
async function lookedBefore(look: Promise<void>, reason: string): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`It did not look ${reason}`)), 20_000);
  try {
    await Promise.race([look, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("LookOut looks at the start and again when any of its programs has a relevant line", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-look-out-" });
  try {
    const signal = `${folder}/go`;
    await new Deno.Command("mkfifo", { args: [signal] }).output();
    const { watch, looked } = lookOut([
      "exec sleep 60",
      `read line <${signal}; echo other; echo changed; exec sleep 60`,
    ], [true, true]);
    await using _ = watch;
    await looked[0];
    await Deno.writeTextFile(signal, "go\n");
    await lookedBefore(looked[1]!, "because of the line");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("LookOut looks again by itself while not all is in order", async () => {
  const { watch, looked } = lookOut(["exec sleep 60"], [false, true]);
  await using _ = watch;
  await lookedBefore(looked[1]!, "again");
});

Deno.test("LookOut looks again when it is told to", async () => {
  const { watch, looked } = lookOut(["exec sleep 60"], [true, true]);
  await using _ = watch;
  await looked[0];
  watch.lookSoon();
  await lookedBefore(looked[1]!, "when told to");
});

Deno.test("LookOut looks again when its program has ended", async () => {
  // The first look is that of the start, or of the end if that came before it.
  const { watch, looked } = lookOut(["true"], [true, true]);
  await using _ = watch;
  await lookedBefore(looked[1]!, "after the end");
});

Deno.test("LookOut hands over what was told of causes since the look before, and the last of it where that is much", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-look-out-" });
  try {
    await new Deno.Command("mkfifo", { args: [`${folder}/lines`] }).output();
    const looks = Array.from({ length: 3 }, () => Promise.withResolvers<readonly string[]>());
    const say = (...lines: string[]) =>
      Deno.writeTextFile(`${folder}/lines`, lines.map((line) => `${line}\n`).join(""));
    let count = 0;
    await using watch: LookOut = new LookOut({
      reporters: [{
        words: ["sh", "-c", `exec 3<>${folder}/lines; exec cat <&3`],
        isRelevant: (line) => line !== "other",
        clueOf: (line) => line === "nameless" ? null : line,
      }],
      look: async (clues) => {
        const told = [...clues];
        if (count === 1) {
          await say("during");
          while (watch.clues.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
          assert.deepEqual(watch.clues, ["during"]);
        }
        looks[count++]?.resolve(told);
        return true;
      },
      onFailure: () => {},
    });
    assert.deepEqual(await looks[0]!.promise, []);
    await say("nameless", "other", ...Array.from({ length: 21 }, (_, number) => `clue ${number}`));
    const told = await looks[1]!.promise;
    assert.deepEqual([told.length, told[0], told.at(-1)], [20, "clue 1", "clue 20"]);
    assert.deepEqual(await looks[2]!.promise, ["during"], "the look before may have missed it");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("LookOut looks as often as it is told to where nobody reports anything", async () => {
  const looks = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  let count = 0;
  await using _ = new LookOut({
    reporters: [],
    look: () => {
      looks[count++]?.resolve();
      return Promise.resolve(true);
    },
    onFailure: () => {},
    fullLookMs: 10,
  });
  await lookedBefore(looks[2]!.promise, "by itself");
});

Deno.test("LookOut hands over an error that nobody foresaw, and looks no more", async () => {
  const fault = Promise.withResolvers<unknown>();
  let count = 0;
  const watch: LookOut = new LookOut({
    reporters: [],
    look: () => {
      count += 1;
      watch.lookSoon();
      return Promise.reject(new TypeError("no look"));
    },
    onFailure: () => {},
    onFault: fault.resolve,
  });
  await using _ = watch;
  assert.match(String(await fault.promise), /TypeError: no look/);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(count, 1);
});

Deno.test("LookOut looks again soon after looks that failed, and tells of the first failure in a row", async () => {
  const { watch, looked, failures } = lookOut(["exec sleep 60"], ["fails", "fails", false, "fails", true]);
  await using _ = watch;
  await lookedBefore(looked[4]!, "after failures");
  assert.deepEqual(failures, ["look 1 fails", "look 4 fails"]);
});
