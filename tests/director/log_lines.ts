/** Logs three events in the format that is its argument; the log tests run it as a process. */

import { type LogFormat, openLog } from "../../director/log.ts";

const encoder = new TextEncoder();
const { sink, close } = await openLog(
  Deno.args[0] as LogFormat,
  (text) => void Deno.stderr.writeSync(encoder.encode(text)),
);
const at = new Date().toISOString();
sink({ at, level: "info", name: "director.started", message: "it's up" });
sink({ at, level: "warning", name: "neighbor.lost", message: 'a {brace}, {{two}} and "quotes"' });
sink({ at, level: "error", name: "config.refused", message: "first line\nsecond line" });
await close();
