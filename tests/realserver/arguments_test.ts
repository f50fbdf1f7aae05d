import assert from "node:assert/strict";
import { type PortArgument, virtualAddressesFromArguments } from "../../realserver/arguments.ts";
import { VIP } from "./host_states.ts";

const vipsOf = (...texts: string[]) => virtualAddressesFromArguments(texts, [], "tcp").map(({ vip }) => vip);

function bindingsOf(...ports: readonly PortArgument[]): unknown {
  return virtualAddressesFromArguments([VIP], ports, "udp")[0]!.bindings;
}

Deno.test("a VIP may be written with /32 and any other prefix is refused with the reason", () => {
  assert.deepEqual(vipsOf(VIP, `${VIP}/32`), [VIP]);
  assert.throws(() => vipsOf("192.0.2.10/24"), {
    exitCode: 64,
    message: /a shorter prefix than \/32 answers ARP for the whole subnet, write 192\.0\.2\.10$/,
  });
});

Deno.test("an IPv6 VIP is taken in its canonical form, and a prefix other than /128 is refused", () => {
  assert.deepEqual(vipsOf("2001:DB8:0:0::10", "2001:db8::10/128", "fd00::1"), ["2001:db8::10", "fd00::1"]);
  assert.throws(() => vipsOf("2001:db8::10/64"), {
    exitCode: 64,
    message: /a shorter prefix than \/128 takes the whole subnet for its own, write 2001:db8::10$/,
  });
});

Deno.test("whatever the configuration takes as a VIP is one on the command line too", () => {
  assert.deepEqual(vipsOf("240.0.0.1"), ["240.0.0.1"]);
});

Deno.test("what is no unicast address is refused", () => {
  const wrong = [
    ...["", "web", "192.0.2", "192.0.2.256", "010.0.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.18"],
    ...["255.255.255.255", `${VIP}/`, `${VIP}/33`, `${VIP}/032`, `${VIP}/x`],
    ...["::", "::1", "fe80::1", "fe80::1%eth0", "ff02::1", "::ffff:192.0.2.10"],
    ...["2001:db8::10/", "2001:db8::10/129", "2001:db8::10/0128", "2001:db8::10/x", "2001:db8::/10/1"],
  ];
  for (const vip of wrong) assert.throws(() => vipsOf(vip), { exitCode: 64 }, vip);
});

Deno.test("ports are sorted, said once, and grouped by whether they are translated", () => {
  assert.deepEqual(bindingsOf(), []);
  const bindings = bindingsOf(
    { port: 443, localPort: null },
    { port: 80, localPort: 8080 },
    { port: 53, localPort: 53 },
    { port: 443, localPort: null },
  );
  assert.deepEqual(bindings, [
    { protocol: "udp", ports: [{ first: 53, last: 53 }, { first: 443, last: 443 }], localPort: null },
    { protocol: "udp", ports: [{ first: 80, last: 80 }], localPort: 8080 },
  ]);
});

Deno.test("one port cannot be handed to two", () => {
  assert.throws(() => bindingsOf({ port: 80, localPort: null }, { port: 80, localPort: 8080 }), {
    exitCode: 64,
    message: /Cannot hand port 80 to two ports/,
  });
});
