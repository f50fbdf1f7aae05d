/**
 * Counters of datapaths that a director has had before the present one, so that totals go on over its restarts.
 *
 * @module
 */

import { type DatapathCounters, EMPTY_COUNTERS, type ForwardingTableData } from "../datapath/mod.ts";
import { serverKey } from "./forwarding.ts";

/** What a datapath can have counted of one real server for good; connections in being pass on to the next one. */
interface ServerTotals {
  readonly connections: number;
  readonly packets: number;
  readonly bytes: number;
}

/** Counters, and the table they belong to. */
export interface Counted {
  readonly table: ForwardingTableData;
  readonly counters: DatapathCounters;
}

const NOTHING: Counted = { table: { generation: 0, services: [] }, counters: EMPTY_COUNTERS };

export class EarlierCounters {
  /** Of all datapaths that have ended, as it was when the last of them did. */
  #last = NOTHING;
  /** Of every real server that there ever was, by service and address. */
  readonly #servers = new Map<string, ServerTotals>();

  /** Takes the last counters of a datapath that ends. */
  add(ended: Counted): void {
    this.#last = this.plus(ended);
    const { table, counters } = this.#last;
    serverKeys(table).forEach((key, index) => {
      const totals = counters.destinations[index];
      if (totals !== undefined) this.#servers.set(key, totals);
    });
  }

  /**
   * Counters with those of all earlier datapaths added. As long as there is nothing to add to, because the datapath has
   * just been started, they are what the one before has left, connections in being included: those pass on. MACs do not:
   * it has to ask for them itself.
   */
  plus({ table, counters }: Counted): Counted {
    if (counters.generation === 0) return withoutMacs(this.#last);
    const { captureDrops, transmitErrors, verdicts, workers } = this.#last.counters;
    const keys = serverKeys(table);
    return {
      table,
      counters: {
        ...counters,
        captureDrops: counters.captureDrops + captureDrops,
        transmitErrors: counters.transmitErrors + transmitErrors,
        verdicts: counters.verdicts.map((frames, number) => frames + (verdicts[number] ?? 0)),
        workers: counters.workers.map((worker, number) => ({
          ...worker,
          frames: worker.frames + (workers[number]?.frames ?? 0),
          captureDrops: worker.captureDrops + (workers[number]?.captureDrops ?? 0),
        })),
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
      },
    };
  }
}

function withoutMacs({ table, counters }: Counted): Counted {
  const destinations = counters.destinations.map((counted) => ({ ...counted, mac: null }));
  return { table, counters: { ...counters, destinations } };
}

/** Keys of the destinations of a table, in its order. */
function serverKeys({ services }: ForwardingTableData): string[] {
  return services.flatMap((service) =>
    service.destinations.map((destination) => serverKey(service, destination))
  );
}
