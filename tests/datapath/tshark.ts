/**
 * Frames judged by a program that is not lvsdr.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runCommand } from "../../host/command.ts";
import { pcapFile } from "./pcap_file.ts";

/** Whether it is installed. */
export const hasTshark = await runCommand("tshark", ["--version"]).then(() => true, () => false);

/** Expert information that is no complaint: a RST is one, and the packet quoted had that TTL. */
const EXPECTED = /^(Connection reset \(RST\)|"(Time To Live|Hop Limit)" only [01])$/;
/** What a checksum status is when the checksum is wrong. */
const BAD = "0";

/** What tshark has against each frame, empty if nothing. */
export async function judgements(frames: readonly Uint8Array[]): Promise<string[]> {
  const file = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(file, pcapFile(frames));
    const checks = ["ip", "tcp", "udp"].flatMap((name) => ["-o", `${name}.check_checksum:TRUE`]);
    const fields = ["_ws.expert.message", "icmp.checksum.status", "icmpv6.checksum.status", "_ws.malformed"];
    const format = ["-T", "fields", "-E", "separator=|", "-E", "aggregator=;"];
    const args = ["-r", file, ...checks, ...format, ...fields.flatMap((name) => ["-e", name])];
    const { code, stdout, stderr } = await runCommand("tshark", args);
    assert.equal(code, 0, stderr);
    const lines = stdout.split("\n").slice(0, frames.length);
    assert.equal(lines.length, frames.length);
    return lines.map((line) => {
      const [expert, icmpStatus, icmpv6Status, malformed] = line.split("|");
      const complaints = expert!.split(";").filter((message) => message !== "" && !EXPECTED.test(message));
      if (icmpStatus === BAD) complaints.push("wrong ICMP checksum");
      if (icmpv6Status === BAD) complaints.push("wrong ICMPv6 checksum");
      if (malformed !== "") complaints.push(`malformed: ${malformed}`);
      return complaints.join("; ");
    });
  } finally {
    await Deno.remove(file);
  }
}
