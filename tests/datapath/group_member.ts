/**
 * Gives the lists of addresses that come as JSON, one a line, to a {@linkcode GroupMembership} on the interface
 * `lvg0` of its namespace, and prints for each, as JSON, the error and its remedy, or `null` when it is done. What
 * comes as `{ "nowMs": …, "follow": [ … ] }`, or without a list as a tick, is for {@linkcode VipGroups}, whose reports
 * are printed.
 *
 * @module
 */

import { GroupMembership } from "../../datapath/ffi/group_membership.ts";
import { openLibc } from "../../datapath/ffi/libc.ts";
import { VipGroups } from "../../datapath/vip_groups.ts";
import { OperatorError } from "../../model/operator_error.ts";

const DEVICE = "lvg0";
const index = Number(Deno.readTextFileSync(`/sys/class/net/${DEVICE}/ifindex`));

using membership = new GroupMembership(openLibc(), DEVICE, index);
let reports: unknown[] = [];
const groups = new VipGroups(membership, (report) => reports.push(report));

function obey(order: string[] | { readonly nowMs: number; readonly follow?: string[] }): unknown {
  if (Array.isArray(order)) {
    membership.set(order);
    return null;
  }
  reports = [];
  if (order.follow === undefined) groups.tick(order.nowMs);
  else groups.follow(order.follow, order.nowMs);
  return reports;
}

const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
let text = "";
for await (const chunk of input) {
  text += chunk;
  const lines = text.split("\n");
  text = lines.pop()!;
  for (const line of lines) {
    let answer: unknown;
    try {
      answer = obey(JSON.parse(line));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      answer = { message: error.message, remedy: error.remedy };
    }
    await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
  }
}
