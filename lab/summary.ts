/**
 * What `lvsdr lab --json` prints.
 *
 * @module
 */

import type { BreakReport } from "./break_course.ts";
import { isAsExpected } from "./break_course.ts";
import type { Calm } from "./calm.ts";
import type { Cluster } from "./cluster.ts";
import { type Act, holds } from "./story.ts";

/** What a lab has shown; parts that were not asked for are empty. */
export interface Shown {
  readonly acts: readonly Act[];
  readonly breaks: readonly BreakReport[];
  readonly calm: Calm | null;
  /** Whether all of it was as it must be. */
  readonly ok: boolean;
}

/** The summary as an object for JSON. */
export function summary({ topology, method }: Cluster, { acts, breaks, calm, ok }: Shown): unknown {
  const host = ({ name, address, mac }: { name: string; address: string; mac: string }) => ({
    name,
    address,
    mac,
  });
  return {
    ok,
    method,
    vip: topology.vip,
    client: host(topology.client),
    director: host(topology.director),
    realServers: topology.realServers.map((server) => ({ ...host(server), weight: server.weight })),
    acts: acts.map((act) => ({
      name: act.name,
      holds: holds(act),
      answered: Object.fromEntries(
        topology.realServers.map(({ name }) => [
          name,
          act.measurement.results.filter((result) => result.server === name).length,
        ]),
      ),
      learntMacs: act.measurement.learntMacs,
      isTransferWhole: act.isTransferWhole,
      proofs: act.proofs,
    })),
    breaks: breaks.map((report) => ({ ...report, isAsExpected: isAsExpected(report) })),
    calm,
  };
}
