import assert from "node:assert/strict";
import { forwardingKey, forwardingSettings, isForwarding } from "../../host/forwarding.ts";
import type { AddressFamily } from "../../model/ip_address.ts";

const HOST_4 = "net/ipv4/ip_forward";
const OWN_4 = "net/ipv4/conf/eth0/forwarding";
const HOST_6 = "net/ipv6/conf/all/forwarding";
const OWN_6 = "net/ipv6/conf/eth0/force_forwarding";

Deno.test("a host forwards IPv4 as the interface says, and IPv6 if the host or the interface says so", () => {
  const cases:
    readonly (readonly [AddressFamily, Readonly<Record<string, string>>, readonly string[], string])[] = [
      [4, { [HOST_4]: "0", [OWN_4]: "1" }, [OWN_4], OWN_4],
      [4, { [HOST_4]: "1", [OWN_4]: "1" }, [HOST_4, OWN_4], OWN_4],
      [4, { [HOST_4]: "1", [OWN_4]: "0" }, [], OWN_4],
      // The interface is not known.
      [4, { [HOST_4]: "1" }, [HOST_4], HOST_4],
      [4, { [HOST_4]: "0" }, [], HOST_4],
      [6, { [HOST_6]: "1", [OWN_6]: "0" }, [HOST_6], HOST_6],
      [6, { [HOST_6]: "0", [OWN_6]: "1" }, [OWN_6], OWN_6],
      [6, { [HOST_6]: "0", "net/ipv6/conf/eth0/forwarding": "1" }, [], HOST_6],
    ];
  for (const [family, values, settings, key] of cases) {
    const sysctls = new Map(Object.entries(values));
    const text = JSON.stringify(values);
    assert.deepEqual(forwardingSettings(sysctls, family, "eth0"), settings, text);
    assert.equal(forwardingKey(sysctls, family, "eth0"), key, text);
    assert.equal(isForwarding(sysctls, family, "eth0"), settings.length > 0, text);
  }
});
