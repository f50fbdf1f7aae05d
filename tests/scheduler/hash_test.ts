import assert from "node:assert/strict";
import fc from "fast-check";
import { NONE } from "../../scheduler/mod.ts";
import { foldAddress, hashWord } from "../../scheduler/address_hash.ts";
import { anyFlow, flowFrom, repeatableRandom, schedulerWith, serverSet } from "./server_set.ts";

Deno.test("foldAddress() keeps an IPv4 address and folds an IPv6 one by XOR", () => {
  assert.equal(foldAddress(Uint32Array.of(0, 0, 0xffff, 0xc000020a)), 0xc000020a | 0);
  assert.equal(foldAddress(Uint32Array.of(0x20010db8, 0, 0xffff, 0x10)), (0x20010db8 ^ 0xffff ^ 0x10) | 0);
});

Deno.test("hashWord() is the upper half of a product with the golden ratio", () => {
  fc.assert(fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 31 }), (word, bits) => {
    const product = BigInt.asUintN(32, BigInt(word) * 0x61c88647n);
    assert.equal(hashWord(word | 0, bits), Number(product >> BigInt(32 - bits)));
  }));
});

Deno.test("DestinationHash deals its 256 slots in turn whatever the weights", () => {
  const scheduler = schedulerWith("dh", serverSet([1, 9, 4]));
  for (let address = 0xc0000200; address < 0xc0000300; address++) {
    const slot = hashWord(address | 0, 8);
    assert.equal(scheduler.pick(flowFrom(1, 1, address), 0), slot % 3);
  }
});

Deno.test("DestinationHash refuses the destinations of a quiesced server and keeps the others", () => {
  const scheduler = schedulerWith("dh", serverSet([1, 0, 1]));
  for (let address = 0xc0000200; address < 0xc0000300; address++) {
    const owner = hashWord(address | 0, 8) % 3;
    assert.equal(scheduler.pick(flowFrom(1, 1, address), 0), owner === 1 ? NONE : owner);
  }
});

Deno.test("SourceHash deals its 256 slots in runs of the weights, one to a quiesced server", () => {
  const scheduler = schedulerWith("sh", serverSet([3, 1, 0, 2]));
  const ring = [0, 0, 0, 1, 2, 3, 3];
  for (let address = 0xc6336400; address < 0xc6336500; address++) {
    const owner = ring[hashWord(address | 0, 8) % ring.length]!;
    assert.equal(scheduler.pick(flowFrom(address), 0), owner === 2 ? NONE : owner);
  }
});

Deno.test("SourceHash ignores the client's port unless sh-port is given, then adds it to the address", () => {
  const servers = serverSet([1, 1, 1, 1, 1]);
  const plain = schedulerWith("sh", servers);
  const withPort = schedulerWith("sh", servers, ["sh-port"]);
  for (let port = 1_024; port < 1_124; port++) {
    assert.equal(plain.pick(flowFrom(0xc6336401, port), 0), hashWord(0xc6336401 | 0, 8) % 5);
    assert.equal(withPort.pick(flowFrom(0xc6336401, port), 0), hashWord((0xc6336401 + port) | 0, 8) % 5);
  }
});

Deno.test("SourceHash with sh-fallback moves only the clients of the unusable server", () => {
  fc.assert(fc.property(fc.array(anyFlow, { minLength: 1 }), fc.nat(4), (flows, lost) => {
    const servers = serverSet([1, 2, 3, 2, 1]);
    const scheduler = schedulerWith("sh", servers, ["sh-fallback"]);
    const before = flows.map((flow) => scheduler.pick(flow, 0));
    servers.overloaded[lost] = 1;
    flows.forEach((flow, index) => {
      const after = scheduler.pick(flow, 0);
      if (before[index] === lost) assert.ok(after !== NONE && after !== lost);
      else assert.equal(after, before[index]);
    });
  }));
});

Deno.test("SourceHash with sh-fallback probes from twice the home slot, as IPVS", () => {
  const servers = serverSet([1, 1, 1]);
  servers.overloaded[0] = 1;
  const scheduler = schedulerWith("sh", servers, ["sh-fallback"]);
  for (let address = 0xc6336400; address < 0xc6336500; address++) {
    const home = hashWord(address | 0, 8);
    let expected = home % 3;
    for (let offset = 0; expected === 0; offset++) expected = ((offset + 2 * home) & 255) % 3;
    assert.equal(scheduler.pick(flowFrom(address), 0), expected);
  }
});

for (const name of ["sh", "dh"] as const) {
  Deno.test(`${name} gives the slots of a server that is down to the others`, () => {
    const without = schedulerWith(name, serverSet([1, 2]));
    const down = schedulerWith(name, serverSet([-1, 1, 2]));
    const random = repeatableRandom();
    for (let client = 0; client < 100; client++) {
      const flow = flowFrom(random() >>> 0, 1, random() >>> 0);
      assert.equal(down.pick(flow, 0), without.pick(flow, 0) + 1);
    }
  });
}
