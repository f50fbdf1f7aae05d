import assert from "node:assert/strict";
import { hashWord } from "../../scheduler/address_hash.ts";
import { CACHE_ENTRIES, DestinationCache, FULL_EXPIRATION_MS } from "../../scheduler/destination_cache.ts";
import { NONE, type Scheduler } from "../../scheduler/mod.ts";
import { flowFrom, schedulerWith, serverSet } from "./server_set.ts";

const CLIENT = 0xc6336401;

function pickFor(scheduler: Scheduler, destination: number, nowMs = 0): number {
  return scheduler.pick(flowFrom(CLIENT, 1, destination), nowMs);
}

function words(address: number): Uint32Array {
  return flowFrom(CLIENT, 1, address).destination;
}

Deno.test("DestinationCache finds what was added and nothing else", () => {
  const cache = new DestinationCache();
  assert.equal(cache.find(words(1), 0), NONE);
  assert.equal(cache.find(Uint32Array.of(0, 0, 0, 0), 0), NONE);
  const entry = cache.add(words(1), 0);
  assert.equal(cache.find(words(1), 5), entry);
  assert.equal(cache.find(words(2), 5), NONE);
});

Deno.test("DestinationCache forgets an address that was not used for 24 hours, and learns it again", () => {
  const cache = new DestinationCache();
  const entry = cache.add(words(1), 1_000);
  assert.equal(cache.find(words(1), 1_000 + FULL_EXPIRATION_MS - 1), entry);
  const nowMs = 1_000 + 2 * FULL_EXPIRATION_MS;
  assert.equal(cache.find(words(1), nowMs), NONE);
  const again = cache.add(words(1), nowMs);
  assert.equal(cache.find(words(1), nowMs), again);
});

Deno.test("DestinationCache never holds more than 16,384 addresses and keeps those used last", () => {
  const cache = new DestinationCache();
  for (let address = 0; address < 4 * CACHE_ENTRIES; address++) {
    const entry = cache.add(words(address), address);
    assert.ok(entry >= 0 && entry < CACHE_ENTRIES);
    assert.equal(cache.find(words(0), address) !== NONE, true);
  }
  let held = 0;
  for (let address = 0; address < 4 * CACHE_ENTRIES; address++) {
    if (cache.find(words(address), 4 * CACHE_ENTRIES) !== NONE) held++;
  }
  assert.ok(held <= CACHE_ENTRIES && held > CACHE_ENTRIES / 2, `${held} held`);
});

for (const name of ["lblc", "lblcr"] as const) {
  Deno.test(`${name} sends one destination to one server, another to the least loaded`, () => {
    const servers = serverSet([10, 10]);
    const scheduler = schedulerWith(name, servers);
    for (let connection = 0; connection < 8; connection++) {
      assert.equal(pickFor(scheduler, 1), 0);
      servers.active[0]!++;
    }
    assert.equal(pickFor(scheduler, 2), 1);
    assert.equal(pickFor(scheduler, 1), 0);
  });

  Deno.test(`${name} leaves the server of a destination only if that is above its weight and another below half`, () => {
    const servers = serverSet([4, 4]);
    const scheduler = schedulerWith(name, servers);
    assert.equal(pickFor(scheduler, 1), 0);
    servers.active.set([5, 2]);
    assert.equal(pickFor(scheduler, 1), 0, "the other one is not below half");
    servers.active.set([4, 0]);
    assert.equal(pickFor(scheduler, 1), 0, "not above its weight");
    servers.active.set([5, 1]);
    assert.equal(pickFor(scheduler, 1), 1);
    servers.active.set([0, 3]);
    assert.equal(
      pickFor(scheduler, 1),
      name === "lblc" ? 1 : 0,
      "lblcr has both in its set, lblc the new one",
    );
  });

  Deno.test(`${name} keeps destinations over an update that moves the servers`, () => {
    const scheduler = schedulerWith(name, serverSet([1, 1, 1], ["a", "b", "c"]));
    assert.equal(pickFor(scheduler, 1), 0);
    const after = serverSet([1, 1, 1], ["new", "c", "a"]);
    scheduler.update(after);
    assert.equal(pickFor(scheduler, 1), 2);
    scheduler.update(serverSet([1, 1], ["c", "new"]));
    assert.equal(pickFor(scheduler, 1), 0, "its server left, so wlc chooses");
  });
}

Deno.test("lblcr drops the most loaded member of a set that has not changed for 24 hours", () => {
  const servers = serverSet([4, 4, 4]);
  const scheduler = schedulerWith("lblcr", servers);
  assert.equal(pickFor(scheduler, 1, 0), 0);
  servers.active.set([5, 0, 1]);
  assert.equal(pickFor(scheduler, 1, 10), 1);
  servers.active.set([3, 2, 0]);
  // Server 2 is idle, but not a member; the set is {0, 1} and 0 carries more.
  assert.equal(pickFor(scheduler, 1, FULL_EXPIRATION_MS + 5), 1);
  servers.active.set([0, 2, 0]);
  assert.equal(pickFor(scheduler, 1, FULL_EXPIRATION_MS + 9), 0, "the set is still whole");
  servers.active.set([3, 2, 0]);
  assert.equal(pickFor(scheduler, 1, FULL_EXPIRATION_MS + 10), 1);
  servers.active.set([0, 2, 0]);
  assert.equal(pickFor(scheduler, 1, FULL_EXPIRATION_MS + 11), 1, "server 0 was dropped");
});

Deno.test("lblcr does not give a new destination the set of the one it displaces", () => {
  const servers = serverSet([4, 4]);
  const scheduler = schedulerWith("lblcr", servers);
  const crowd: number[] = [];
  for (let address = 1; crowd.length < 17; address++) if (hashWord(address, 10) === 7) crowd.push(address);
  const last = crowd.pop()!;
  crowd.forEach((address, nowMs) => assert.equal(pickFor(scheduler, address, nowMs), 0));
  servers.active.set([4, 0]);
  assert.equal(pickFor(scheduler, last, 100), 1);
  servers.active.set([0, 4]);
  assert.equal(pickFor(scheduler, last, 101), 1);
});

Deno.test("lblcr keeps a set of more than 32 servers", () => {
  const servers = serverSet(new Array(70).fill(1));
  const scheduler = schedulerWith("lblcr", servers);
  servers.inactive.fill(9);
  for (const member of [3, 40, 69]) {
    servers.inactive[member] = 0;
    assert.equal(pickFor(scheduler, 1), member);
    servers.active[member] = 2;
  }
  servers.active[40] = 1;
  scheduler.update({ ...servers, ids: servers.ids.slice().reverse() });
  // Reversed, the servers 3, 40 and 69 stand at 66, 29 and 0, where nothing is loaded; the first one is least.
  servers.active.fill(1);
  servers.active[29] = 0;
  assert.equal(pickFor(scheduler, 1), 29);
});
