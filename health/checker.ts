/**
 * What a health check is: one question to one real server, answered by a {@linkcode CheckResult}.
 *
 * @module
 */

export interface CheckResult {
  readonly passed: boolean;
  /** For people: what was tried and what came back, for example `TCP 10.0.0.5:80 refused`. */
  readonly message: string;
  readonly durationMs: number;
}

export interface Checker {
  /**
   * Asks once. Never rejects: whatever goes wrong is a result. Leaves nothing open behind.
   *
   * @param timeoutMs Time after which no answer counts as a failure.
   * @param signal Ends the check early, with a result that means nothing.
   */
  check(timeoutMs: number, signal: AbortSignal): Promise<CheckResult>;
}

/** Outcome of an attempt that got an answer. */
export interface Answer {
  readonly passed: boolean;
  /** What came back, for example `answered 503, wanted 200`. */
  readonly outcome: string;
}

/** What is asked, and how. */
export interface Attempt {
  /** Start of the message: kind of check and where, for example `TCP 10.0.0.5:80`. */
  readonly subject: string;
  /** Asks; must end soon after its signal is aborted. */
  readonly ask: (signal: AbortSignal) => Promise<Answer>;
}

/** Runs an attempt against the clock and puts its outcome, an error too, into words. */
export async function runAttempt(
  attempt: Attempt,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const ending = new AbortController();
  const end = () => ending.abort();
  // Not AbortSignal.any(): a signal that lives as long as the monitor would remember every check.
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutMs);
  const startedMs = performance.now();
  const answer = await attempt.ask(ending.signal).catch((error: unknown) => ({
    passed: false,
    outcome: isLate ? `did not answer within ${timeoutMs} ms` : describeFailure(error),
  }));
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
  return {
    passed: answer.passed,
    message: `${attempt.subject} ${answer.outcome}`,
    durationMs: performance.now() - startedMs,
  };
}

const KNOWN_FAILURES: readonly (readonly [pattern: RegExp, outcome: string])[] = [
  [/connection refused/i, "refused"],
  [/no route to host|host is unreachable/i, "is not reachable: no route to host"],
  [/network is unreachable/i, "is not reachable: no route to its network"],
  [/connection reset/i, "reset the connection"],
];

/** The words of the innermost error; fetch() wraps the one that matters in several others. */
function describeFailure(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  const text = innermost instanceof Error ? innermost.message : String(innermost);
  const known = KNOWN_FAILURES.find(([pattern]) => pattern.test(text));
  return known ? known[1] : `failed: ${text.slice(text.lastIndexOf("): ") + 1).replace(/^: /, "")}`;
}
