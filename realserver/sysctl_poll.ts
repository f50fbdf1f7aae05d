/**
 * Noticing that kernel variables change, which the kernel reports to nobody: they are read once a second.
 *
 * @module
 */

import { readSysctls, type SysctlKey } from "../host/sysctl.ts";

/** Time between two looks at them. */
const POLL_MS = 1_000;

/** Compares from each {@linkcode begin} to the next {@linkcode end}; while nothing changes, by one small program a second. */
export class SysctlPoll {
  readonly #onChange: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What they are compared with; `null` while they are not. */
  #values: ReadonlyMap<SysctlKey, string> | null = null;

  /** @param onChange Called once, when a variable is not any more what it was at the last {@linkcode begin}. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Compares the variables with these values from now on. */
  begin(values: ReadonlyMap<SysctlKey, string>): void {
    this.end();
    this.#values = values;
    this.#readLater(values);
  }

  /** Compares them no more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#values = null;
  }

  #readLater(values: ReadonlyMap<SysctlKey, string>): void {
    this.#timer = setTimeout(() => void this.#read(values), POLL_MS);
  }

  async #read(values: ReadonlyMap<SysctlKey, string>): Promise<void> {
    const isSame = await isAsRead(values);
    // It has ended, or begun anew, meanwhile.
    if (this.#values !== values) return;
    if (isSame) this.#readLater(values);
    else this.#onChange();
  }
}

/** Whether variables have these values. Those that cannot be read have not: whoever looks because of that sees why. */
async function isAsRead(values: ReadonlyMap<SysctlKey, string>): Promise<boolean> {
  try {
    const found = await readSysctls([...values.keys()]);
    return [...values].every(([key, value]) => found.get(key) === value);
  } catch {
    return false;
  }
}
