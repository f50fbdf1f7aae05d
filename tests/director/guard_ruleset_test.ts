import assert from "node:assert/strict";
import { guardRuleset, guardTableName } from "../../director/guard_ruleset.ts";
import { connect, Namespace } from "../../lab/namespace.ts";

const reason = Deno.uid() === 0 ? "" : " (skipped: namespaces need root)";

Deno.test("guardTableName() is a word of nft's language for every name of an interface", () => {
  assert.equal(guardTableName("eth0"), "lvsdr_director_eth0");
  assert.equal(guardTableName("br-lan.100@x"), "lvsdr_director_br_lan_100_x");
});

Deno.test(
  `nft accepts guardRuleset() for VIPs of both families, many of them and odd names of interfaces${reason}`,
  {
    ignore: reason !== "",
  },
  async () => {
    const here = await Namespace.create(`lvg${Deno.pid}a`);
    const there = await Namespace.create(`lvg${Deno.pid}b`);
    try {
      const many = Array.from({ length: 1_000 }, (_, number) => `10.1.${number >> 8}.${number & 255}`);
      const many6 = Array.from({ length: 1_000 }, (_, number) => `2001:db8::${(number + 1).toString(16)}`);
      for (const device of ["eth0", "br-lan.100"]) {
        await connect({ namespace: here, interface: device }, { namespace: there, interface: device });
        for (
          const vips of [
            ...[["192.0.2.10"], ["192.0.2.10", "192.0.2.11"], ["2001:db8::10"]],
            ...[["2001:db8::10", "192.0.2.10", "2001:db8::11"], many, many6],
          ]
        ) {
          const chains = [device, "lo"].map((name) => ({ device: name, addresses: vips }));
          for (const some of [[], chains.slice(1), chains, [{ device, addresses: [] }, ...chains.slice(1)]]) {
            const check = await here.run("nft", ["-c", "-f", "-"], { stdin: guardRuleset(device, some) });
            assert.deepEqual(check, { code: 0, stdout: "", stderr: "" });
          }
        }
      }
      const wrong = await here.run("nft", ["-c", "-f", "-"], {
        stdin: guardRuleset("eth0", [{ device: "eth0", addresses: ["2001:db8::g"] }]),
      });
      assert.notEqual(wrong.code, 0, "the check checks");
    } finally {
      await Namespace.remove(here.name);
      await Namespace.remove(there.name);
    }
  },
);
