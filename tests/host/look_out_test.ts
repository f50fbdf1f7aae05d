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

Deno.test("LookOut looks again soon after looks that failed, and tells of the first failure in a row", async () => {
  const { watch, looked, failures } = lookOut(["exec sleep 60"], ["fails", "fails", false, "fails", true]);
  await using _ = watch;
  await lookedBefore(looked[4]!, "after failures");
  assert.deepEqual(failures, ["look 1 fails", "look 4 fails"]);
});
