/**
 * The log of a director: coloured text on a terminal, prefixed with a priority for journald, JSON lines on request.
 *
 * @module
 */

import {
  ansiColorFormatter,
  configure,
  dispose,
  getLogger,
  jsonLinesFormatter,
  type LogRecord,
  type Sink,
  type TextFormatter,
} from "@logtape/logtape";
import type { LogSink } from "./events.ts";

export type LogFormat = "text" | "json";

/** Priorities of sd-daemon(3). */
const PRIORITIES: Readonly<Record<string, number>> = { error: 3, warning: 4, info: 6 };

const journalFormatter: TextFormatter = (record) => {
  const prefix = `<${PRIORITIES[record.level] ?? 6}>`;
  // Every line is an entry of its own there.
  return `${prefix}${record.category.join(".")}: ${messageOf(record).replaceAll("\n", `\n${prefix}`)}\n`;
};

const plainFormatter: TextFormatter = (record) =>
  `${new Date(record.timestamp).toISOString()} ${record.level.padEnd(7)} ${record.category.join(".")}: ${
    messageOf(record)
  }\n`;

function messageOf(record: LogRecord): string {
  return record.message.join("");
}

/**
 * Opens the log on standard error.
 *
 * @returns Where events go, and how to close the log.
 */
export async function openLog(
  format: LogFormat,
  write: (text: string) => void,
): Promise<{ readonly sink: LogSink; readonly close: () => Promise<void> }> {
  const formatter = chooseFormatter(format);
  const sink: Sink = (record) => write(formatter(record));
  await configure({
    sinks: { stderr: sink },
    loggers: [
      { category: [], sinks: ["stderr"], lowestLevel: "info" },
      // Its own report on how it was configured is of no use to an operator.
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning", parentSinks: "override" },
    ],
    reset: true,
  });
  return {
    sink: ({ level, name, message }) => {
      // Doubled, braces stand for themselves: a message is no template.
      getLogger(name.split("."))[level](message.replaceAll(/[{}]/g, "$&$&"));
    },
    close: dispose,
  };
}

function chooseFormatter(format: LogFormat): TextFormatter {
  if (format === "json") return jsonLinesFormatter;
  // A shell that systemd has started hands its JOURNAL_STREAM down, to programs on a terminal too.
  if (Deno.stderr.isTerminal()) return Deno.env.has("NO_COLOR") ? plainFormatter : ansiColorFormatter;
  return Deno.env.has("JOURNAL_STREAM") ? journalFormatter : plainFormatter;
}
