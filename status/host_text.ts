/**
 * What a real server says of its own host, in the words that page, command and assessment share.
 *
 * @module
 */

import { counted } from "../model/counted.ts";
import type { HostReport } from "../model/status_snapshot.ts";

/** Whether a real server says that it is not as it must be. One that says nothing says nothing bad. */
export function isUnsound(host: HostReport | null): boolean {
  return host?.kind === "told" && (host.factsWrong > 0 || host.trouble !== null);
}

/** For example `ok`, or `2 facts wrong: arp_ignore on eth0, VIP 192.0.2.10`; without a full stop. */
export function hostAuditText(host: HostReport): string {
  if (host.kind === "silent") return `not known, ${host.reason}`;
  const { factsWrong, wrongFacts, trouble } = host;
  if (factsWrong > 0) {
    const more = factsWrong - wrongFacts.length;
    const facts = `${counted(factsWrong, "fact")} wrong: ${wrongFacts.join(", ")}`;
    return more > 0 ? `${facts} and ${more} more` : facts;
  }
  return trouble === null ? "ok" : `cannot be made, ${trouble}`;
}

/** For example `load 0.52 on 2 CPUs`; `null` if it is not known. */
export function hostLoadText(host: HostReport): string | null {
  if (host.kind === "silent") return null;
  const { averages: [lastMinute], cpus } = host.load;
  return `load ${lastMinute.toFixed(2)} on ${counted(cpus, "CPU")}`;
}
