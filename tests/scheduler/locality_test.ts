import assert from "node:assert/strict";
import { FULL_EXPIRATION_MS } from "../../scheduler/locality_least_connection.ts";
import type { Scheduler } from "../../scheduler/mod.ts";
import { flowFrom, schedulerWith, serverSet } from "./server_set.ts";

const CLIENT = 0xc6336401;

function pickAt(scheduler: Scheduler, nowMs = 0): number {
  return scheduler.pick(flowFrom(CLIENT), nowMs);
}

for (const name of ["lblc", "lblcr"] as const) {
  Deno.test(`${name} sends all clients to one server although others have nothing to do`, () => {
    const servers = serverSet([10, 10]);
    const scheduler = schedulerWith(name, servers);
    for (let connection = 0; connection < 8; connection++) {
      assert.equal(scheduler.pick(flowFrom(CLIENT + connection, connection), 0), 0);
      servers.active[0]!++;
    }
  });

  Deno.test(`${name} forgets its server when it was not asked for 24 hours`, () => {
    const servers = serverSet([10, 10]);
    const scheduler = schedulerWith(name, servers);
    assert.equal(pickAt(scheduler), 0);
    servers.active[0] = 1;
    assert.equal(pickAt(scheduler, FULL_EXPIRATION_MS - 1), 0);
    assert.equal(pickAt(scheduler, 2 * FULL_EXPIRATION_MS - 2), 0);
    assert.equal(pickAt(scheduler, 3 * FULL_EXPIRATION_MS - 2), 1);
  });

  Deno.test(`${name} leaves the server of a destination only if that is above its weight and another below half`, () => {
    const servers = serverSet([4, 4]);
    const scheduler = schedulerWith(name, servers);
    assert.equal(pickAt(scheduler), 0);
    servers.active.set([5, 2]);
    assert.equal(pickAt(scheduler), 0, "the other one is not below half");
    servers.active.set([4, 0]);
    assert.equal(pickAt(scheduler), 0, "not above its weight");
    servers.active.set([5, 1]);
    assert.equal(pickAt(scheduler), 1);
    servers.active.set([0, 3]);
    assert.equal(
      pickAt(scheduler),
      name === "lblc" ? 1 : 0,
      "lblcr has both in its set, lblc the new one",
    );
  });

  Deno.test(`${name} keeps destinations over an update that moves the servers`, () => {
    const scheduler = schedulerWith(name, serverSet([1, 1, 1], ["a", "b", "c"]));
    assert.equal(pickAt(scheduler), 0);
    const after = serverSet([1, 1, 1], ["new", "c", "a"]);
    scheduler.update(after);
    assert.equal(pickAt(scheduler), 2);
    scheduler.update(serverSet([1, 1], ["c", "new"]));
    assert.equal(pickAt(scheduler), 0, "its server left, so wlc chooses");
  });
}

Deno.test("lblcr drops the most loaded member of a set that has not changed for 24 hours", () => {
  const servers = serverSet([4, 4, 4]);
  const scheduler = schedulerWith("lblcr", servers);
  assert.equal(pickAt(scheduler, 0), 0);
  servers.active.set([5, 0, 1]);
  assert.equal(pickAt(scheduler, 10), 1);
  servers.active.set([3, 2, 0]);
  // Server 2 is idle, but not a member; the set is {0, 1} and 0 carries more.
  assert.equal(pickAt(scheduler, FULL_EXPIRATION_MS + 5), 1);
  servers.active.set([0, 2, 0]);
  assert.equal(pickAt(scheduler, FULL_EXPIRATION_MS + 9), 0, "the set is still whole");
  servers.active.set([3, 2, 0]);
  assert.equal(pickAt(scheduler, FULL_EXPIRATION_MS + 10), 1);
  servers.active.set([0, 2, 0]);
  assert.equal(pickAt(scheduler, FULL_EXPIRATION_MS + 11), 1, "server 0 was dropped");
});

Deno.test("lblcr keeps a set of more than 32 servers", () => {
  const servers = serverSet(new Array(70).fill(1));
  const scheduler = schedulerWith("lblcr", servers);
  servers.inactive.fill(9);
  for (const member of [3, 40, 69]) {
    servers.inactive[member] = 0;
    assert.equal(pickAt(scheduler), member);
    servers.active[member] = 2;
  }
  servers.active[40] = 1;
  scheduler.update({ ...servers, ids: servers.ids.slice().reverse() });
  // Reversed, the servers 3, 40 and 69 stand at 66, 29 and 0, where nothing is loaded; the first one is least.
  servers.active.fill(1);
  servers.active[29] = 0;
  assert.equal(pickAt(scheduler), 29);
});
