/**
 * Building blocks of the schema: mappings, texts with a meaning, numbers with bounds.
 *
 * @module
 */

import { z } from "zod";
import { found, type Reading } from "./reading.ts";

/** A field that is given as `Input` and becomes `Output`. */
export type Field<Output, Input> = z.ZodType<Output, Input>;

/** The beginning of a message that leaves to others what to write instead. */
const COMPLAINT = "Expected ";

/** Whether a message says what was expected and found, and not yet what to do. */
export function isComplaint(message: string): boolean {
  return message.startsWith(COMPLAINT);
}

function expected(what: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => `${COMPLAINT}${what}, found ${found(input)}`;
}

/** A whole number within bounds, both included. */
export function wholeNumber(lowest: number, highest: number): Field<number, number> {
  const error = expected(`a whole number from ${lowest} to ${highest}`);
  return z.int({ error }).min(lowest, { error }).max(highest, { error });
}

/**
 * A text that `read` gives its meaning.
 *
 * @param what What is expected, for the message about a value that is no text.
 * @param pattern Shape of the text, for editors.
 */
export function text<T>(
  what: string,
  read: (text: string) => Reading<T>,
  pattern?: string,
): Field<T, string> {
  const base = z.string({
    error({ input }) {
      // YAML made a number or a boolean of it: what `read` says of its text is more to the point.
      const reading = typeof input === "number" || typeof input === "boolean" ? read(String(input)) : null;
      if (reading === null) return expected(what)({ input });
      return reading.ok ? expected(what)({ input }) : reading.message;
    },
  });
  return (pattern === undefined ? base : base.meta({ pattern })).transform((value, context) => {
    const reading = read(value);
    if (reading.ok) return reading.value;
    context.issues.push({ code: "custom", input: value, message: reading.message });
    return z.NEVER;
  });
}

/**
 * A text that must match `pattern`; the message never repeats it.
 *
 * @param lengths Characters it has, at least and at most.
 */
export function secretText(
  what: string,
  pattern: string,
  [shortest, longest]: readonly [number, number],
): Field<string, string> {
  const error = ({ input }: { readonly input?: unknown }): string => {
    if (input === null) return `Cannot use an empty secret: write ${what}, or remove the key`;
    if (typeof input !== "string") return `Cannot use this secret without quotes: write ${what}, in quotes`;
    const { length } = input;
    const fault = length < shortest || length > longest
      ? `a secret of ${length} characters`
      : "these characters";
    return `Cannot use ${fault}: write ${what}`;
  };
  return z.string({ error }).regex(new RegExp(pattern), { error });
}
