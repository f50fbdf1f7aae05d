/**
 * A plan as a shell script to read or to paste.
 *
 * @module
 */

import { applyCommand, type Step, stepSentence, undoCommand } from "../host/step.ts";
import type { Choice } from "./choose_method.ts";

/** Commands that make the steps, and the commands that take them back as comments, last step first. */
export function planText(choice: Choice, steps: readonly Step[]): string {
  const head = `# method ${choice.method}: ${choice.reason}\n`;
  if (steps.length === 0) return `${head}# Nothing to do: everything is in force already\n`;
  const apply = steps.map((step) => `# ${stepSentence(step)}\n${applyCommand(step)}\n`);
  const undo = steps.toReversed().map((step) => `#   ${undoCommand(step)}\n`);
  return `${head}${apply.join("")}# Undo, in this order:\n${undo.join("")}`;
}

/** The same for programs. */
export function planJson(choice: Choice, steps: readonly Step[]): string {
  const commands = steps.map((step) => ({ ...step, apply: applyCommand(step), undo: undoCommand(step) }));
  return JSON.stringify({ ...choice, steps: commands }, null, 2) + "\n";
}
