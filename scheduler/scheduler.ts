/**
 * What a scheduling algorithm is: it looks at the real servers of one virtual service and picks one for a new
 * connection. Algorithms are pure: no I/O, no clock, no global state.
 *
 * @module
 */

/** No server can be used. */
export const NONE = -1;

/**
 * Weight of a server that is down: it counts as if it had left the set, so hash schedulers give its share to the
 * others. A quiesced server (weight 0) keeps its share, as in IPVS.
 */
export const ABSENT = -1;

/**
 * The real servers of one virtual service as a scheduler sees them; index `i` is the same server everywhere and
 * servers stand in file order. Owned by the caller. The typed arrays are live: they change between picks without
 * notice, except {@linkcode weights}, whose changes are announced by `Scheduler.update()`.
 */
export interface ServerSet {
  /** Identity of each server, its address; equal identities before and after an update are the same server. */
  readonly ids: readonly string[];
  /** 0 means quiesced, {@linkcode ABSENT} means down; neither is ever picked. */
  readonly weights: Int32Array;
  /** Connections that IPVS counts as active: TCP in SYN_RECV or ESTABLISHED. */
  readonly active: Int32Array;
  /** All others. */
  readonly inactive: Int32Array;
  /** 1 means: never pick, a connection threshold is exceeded. */
  readonly overloaded: Uint8Array;
}

/** The first packet of a connection. One object, reused for every pick: a scheduler must not keep it. */
export interface NewFlow {
  /** Client address as four 32-bit words in host order, IPv4 as `::ffff:a.b.c.d`. */
  readonly source: Uint32Array;
  sourcePort: number;
  /** Virtual address, in the same form. */
  readonly destination: Uint32Array;
}

export interface Scheduler {
  /** Name as in ipvsadm(8), for example `wrr`. */
  readonly name: string;
  /**
   * Adopts a set of servers, at first and whenever servers or weights have changed. State is kept where IPVS
   * keeps it. May allocate.
   */
  update(servers: ServerSet): void;
  /**
   * Index of the real server for a new connection, or {@linkcode NONE}. Hot path.
   *
   * @param nowMs Milliseconds of a clock that never goes back.
   */
  pick(flow: NewFlow, nowMs: number): number;
  /**
   * Remembers what picking changes, apart from the chance it takes.
   *
   * @returns Puts it back, until the next update.
   * @default picking changes nothing
   */
  save?(): () => void;
}
