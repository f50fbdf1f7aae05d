/**
 * Counters of datapaths that a director has had before the present one, so that totals go on over its restarts.
 *
 * @module
 */

import type { DatapathCounters, ForwardingTableData } from "../datapath/mod.ts";

/** What a datapath can have counted of one real server for good; connections in being pass on to the next one. */
interface ServerTotals {
  readonly connections: number;
  readonly packets: number;
  readonly bytes: number;
}

export class EarlierCounters {
  #captureDrops = 0;
  #transmitErrors = 0;
  #verdicts: readonly number[] = [];
  readonly #servers = new Map<string, ServerTotals>();

  /**
   * Takes the last counters of a datapath that ends.
   *
   * @param table The one they belong to.
   */
  add(table: ForwardingTableData, counters: DatapathCounters): void {
    const { captureDrops, transmitErrors, verdicts, destinations } = this.plus(table, counters);
    this.#captureDrops = captureDrops;
    this.#transmitErrors = transmitErrors;
    this.#verdicts = verdicts;
    serverKeys(table).forEach((key, index) => {
      const totals = destinations[index];
      if (totals !== undefined) this.#servers.set(key, totals);
    });
  }

  /** Counters with those of all earlier datapaths added. */
  plus(table: ForwardingTableData, counters: DatapathCounters): DatapathCounters {
    const keys = serverKeys(table);
    const verdictCount = Math.max(this.#verdicts.length, counters.verdicts.length);
    return {
      ...counters,
      captureDrops: counters.captureDrops + this.#captureDrops,
      transmitErrors: counters.transmitErrors + this.#transmitErrors,
      verdicts: Array.from(
        { length: verdictCount },
        (_, number) => (counters.verdicts[number] ?? 0) + (this.#verdicts[number] ?? 0),
      ),
      destinations: counters.destinations.map((counted, index) => {
        const earlier = this.#servers.get(keys[index] ?? "");
        if (earlier === undefined) return counted;
        return {
          ...counted,
          connections: counted.connections + earlier.connections,
          packets: counted.packets + earlier.packets,
          bytes: counted.bytes + earlier.bytes,
        };
      }),
    };
  }
}

/** Names of services hold no line breaks. */
function serverKeys({ services }: ForwardingTableData): string[] {
  return services.flatMap(({ name, destinations }) =>
    destinations.map(({ address }) => `${name}\n${address}`)
  );
}
