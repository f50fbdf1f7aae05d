import assert from "node:assert/strict";
import { Journal } from "../../../host/journal.ts";
import {
  parseIpvs,
  parseListeners,
  parseUnusable,
  readAnnounced,
} from "../../../sentinel/doctor/host_facts.ts";
import { guardedAddresses } from "../../../sentinel/doctor/read_facts.ts";
import { methodOfSteps, readRoleJournal, vipsOfSteps } from "../../../sentinel/doctor/role_journal.ts";

Deno.test("parseListeners() reads addresses of both families, interfaces and the dual-stack wildcard", () => {
  const output = `udp   UNCONN 0      0         0.0.0.0%eth0:68         0.0.0.0:*
tcp   LISTEN 0      511             0.0.0.0:80         0.0.0.0:*
tcp   LISTEN 0      4096                  *:443              *:*
tcp   LISTEN 0      511                [::]:8080            [::]:*
udp   UNCONN 0      0      [fe80::1]%eth0.5:546              [::]:*
tcp   LISTEN 0      4096  [::ffff:192.0.2.10]:80                *:*
`;
  assert.deepEqual(parseListeners(output), [
    { protocol: "udp", address: "0.0.0.0", device: "eth0", port: 68 },
    { protocol: "tcp", address: "0.0.0.0", device: null, port: 80 },
    { protocol: "tcp", address: "*", device: null, port: 443 },
    { protocol: "tcp", address: "::", device: null, port: 8080 },
    { protocol: "udp", address: "fe80::1", device: "eth0.5", port: 546 },
    { protocol: "tcp", address: "192.0.2.10", device: null, port: 80 },
  ]);
});

Deno.test("parseIpvs() reads the kernel's hexadecimal services and leaves their servers out", () => {
  const text = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C000020A:0050 wlc
  -> C0000215:0050      Route   1      0          0
UDP  [2001:0db8:0000:0000:0000:0000:0000:0010]:0035 rr
FWM  00000007 rr
`;
  assert.deepEqual(parseIpvs(text), [
    { protocol: "tcp", address: "192.0.2.10", port: 80 },
    { protocol: "udp", address: "2001:db8::10", port: 53 },
  ]);
});

Deno.test("parseUnusable() takes tentative and failed addresses only", () => {
  const address = (local: string, flags: object) => ({ family: "inet6", local, prefixlen: 128, ...flags });
  const json = JSON.stringify([{
    ifname: "eth0",
    addr_info: [
      address("2001:db8::10", { tentative: true, dadfailed: true }),
      address("2001:db8::11", { tentative: true }),
      address("2001:db8::21", {}),
    ],
  }]);
  assert.deepEqual(parseUnusable(json).map((found) => [found.address, found.state]), [
    ["2001:db8::10", "dadfailed"],
    ["2001:db8::11", "tentative"],
  ]);
});

Deno.test("guardedAddresses() are those of all sets of the table, and none where there is no table", () => {
  const json = JSON.stringify({
    nftables: [{ table: {} }, { set: { elem: ["192.0.2.10"] } }, { set: { elem: ["2001:db8::10"] } }, {
      set: {},
    }],
  });
  assert.deepEqual([...guardedAddresses(json)], ["192.0.2.10", "2001:db8::10"]);
  assert.deepEqual([...guardedAddresses("")], []);
});

Deno.test("readRoleJournal() tells held, kept and abandoned journals apart, and takes none from its owner", async () => {
  const runDir = await Deno.makeTempDir({ prefix: "lvsdr-doctor-" });
  try {
    assert.equal(await readRoleJournal(runDir), null);
    const journal = await Journal.open(`${runDir}/realserver.journal`);
    journal.record({ kind: "addAddress", address: "192.0.2.10", device: "lo" });
    const held = await readRoleJournal(runDir);
    assert.deepEqual([held?.owner, held?.isKept], [Deno.pid, false]);
    assert.deepEqual(vipsOfSteps(held!.steps), ["192.0.2.10"]);
    journal.close();
    const abandoned = await readRoleJournal(runDir);
    assert.deepEqual([abandoned?.owner, abandoned?.isKept], [null, false]);
    {
      using next = await Journal.open(`${runDir}/realserver.journal`);
      next.keep();
    }
    const kept = await readRoleJournal(runDir);
    assert.deepEqual([kept?.owner, kept?.isKept], [null, true]);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});

Deno.test("methodOfSteps() recognises every method by what it leaves", () => {
  const table = (family: string) => ({ kind: "nftTable", family, name: "lvsdr", ruleset: "" }) as const;
  const address = { kind: "addAddress", address: "192.0.2.10", device: "lo" } as const;
  assert.equal(methodOfSteps([address]), "loopback");
  assert.equal(methodOfSteps([table("arp"), address]), "nft");
  assert.equal(methodOfSteps([table("inet")]), "redirect");
  assert.equal(methodOfSteps([{ kind: "addLocalRoute", address: "192.0.2.10" }]), "route");
  assert.equal(
    methodOfSteps([{ kind: "arptablesRule", chain: "INPUT", args: [], isTableNew: true }]),
    "arptables",
  );
  assert.equal(methodOfSteps([]), null);
});

Deno.test("readAnnounced() finds the addresses that the network scripts of RHEL announce, unless told not to", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-doctor-" });
  const write = (name: string, ...lines: string[]) =>
    Deno.writeTextFile(`${folder}/${name}`, `${lines.join("\n")}\n`);
  const found = async () =>
    (await readAnnounced(folder)).map(({ path, text }) => `${path.slice(folder.length + 1)} ${text}`);
  try {
    assert.deepEqual(await readAnnounced(`${folder}/none`), []);
    await write(
      "ifcfg-eth0",
      "DEVICE=eth0",
      "IPADDR=192.0.2.21",
      'IPADDR1="192.0.2.10"',
      "#IPADDR2=192.0.2.12",
    );
    await write("ifcfg-eth0:0", "IPADDR=192.0.2.11");
    await write("ifcfg-eth1", "ARPUPDATE=no", "IPADDR=192.0.2.13");
    await write("ifcfg-eth1:0", "IPADDR=192.0.2.14");
    await write("ifcfg-eth1:1", "IPADDR=192.0.2.15", "ARPUPDATE='yes'");
    await write("ifcfg-lo:0", "IPADDR=192.0.2.16");
    for (const rest of [".bak", "~", ".rpmsave", ".orig", ".old"]) {
      await write(`ifcfg-eth0${rest}`, "IPADDR=192.0.2.17");
    }
    await write("ifup-aliases", "# arping -A is what this would do");
    assert.deepEqual(await found(), []);

    const announce = "  /sbin/arping -q -A -c 1 -I ${REALDEVICE} ${ipaddr[$idx]}";
    await write("ifup-eth", 'if ! is_false "${arpupdate[$idx]}"; then', announce, "fi");
    const always = [
      "ifcfg-eth0 IPADDR=192.0.2.21",
      'ifcfg-eth0 IPADDR1="192.0.2.10"',
      "ifcfg-eth0:0 IPADDR=192.0.2.11",
    ];
    assert.deepEqual(await found(), [...always, "ifcfg-eth1:1 IPADDR=192.0.2.15"]);
    await write("ifup-eth", announce);
    assert.equal((await found()).length, always.length + 3, "an older script cannot be told");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
