/**
 * What the hot path knows of an interface it works on.
 *
 * @module
 */

/** An interface frames leave by, as they came by it or by another one. */
export interface LocalInterface {
  readonly macHigh: number;
  readonly macLow: number;
  /** Largest IP packet it takes. */
  readonly mtu: number;
}
