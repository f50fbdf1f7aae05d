/**
 * What a lab leaves on this machine: a directory that names its owner, and namespaces. Both are removed by the
 * owner, or, when it crashed, by the next lab.
 *
 * @module
 */

import { join } from "node:path";
import { Namespace } from "./namespace.ts";
import { exists, own, ownerOf } from "./owner.ts";
import { namespacePrefix } from "./topology.ts";

/** Where labs of this machine keep their directories. */
export const LABS_DIRECTORY = "/run/lvsdr-lab";

/** The directory of one lab; its id is the process id of its owner. */
export class LabDirectory {
  readonly id: string;
  readonly path: string;

  private constructor(id: string) {
    this.id = id;
    this.path = join(LABS_DIRECTORY, id);
  }

  /** Makes the directory of the lab that this process owns. */
  static async create(): Promise<LabDirectory> {
    const directory = new LabDirectory(String(Deno.pid));
    await Deno.mkdir(LABS_DIRECTORY, { recursive: true, mode: 0o700 });
    await Deno.mkdir(directory.path, { mode: 0o700 });
    await own(directory.path);
    return directory;
  }

  /**
   * Removes what labs have left behind whose owner is dead: processes, namespaces and files.
   *
   * @returns The ids of those labs.
   */
  static async removeLeftovers(): Promise<string[]> {
    const removed: string[] = [];
    for (const id of await labIds()) {
      const directory = new LabDirectory(id);
      if (await directory.#isOwned()) continue;
      await directory.remove();
      removed.push(id);
    }
    return removed;
  }

  /** Path of a file in the directory. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Removes every namespace of the lab with the processes in them, then the directory; what is gone is fine. */
  async remove(): Promise<void> {
    const prefix = namespacePrefix(this.id);
    for (const name of await Namespace.list()) {
      if (name.startsWith(prefix)) await Namespace.remove(name);
    }
    try {
      await Deno.remove(this.path, { recursive: true });
    } catch (error) {
      // Two labs that start together clean up after the same crash.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #isOwned(): Promise<boolean> {
    // The owner makes its own directory only after looking for leftovers, so one with its own id is not its own.
    if (this.id === String(Deno.pid)) return false;
    const owner = await ownerOf(this.path);
    // Not known yet: the owner, which the directory is named after, is about to say so.
    return owner === "unknown" ? await exists(Number(this.id)) : owner === "alive";
  }
}

async function labIds(): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(LABS_DIRECTORY));
    return entries.filter((entry) => /^\d+$/.test(entry.name)).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
