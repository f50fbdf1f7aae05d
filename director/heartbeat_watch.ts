/**
 * Tells a datapath that hangs from a machine that is slow.
 *
 * @module
 */

/** Time between two looks. */
export const LOOK_MS = 1_000;

/** Looks without a heartbeat after which a datapath hangs; alive, it beats ten times between two of them. */
const PATIENCE_LOOKS = 10;

/** The same for one that starts, which does not beat before it has taken over all connections. */
export const START_PATIENCE_LOOKS = 60;

/**
 * Counts looks instead of time: a process that is stopped, or gets no processor, looks no more often than its datapath
 * beats, so that it never finds that one hanging.
 */
export class HeartbeatWatch {
  readonly #patienceLooks: number;
  #beats: readonly number[] = [];
  #missed: readonly number[] = [];

  /** @param patienceLooks Looks without a heartbeat after which a worker hangs. */
  constructor(patienceLooks = PATIENCE_LOOKS) {
    this.#patienceLooks = patienceLooks;
  }

  /**
   * Takes the heartbeats of all workers as they are at this moment.
   *
   * @returns Whether one of them hangs.
   */
  look(beats: readonly number[]): boolean {
    this.#missed = beats.map((beat, worker) =>
      beat === this.#beats[worker] ? (this.#missed[worker] ?? 0) + 1 : 0
    );
    this.#beats = [...beats];
    return this.#missed.some((looks) => looks >= this.#patienceLooks);
  }
}
