import assert from "node:assert/strict";
import fc from "fast-check";
import { makeVlanCommand } from "../../host/vlan_interface.ts";

/** The name in a command. */
function nameIn(command: string): string {
  return /^ip link add link \S+ name (\S+) type vlan id \d+$/.exec(command)![1]!;
}

Deno.test("makeVlanCommand() names an interface as is usual, else after the VLAN alone, and never like another one", () => {
  const name = (device: string, vlan: number, ...others: string[]) =>
    nameIn(makeVlanCommand(device, vlan, [device, ...others].map((name) => ({ name }))));
  assert.equal(name("eth0", 7), "eth0.7");
  assert.equal(name("enp130s0f0np0", 7), "enp130s0f0np0.7", "15 characters");
  assert.equal(name("enp130s0f0np0", 100), "vlan100");
  assert.equal(name("eth0", 7, "eth0.7"), "vlan7", "taken by something else");
  assert.equal(name("eth0", 7, "eth0.7", "vlan7", "vlan7-2"), "vlan7-3");
});

Deno.test("makeVlanCommand() always finds a free name of at most 15 characters, another one for each VLAN", () => {
  const names = fc.string({
    unit: fc.constantFrom("e", "v", "l", "a", "n", "1", ".", "-"),
    minLength: 1,
    maxLength: 15,
  });
  const vlan = fc.integer({ min: 1, max: 4094 });
  fc.assert(fc.property(names, fc.array(names), vlan, vlan, (device, others, one, other) => {
    const usual = [one, other].flatMap((vlan) => [`${device}.${vlan}`, `vlan${vlan}`]);
    const links = [device, ...others, ...usual.slice(0, others.length)].map((name) => ({ name }));
    const made = [one, other].map((vlan) => nameIn(makeVlanCommand(device, vlan, links)));
    for (const name of made) {
      assert(name.length <= 15, name);
      assert(!links.some((link) => link.name === name), name);
    }
    assert.equal(made[0] === made[1], one === other);
  }));
});
