import assert from "node:assert/strict";
import { State } from "../../datapath/connection_state.ts";
import { Destinations } from "../../datapath/destinations.ts";
import { createSharedLoads, LoadCells, SharedLoads } from "../../datapath/shared_loads.ts";
import { OperatorError } from "../../model/operator_error.ts";
import type { ServerSet } from "../../scheduler/scheduler.ts";
import { bytesPerRepetition } from "../allocation_meter.ts";
import { serverSet } from "../scheduler/server_set.ts";

const VIP = 1;

/** A worker's books of one service with two servers, which every worker knows by other identities. */
interface Books {
  readonly destinations: Destinations;
  readonly set: ServerSet;
  readonly identities: Uint16Array;
  /** Takes a table in which the servers have these cells. */
  place(cells: readonly number[]): void;
}

/** The books of workers that share what they have. */
function booksOf(workers: number, maximum = 0, minimum = 0): Books[] {
  const buffer = createSharedLoads(workers);
  return Array.from({ length: workers }, (_, worker) => {
    const loads = new SharedLoads(buffer, worker, workers);
    const destinations = new Destinations(loads);
    const set = serverSet([1, 1]);
    const identities = Uint16Array.of(10 + worker, 20 + worker);
    const place = (cells: readonly number[]) => {
      loads.useCells([Int32Array.from(cells)]);
      identities.forEach((identity, index) =>
        destinations.place(identity, { service: 0, set, index }, { maximum, minimum, vlan: 0, egress: 0 })
      );
    };
    place([0, 1]);
    return { destinations, set, identities, place };
  });
}

/** What the scheduler of a worker sees when it picks. */
function seenBy({ destinations, set, identities }: Books): number[][] {
  destinations.gather(set, identities);
  return [[...set.active], [...set.inactive], [...set.overloaded]];
}

const join = ({ destinations, identities }: Books, server: number, state: number = State.Established) =>
  destinations.joined(identities[server]!, VIP, state);
const leave = ({ destinations, identities }: Books, server: number, state: number = State.Established) =>
  destinations.left(identities[server]!, VIP, state);

Deno.test("a worker sees what all workers have before it picks, and counts only its own as its own", () => {
  const [one, two, three] = booksOf(3) as [Books, Books, Books];
  join(one, 0);
  join(two, 0);
  join(two, 1, State.UdpFirst);
  join(three, 1);
  two.destinations.moved(two.identities[0]!, State.Established, State.FinWait);
  for (const books of [one, two, three]) assert.deepEqual(seenBy(books), [[1, 1], [1, 1], [0, 0]]);
  assert.deepEqual(
    [one, two, three].map(({ destinations, identities }) => destinations.active[identities[0]!]),
    [
      ...[1, 0, 0],
    ],
  );
  leave(one, 0);
  assert.deepEqual(seenBy(two), [[0, 1], [1, 1], [0, 0]]);
});

Deno.test("a limit holds for all workers together, and its flag is one for all between the thresholds", () => {
  const [one, two] = booksOf(2, 4, 2) as [Books, Books];
  const flags = () => [seenBy(one)[2]![0], seenBy(two)[2]![0]];
  for (const books of [one, two, one]) join(books, 0);
  assert.deepEqual(flags(), [0, 0]);
  join(one, 0);
  // Between the two again before the other worker has looked.
  leave(one, 0);
  leave(one, 0);
  assert.deepEqual(flags(), [1, 1]);
  leave(one, 0);
  assert.deepEqual(flags(), [0, 0]);
  join(two, 0);
  assert.deepEqual(flags(), [0, 0]);
});

Deno.test("the loads of a server follow it to another place in the table, and stay while it has none", () => {
  const [one, two] = booksOf(2) as [Books, Books];
  join(one, 0);
  one.place([7, 1]);
  two.place([7, 1]);
  assert.deepEqual(seenBy(two)[0], [1, 0]);
  // Its old cell now belongs to another server: this one has none there any more.
  one.place([7, 0]);
  two.place([7, 0]);
  join(one, 1);
  assert.deepEqual(seenBy(two)[0], [1, 1]);
});

Deno.test("LoadCells.of() gives a server the same cell in every table, and those of lost ones only when it must", () => {
  const cells = new LoadCells();
  assert.deepEqual(cells.of([["a", "b"], ["c"]]).map((service) => [...service]), [[0, 1], [2]]);
  assert.deepEqual(cells.of([["c", "d"], ["a"]]).map((service) => [...service]), [[2, 3], [0]]);
  const many = Array.from({ length: 16_380 }, (_, number) => `server ${number}`);
  const [all] = cells.of([many, ["d"]]);
  assert.deepEqual([all![0], all!.at(-1)], [4, 16_383]);
  const given = cells.of([many, ["new"]]);
  assert.ok(given[1]![0]! < 4);
  assert.equal(new Set(given.flatMap((service) => [...service])).size, 16_381);
  assert.throws(() => cells.of([many, ["1", "2", "3", "4", "5"]]), OperatorError);
});

Deno.test("choosing a server and counting its connection allocates nothing where workers share loads", () => {
  const [one] = booksOf(8, 4, 2) as [Books];
  const bytes = bytesPerRepetition((times) => {
    for (let time = 0; time < times; time++) {
      one.destinations.gather(one.set, one.identities);
      join(one, 0);
      leave(one, 0);
    }
  });
  assert.ok(bytes < 1, `${bytes} bytes`);
});
