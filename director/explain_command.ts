/**
 * `lvsdr explain`: asks the director on a run directory what it would do with a connection.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import type { Explanation } from "../model/explanation.ts";
import { askDirector } from "../status/client.ts";
import { explanationText } from "./explain_text.ts";
import { type QuestionWords, readQuestion } from "./explain_question.ts";

export interface ExplainOptions extends QuestionWords {
  readonly runDir: string;
  /** Print the explanation itself instead of text. */
  readonly json: boolean;
}

export interface ExplainIo {
  write(text: string): void;
}

/**
 * Prints what would become of a connection.
 *
 * @returns `OK` if a real server would get it, else `FAILED`.
 * @throws {OperatorError} If the question is none, or no director answers it.
 */
export async function runExplain(options: ExplainOptions, io: ExplainIo): Promise<ExitCode> {
  const { client, target, protocol, runDir, json } = options;
  // A question that is none is so without a director, too.
  readQuestion(options);
  const query = new URLSearchParams({ client, target, protocol });
  const explanation = await askDirector<Explanation>(runDir, `/api/v1/explain?${query}`);
  io.write(json ? JSON.stringify(explanation, null, 2) + "\n" : explanationText(explanation));
  return explanation.decision.sent?.server == null ? ExitCode.FAILED : ExitCode.OK;
}
