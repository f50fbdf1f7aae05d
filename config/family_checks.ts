/**
 * What must be of the family of a service's VIP: direct routing passes packets on as they are, and none changes its
 * family on the way.
 *
 * @module
 */

import { addressBits, type AddressFamily, familyOf } from "../model/ip_address.ts";
import { familyName, readAddress, readVip } from "./address.ts";
import { BROKEN, entries } from "./draft.ts";
import { isDottedMask, readNetmask, readPrefix } from "./prefix.ts";
import { readDraft, type Refuse, type ServerInput, type ServiceDraft } from "./service_checks.ts";

/** Checks one service, if its VIP can be read. */
export function checkFamilies(service: ServiceDraft, refuse: Refuse): void {
  const vip = readDraft(readVip, service.vip);
  if (vip === null) return;
  const family = familyOf(vip);
  for (const [i, server] of entries<ServerInput>(service.servers).entries()) {
    const address = server === BROKEN ? null : readDraft(readAddress, server.address);
    if (address === null || familyOf(address) === family) continue;
    refuse(
      ["servers", i, "address"],
      `Cannot use ${address} as a real server of VIP ${vip}: one is ${
        familyName(familyOf(address))
      }, the other ` +
        `${familyName(family)}, use the server's ${familyName(family)} address`,
    );
  }
  for (const key of ["allow", "deny"] as const) {
    for (const [i, text] of entries<string>(service[key]).entries()) {
      const prefix = readDraft(readPrefix, text);
      if (prefix === null || familyOf(prefix.address) === family) continue;
      refuse(
        [key, i],
        `Cannot use ${String(text)} for VIP ${vip}: its clients have ${
          familyName(family)
        } addresses, remove it`,
      );
    }
  }
  checkNetmask(service, vip, family, refuse);
}

function checkNetmask(service: ServiceDraft, vip: string, family: AddressFamily, refuse: Refuse): void {
  const { persistence } = service;
  if (typeof persistence !== "object") return;
  const { netmask } = persistence;
  const length = typeof netmask === "number" ? netmask : readDraft(readNetmask, netmask);
  if (length === null) return;
  const isMask = typeof netmask === "string" && isDottedMask(netmask);
  const bits = addressBits(family);
  if (length <= bits && !(isMask && family === 6)) return;
  refuse(
    ["persistence", "netmask"],
    `Cannot use netmask ${String(netmask)} for VIP ${vip}: ${
      familyName(family)
    } has prefix lengths from 1 to ${bits}, ` +
      "write one of them",
  );
}
