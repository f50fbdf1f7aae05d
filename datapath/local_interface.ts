/**
 * What the hot path knows of the interface it works on.
 *
 * @module
 */

/** The interface frames come from and leave by. */
export interface LocalInterface {
  readonly macHigh: number;
  readonly macLow: number;
  /** Largest IP packet it takes. */
  readonly mtu: number;
}
