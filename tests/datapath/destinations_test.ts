import assert from "node:assert/strict";
import { State } from "../../datapath/connection_state.ts";
import { Condition, Destinations } from "../../datapath/destinations.ts";
import type { ServerSet } from "../../scheduler/scheduler.ts";
import { serverSet } from "../scheduler/server_set.ts";

const VIP = 1;
const SERVER = 2;

function placed(maximum = 0, minimum = 0): { destinations: Destinations; set: ServerSet } {
  const destinations = new Destinations();
  const set = serverSet([1, 1]);
  destinations.place(SERVER, { service: 0, set, index: 1 }, { vlan: 0, egress: 0, maximum, minimum });
  return { destinations, set };
}

Deno.test("Destinations writes counts to the scheduler's set at once, and to the right server", () => {
  const { destinations, set } = placed();
  destinations.joined(SERVER, VIP, State.SynReceived);
  destinations.joined(SERVER, VIP, State.UdpFirst);
  destinations.joined(SERVER, VIP, State.Template);
  assert.deepEqual([[...set.active], [...set.inactive]], [[0, 1], [0, 1]]);
  destinations.moved(SERVER, State.SynReceived, State.Established);
  assert.deepEqual([[...set.active], [...set.inactive]], [[0, 1], [0, 1]]);
  destinations.moved(SERVER, State.Established, State.FinWait);
  assert.deepEqual([[...set.active], [...set.inactive]], [[0, 0], [0, 2]]);
  destinations.left(SERVER, VIP, State.FinWait);
  destinations.left(SERVER, VIP, State.UdpFirst);
  assert.deepEqual([destinations.active[SERVER], destinations.inactive[SERVER]], [0, 0]);
  assert.equal(destinations.templates[SERVER], 1);
});

Deno.test("Destinations has the overload flag rise at the maximum and fall below the minimum", () => {
  const { destinations, set } = placed(3, 2);
  const flags: number[] = [];
  for (const joins of [true, true, true, false, true, false, false, true]) {
    if (joins) destinations.joined(SERVER, VIP, State.Established);
    else destinations.left(SERVER, VIP, State.Established);
    flags.push(set.overloaded[1]!);
  }
  assert.deepEqual(flags, [0, 0, 1, 1, 1, 1, 0, 0]);
});

Deno.test("Destinations does not count templates towards thresholds", () => {
  const { destinations, set } = placed(1, 1);
  destinations.joined(SERVER, VIP, State.Template);
  assert.equal(set.overloaded[1], 0);
});

Deno.test("Destinations knows what entries refer to, owners as well, until the last is gone", () => {
  const { destinations } = placed();
  destinations.joined(SERVER, VIP, State.Established);
  destinations.joined(SERVER, VIP, State.Template);
  destinations.left(SERVER, VIP, State.Established);
  assert.deepEqual([SERVER, VIP, 3].map((number) => destinations.isReferred(number)), [true, true, false]);
  destinations.left(SERVER, VIP, State.Template);
  assert.deepEqual([SERVER, VIP].map((number) => destinations.isReferred(number)), [false, false]);
});

Deno.test("Destinations keeps counts of a server without a place and gives them to the set when it returns", () => {
  const { destinations, set } = placed();
  destinations.joined(SERVER, VIP, State.Established);
  destinations.condition[SERVER] = Condition.Usable;
  destinations.clearPlaces();
  assert.equal(destinations.condition[SERVER], Condition.Gone);
  destinations.joined(SERVER, VIP, State.Established);
  assert.equal(set.active[1], 1, "the set is nobody's any more");
  const next = serverSet([1]);
  destinations.place(SERVER, { service: 0, set: next, index: 0 }, {
    vlan: 0,
    egress: 0,
    maximum: 2,
    minimum: 1,
  });
  assert.deepEqual([next.active[0], next.overloaded[0]], [2, 1]);
});

Deno.test("Destinations.forget() clears totals, flags and the MAC", () => {
  const { destinations } = placed(1, 1);
  const totals = ["connections", "packets", "bytes", "overloaded", "macHigh", "macLow"] as const;
  for (const total of totals) destinations[total][SERVER] = 1;
  destinations.forget(SERVER);
  assert.deepEqual(totals.map((total) => destinations[total][SERVER]), [0, 0, 0, 0, 0, 0]);
});
