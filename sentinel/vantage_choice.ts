/**
 * Which real servers are to be looked at, from which interfaces, and for whom.
 *
 * @module
 */

import type { RealServer } from "../model/config.ts";

/** A real server and the VLAN it is in. */
export type ServerPlace = Pick<RealServer, "address" | "vlan">;

/** Who is told of what is in the way: the operator of a running director, or whoever runs `lvsdr verify`. */
export type Asker = "director" | "verify";

/** Which interface to look from, and for whom. */
export interface VantageChoice {
  /** The only one that may be used; `null` means each server's own. */
  readonly only: string | null;
  /** The director's, whose frames are tagged for servers in VLANs; `null` if it is not known. */
  readonly director: string | null;
  readonly asker: Asker;
}
