/**
 * Tells switches that listen to MLD (RFC 4541) in a VLAN that the solicited-node groups of its VIPs are wanted here.
 * The kernel does that for VIPs without a VLAN, as it is a member of their groups (vip_groups.ts): its reports leave
 * without a tag. Nobody's queries are waited for: reports come more often than any switch forgets by itself, and soon
 * enough for one that has forgotten because a cable was out, or that did not listen yet.
 *
 * @module
 */

import { addressWords, familyOf, type Mac } from "../model/ip_address.ts";
import type { NeighborId } from "./neighbor_table.ts";
import type { OwnFrames } from "./own_frames.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as mld from "./wire/mld.ts";
import * as ndp from "./wire/ndp.ts";

/** A new group is reported so often in short succession (RFC 3810 §9.1, §9.11). */
const FIRST_REPORTS = 2;
const FIRST_INTERVAL_MS = 1_000;
/** Then so often: a switch forgets a group after 260 s (RFC 3810 §9.4), or with the link. */
const INTERVAL_MS = 10_000;
const ROUTERS: Mac = { high: ndp.MULTICAST_MAC_HIGH, low: mld.ROUTERS_LAST };

interface Reporting {
  readonly vlan: number;
  /** Last word of the group. */
  readonly group: number;
  sent: number;
  atMs: number;
}

export class MembershipReports {
  readonly #frames: OwnFrames;
  #reportings = new Map<string, Reporting>();

  constructor(frames: OwnFrames) {
    this.#frames = frames;
  }

  /** Reports the groups of the IPv6 addresses among `vips` that are in a VLAN, and no others any more. */
  follow(vips: readonly NeighborId[], nowMs: number): void {
    const before = this.#reportings;
    this.#reportings = new Map(
      vips.filter(({ address, vlan }) => vlan !== ethernet.UNTAGGED && familyOf(address) === 6).map(
        ({ address, vlan }) => {
          const group = ndp.solicitedNodeLast(addressWords(address)[3]);
          const key = `${group} ${vlan}`;
          return [key, before.get(key) ?? { vlan, group, sent: 0, atMs: nowMs }];
        },
      ),
    );
  }

  /** Sends the reports that are due. */
  tick(nowMs: number): void {
    for (const reporting of this.#reportings.values()) {
      if (reporting.atMs > nowMs) continue;
      reporting.sent += 1;
      reporting.atMs = nowMs + (reporting.sent < FIRST_REPORTS ? FIRST_INTERVAL_MS : INTERVAL_MS);
      this.#report(reporting);
    }
    this.#frames.flush();
  }

  #report({ vlan, group }: Reporting): void {
    const ip = this.#frames.begin(ROUTERS, vlan, ethernet.EtherType.IPV6);
    const frame = this.#frames.view;
    this.#frames.setLinkLocalSource(ip);
    ipv6.setDestination(frame, ip, ndp.LINK_GROUP_FIRST, 0, 0, mld.ROUTERS_LAST);
    mld.emitReport(frame, ip, ndp.LINK_GROUP_FIRST, 0, ndp.SOLICITED_NODE_THIRD, group);
    this.#frames.endAt(ip + ipv6.HEADER_BYTES + mld.PAYLOAD_BYTES);
  }
}
