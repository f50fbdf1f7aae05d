/**
 * Gives the lists of addresses that come as JSON, one a line, to a {@linkcode GroupMembership} on the interface
 * `lvg0` of its namespace, and prints for each, as JSON, the error and its remedy, or `null` when it is done.
 *
 * @module
 */

import { GroupMembership } from "../../datapath/ffi/group_membership.ts";
import { openLibc } from "../../datapath/ffi/libc.ts";
import { OperatorError } from "../../model/operator_error.ts";

const DEVICE = "lvg0";
const index = Number(Deno.readTextFileSync(`/sys/class/net/${DEVICE}/ifindex`));

using membership = new GroupMembership(openLibc(), DEVICE, index);
const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
let text = "";
for await (const chunk of input) {
  text += chunk;
  const lines = text.split("\n");
  text = lines.pop()!;
  for (const line of lines) {
    let answer: unknown = null;
    try {
      membership.set(JSON.parse(line));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      answer = { message: error.message, remedy: error.remedy };
    }
    await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
  }
}
