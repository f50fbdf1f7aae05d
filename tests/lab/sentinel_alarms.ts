/**
 * Alarms of a director's wire sentinel: waiting for them, and doing what they say.
 *
 * @module
 */

import type { Namespace } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import type { WireAlarm } from "../../model/status_snapshot.ts";
import type { DirectorNetwork, DirectorProcess } from "./director_network.ts";

/** Waits for an alarm and returns it. */
export async function raised(director: DirectorProcess, name: string, mac: string): Promise<WireAlarm> {
  const isWanted = (alarm: WireAlarm) => alarm.name === name && alarm.mac === mac;
  const { alarms } = await director.waitFor(
    `alarm ${name} of ${mac}`,
    (status) => status.alarms.some(isWanted),
  );
  return alarms.find(isWanted)!;
}

/** Waits until nobody with a MAC causes an alarm. */
export async function cleared(director: DirectorProcess, mac: string): Promise<void> {
  await director.waitFor(`no alarm of ${mac}`, ({ alarms }) => alarms.every((alarm) => alarm.mac !== mac));
}

/** Types the command of an alarm on a host, word for word; `lvsdr realserver` ends when it has hardened the host. */
export async function obey(network: DirectorNetwork, host: Namespace, { command }: WireAlarm): Promise<void> {
  const self = selfCommand([]).map((word) => `'${word}'`).join(" ");
  const script = `lvsdr() { ${self} "$@" --once --run-dir '${network.folder}/${host.name}'; }\n${command}`;
  await host.require("sh", ["-c", script]);
}
