import assert from "node:assert/strict";
import { LookOut } from "../../host/look_out.ts";

/** A look-out on what a shell script prints, and a promise for each of its looks. */
function lookOut(script: string, answers: readonly boolean[]): { watch: LookOut; looked: Promise<void>[] } {
  const looks = answers.map(() => Promise.withResolvers<void>());
  let count = 0;
  let isLooking = false;
  const watch = new LookOut({
    words: ["sh", "-c", script],
    isRelevant: (line) => line === "changed",
    look: async () => {
      assert.equal(isLooking, false, "never two looks at a time");
      isLooking = true;
      await new Promise((resolve) => setTimeout(resolve, 0));
      isLooking = false;
      looks[count]?.resolve();
      return answers[count++] ?? true;
    },
  });
  return { watch, looked: looks.map(({ promise }) => promise) };
}

Deno.test("LookOut looks at the start and again when a relevant line comes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-look-out-" });
  try {
    const signal = `${folder}/go`;
    await new Deno.Command("mkfifo", { args: [signal] }).output();
    const { watch, looked } = lookOut(`read line <${signal}; echo other; echo changed; exec sleep 60`, [
      true,
      true,
    ]);
    await using _ = watch;
    await looked[0];
    await Deno.writeTextFile(signal, "go\n");
    // Without the line, the next look would come after half a minute.
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("It did not look because of the line")), 20_000);
    await Promise.race([looked[1], tooLate]);
    clearTimeout(timer);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("LookOut looks again by itself while not all is in order, and when its program has ended", async () => {
  for (const script of ["exec sleep 60", "true"]) {
    const { watch, looked } = lookOut(script, script === "true" ? [true, true] : [false, true]);
    await using _ = watch;
    await Promise.all(looked);
  }
});
