/**
 * How many connections each real server has in the other workers: without it every worker would balance for itself,
 * and a limit of a server would hold as often as there are workers.
 *
 * Each worker writes the counts of its own connections at every change, into memory that nobody else writes, and adds
 * up those of the others when it is about to pick a server. So what it sees is as old as it takes one processor to see
 * what another has written, far less than a microsecond; two workers that pick in the same moment do not see each
 * other's choice, and can exceed a limit by one connection each.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { IdentityRegistry } from "./identity_registry.ts";

/** A destination has one cell, the same in every worker and for as long as the datapath lives. */
const CELLS = IdentityRegistry.LIMIT;

/** No cell. */
export const NO_CELL = -1;

/** Memory for the loads of `workers` workers. */
export function createSharedLoads(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((2 * workers + 1) * CELLS * Int32Array.BYTES_PER_ELEMENT);
}

/** Gives destinations their cells; belongs to the control plane. */
export class LoadCells {
  readonly #cells = new Map<string, number>();
  #next = 0;

  /**
   * Cells of the destinations with these names, by service and server. When there are no new ones left, those of
   * destinations that are not among them are given anew.
   *
   * @throws {OperatorError} If there are more than {@linkcode IdentityRegistry.LIMIT}.
   */
  of(names: readonly (readonly string[])[]): readonly Int32Array<ArrayBuffer>[] {
    const wanted = new Set(names.flat());
    return names.map((service) => Int32Array.from(service, (name) => this.#cellOf(name, wanted)));
  }

  #cellOf(name: string, wanted: ReadonlySet<string>): number {
    const known = this.#cells.get(name);
    if (known !== undefined) return known;
    const cell = this.#next < CELLS ? this.#next++ : this.#reclaim(wanted);
    this.#cells.set(name, cell);
    return cell;
  }

  #reclaim(wanted: ReadonlySet<string>): number {
    for (const [name, cell] of this.#cells) {
      if (wanted.has(name)) continue;
      this.#cells.delete(name);
      return cell;
    }
    throw new OperatorError(
      `Cannot count the connections of more than ${CELLS} real servers of services`,
      ExitCode.CONFIG,
      { remedy: "Use fewer" },
    );
  }
}

/** The loads as one worker sees them. */
export class SharedLoads {
  readonly #own: Int32Array;
  readonly #others: readonly Int32Array[];
  readonly #overloaded: Int32Array;
  #cells: readonly Int32Array[] = [];

  constructor(buffer: SharedArrayBuffer, worker: number, workers: number) {
    const row = (number: number, rows: number) =>
      new Int32Array(buffer, number * CELLS * Int32Array.BYTES_PER_ELEMENT, rows * CELLS);
    const rows = Array.from({ length: workers }, (_, number) => row(2 * number, 2));
    this.#own = rows[worker]!;
    this.#others = rows.filter((_, number) => number !== worker);
    this.#overloaded = row(2 * workers, 1);
  }

  /** Takes the cells of a table that is going to be built. */
  useCells(cells: readonly Int32Array[]): void {
    this.#cells = cells;
  }

  /** Cell of a server of a service, given by their places in the table. */
  cellAt(service: number, server: number): number {
    return this.#cells[service]![server]!;
  }

  /** Tells the other workers what this one has. */
  publish(cell: number, active: number, inactive: number): void {
    this.#own[cell] = active;
    this.#own[CELLS + cell] = inactive;
  }

  /** Active connections of the other workers. */
  othersActive(cell: number): number {
    let sum = 0;
    for (let index = 0; index < this.#others.length; index++) sum += this.#others[index]![cell]!;
    return sum;
  }

  /** Inactive connections of the other workers. */
  othersInactive(cell: number): number {
    let sum = 0;
    for (let index = 0; index < this.#others.length; index++) sum += this.#others[index]![CELLS + cell]!;
    return sum;
  }

  /** The flag between the two thresholds, which is the same for all: whoever sees one crossed writes it. */
  isOverloaded(cell: number): number {
    return this.#overloaded[cell]!;
  }

  setOverloaded(cell: number, flag: number): void {
    this.#overloaded[cell] = flag;
  }
}
