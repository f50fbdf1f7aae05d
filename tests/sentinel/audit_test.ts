import assert from "node:assert/strict";
import { Audit } from "../../sentinel/audit.ts";
import { BROADCAST, IPV4, IPV6, MemoryLink, OWN_MAC, type Places } from "./memory_link.ts";

const MAC = "02:00:00:00:00:15";
const OTHER_MAC = "02:00:00:00:00:16";
const STRANGER = "02:00:00:00:00:99";

function begin(
  places: Places,
  question: Partial<ConstructorParameters<typeof Audit>[1]> = {},
): { link: MemoryLink; audit: Audit } {
  const link = new MemoryLink(places);
  const { server, vip, own: senderAddress } = places;
  const audit = new Audit(link.wire, {
    ...{ servers: [server], vips: [vip], senderAddress, asksEverybody: true },
    ...question,
  });
  link.begin(audit);
  return { link, audit };
}

for (const places of [IPV4, IPV6]) {
  const { server, otherServer, vip, otherVip, own } = places;
  const over = `over IPv${places.family}`;

  Deno.test(`Audit ${over} asks everybody for the servers and VIPs, and each server for every VIP once its MAC is known`, () => {
    const { link } = begin(places, { vips: [vip, otherVip] });
    assert.deepEqual(link.sent(), [
      link.request(BROADCAST, server, own),
      link.request(BROADCAST, vip, own),
      link.request(BROADCAST, otherVip, own),
    ]);
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(link.sent(), [link.request(MAC, vip, own), link.request(MAC, otherVip, own)]);
  });

  Deno.test(`Audit ${over} asks nobody but the servers for a VIP if it is told so`, () => {
    const { link, audit } = begin(places, { asksEverybody: false });
    link.neighbor("reply", MAC, server, own);
    link.pass(900);
    assert.equal(audit.isOver, true);
    const ask = link.request(MAC, vip, own);
    assert.deepEqual(link.sent(), [link.request(BROADCAST, server, own), ask, ask, ask]);
  });

  Deno.test(`Audit ${over} finds a server hardened that answers for itself and not for the VIP`, () => {
    const { link, audit } = begin(places);
    link.neighbor("reply", MAC, server, own);
    link.pass(899);
    assert.equal(audit.isOver, false, "three questions are asked");
    link.pass(1);
    assert.equal(audit.isOver, true);
    assert.deepEqual(audit.verdicts, [{ server, vip, verdict: "hardened", mac: MAC }]);
    assert.deepEqual(audit.holders, [{ vip, macs: [] }]);
  });

  Deno.test(`Audit ${over} finds the server that answers, and not its neighbor`, () => {
    const { link, audit } = begin(places, { servers: [server, otherServer] });
    link.neighbor("reply", MAC, server, own);
    link.neighbor("reply", OTHER_MAC, otherServer, own);
    link.neighbor("reply", OTHER_MAC, vip, own);
    link.pass(3_000);
    assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["hardened", "answers"]);
  });

  Deno.test(`Audit ${over} counts an answer for the VIP that comes before the server's own`, () => {
    const { link, audit } = begin(places);
    link.neighbor("reply", MAC, vip, own);
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["answers"]);
  });

  Deno.test(`Audit ${over} does not take a question from the VIP for an answer`, () => {
    const { link, audit } = begin(places);
    link.neighbor("reply", MAC, server, own);
    link.neighbor("request", MAC, vip, own);
    link.neighbor("request", STRANGER, vip, vip, BROADCAST);
    assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["hardened"]);
    assert.deepEqual(audit.holders, [{ vip, macs: [] }]);
  });

  Deno.test(`Audit ${over} gives a server up after three questions`, () => {
    const { link, audit } = begin(places, { asksEverybody: false });
    link.pass(2_999);
    assert.equal(audit.isOver, false);
    link.pass(1);
    assert.equal(audit.isOver, true);
    const ask = link.request(BROADCAST, server, own);
    assert.deepEqual(link.sent(), [ask, ask, ask]);
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(audit.verdicts, [{ server, vip, verdict: "unreachable", mac: null }]);
  });

  Deno.test(`Audit ${over} names who else answers for a VIP, itself aside`, () => {
    const { link, audit } = begin(places);
    for (const mac of [STRANGER, OWN_MAC, MAC, STRANGER]) link.neighbor("reply", mac, vip, own);
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(audit.holders, [{ vip, macs: [STRANGER] }]);
  });

  Deno.test(`Audit ${over} does not take a host that answers for two servers, one of them there, for the other one`, () => {
    const servers = [server, otherServer];
    const decoys = [otherVip, places.probe];
    const { link, audit } = begin(places, { servers, decoys });
    link.sent();
    link.neighbor("reply", OTHER_MAC, server, own);
    link.neighbor("reply", MAC, server, own);
    link.neighbor("reply", OTHER_MAC, otherServer, own);
    link.neighbor("reply", OTHER_MAC, vip, own);
    assert.deepEqual(
      link.sent(),
      [OTHER_MAC, MAC].flatMap((mac) => [vip, ...decoys].map((address) => link.request(mac, address, own))),
    );
    assert.deepEqual(audit.verdicts, [
      { server, vip, verdict: "hardened", mac: MAC },
      { server: otherServer, vip, verdict: "contested", mac: null },
    ]);
    assert.deepEqual(audit.usurpers, [
      { mac: OTHER_MAC, usurped: [server], alone: [otherServer], isForEverything: false },
    ]);
    assert.deepEqual(audit.holders, [{ vip, macs: [] }]);
  });

  Deno.test(`Audit ${over} blames the server that answers for another one, if its MAC is known from before`, () => {
    const servers = [server, otherServer];
    const { link, audit } = begin(places, { servers, known: new Map([[otherServer, OTHER_MAC]]) });
    for (const address of [server, otherServer, vip]) link.neighbor("reply", OTHER_MAC, address, own);
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(audit.verdicts.map(({ mac, verdict }) => [mac, verdict]), [
      [MAC, "hardened"],
      [OTHER_MAC, "answers"],
    ]);
    assert.deepEqual(audit.usurpers, [
      { mac: OTHER_MAC, usurped: [server], alone: [], isForEverything: false },
    ]);
  });

  Deno.test(`Audit ${over} does not believe what was known from before against whoever answers now`, () => {
    const { link, audit } = begin(places, { known: new Map([[server, OTHER_MAC]]) });
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(audit.verdicts, [{ server, vip, verdict: "hardened", mac: MAC }]);
    link.neighbor("reply", STRANGER, server, own);
    assert.deepEqual(audit.verdicts, [{ server, vip, verdict: "contested", mac: null }]);
  });

  Deno.test(`Audit ${over} blames a stranger that answers for every server, and none of them`, () => {
    const { link, audit } = begin(places, { servers: [server, otherServer] });
    for (const address of [server, otherServer, vip]) link.neighbor("reply", STRANGER, address, own);
    link.neighbor("reply", MAC, server, own);
    link.neighbor("reply", OTHER_MAC, otherServer, own);
    assert.deepEqual(audit.verdicts.map(({ mac, verdict }) => [mac, verdict]), [
      [MAC, "hardened"],
      [OTHER_MAC, "hardened"],
    ]);
    const usurped = [server, otherServer];
    assert.deepEqual(audit.usurpers, [{ mac: STRANGER, usurped, alone: [], isForEverything: false }]);
  });

  Deno.test(`Audit ${over} does not guess which of two MACs is a server's`, () => {
    const { link, audit } = begin(places);
    for (const mac of [MAC, STRANGER]) link.neighbor("reply", mac, server, own);
    link.neighbor("reply", STRANGER, vip, own);
    assert.deepEqual(audit.verdicts, [{ server, vip, verdict: "contested", mac: null }]);
    assert.deepEqual(audit.macsOf(server), [MAC, STRANGER]);
    assert.deepEqual(audit.usurpers, []);
  });

  Deno.test(`Audit ${over} takes two silent servers with one MAC for one host, and asks whose it is if it answers`, () => {
    const { link, audit } = begin(places, { servers: [server, otherServer] });
    for (const address of [server, otherServer]) link.neighbor("reply", MAC, address, own);
    assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["hardened", "hardened"]);
    assert.deepEqual(audit.usurpers, []);
    link.neighbor("reply", MAC, vip, own);
    assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["contested", "contested"]);
    const alone = [server, otherServer];
    assert.deepEqual(audit.usurpers, [{ mac: MAC, usurped: [], alone, isForEverything: false }]);
  });

  Deno.test(`Audit ${over} takes two servers with one MAC for one host that answers, if it answers for no decoy`, () => {
    const decoys = [otherVip, places.probe];
    const servers = [server, otherServer];
    const { link, audit } = begin(places, { servers, decoys, asksEverybody: false });
    link.sent();
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(link.sent(), [vip, ...decoys].map((address) => link.request(MAC, address, own)));
    link.neighbor("reply", MAC, otherServer, own);
    link.neighbor("reply", MAC, vip, own);
    assert.deepEqual(audit.verdicts.map(({ mac, verdict }) => [mac, verdict]), [
      [MAC, "answers"],
      [MAC, "answers"],
    ]);
    assert.deepEqual(audit.usurpers, []);
    for (const decoy of decoys) link.neighbor("reply", MAC, decoy, own);
    assert.deepEqual(audit.verdicts.map(({ verdict }) => verdict), ["contested", "contested"]);
    assert.deepEqual(audit.usurpers, [{ mac: MAC, usurped: [], alone: servers, isForEverything: true }]);
  });

  Deno.test(`Audit ${over} takes nobody who answers for decoys for a server, VIP or not, but whoever answers beside`, () => {
    const decoys = [otherVip, places.probe];
    const { link, audit } = begin(places, { decoys });
    for (const address of [server, ...decoys]) link.neighbor("reply", STRANGER, address, own);
    assert.deepEqual(audit.verdicts, [{ server, vip, verdict: "contested", mac: null }]);
    assert.deepEqual(audit.usurpers, [{
      mac: STRANGER,
      usurped: [],
      alone: [server],
      isForEverything: true,
    }]);
    link.neighbor("reply", MAC, server, own);
    assert.deepEqual(audit.verdicts, [{ server, vip, verdict: "hardened", mac: MAC }]);
    assert.deepEqual(audit.usurpers, [{
      mac: STRANGER,
      usurped: [server],
      alone: [],
      isForEverything: true,
    }]);
  });

  Deno.test(`Audit ${over} finds who answers for everything: a VIP, and each address that nobody is known to have`, () => {
    const decoys = [otherVip, otherServer];
    const { link, audit } = begin(places, { decoys });
    const [, ...asked] = link.sent();
    assert.deepEqual(asked, [vip, ...decoys].map((address) => link.request(BROADCAST, address, own)));
    for (const address of decoys) link.neighbor("reply", MAC, address, own);
    for (const address of [vip, otherVip]) link.neighbor("reply", STRANGER, address, own);
    assert.deepEqual(audit.usurpers, [], "many addresses and no VIP, or a VIP and one of them");
    link.neighbor("reply", MAC, vip, own);
    const everything = { usurped: [], alone: [], isForEverything: true };
    assert.deepEqual(audit.usurpers, [{ mac: MAC, ...everything }]);
    link.neighbor("reply", STRANGER, otherServer, own);
    assert.deepEqual(audit.usurpers, [{ mac: STRANGER, ...everything }, { mac: MAC, ...everything }]);
    assert.deepEqual(audit.holders, [{ vip, macs: [STRANGER, MAC].toSorted() }], "nobody holds a decoy");
  });

  Deno.test(`Audit ${over} ends though ever more MACs answer for a server`, () => {
    const { link, audit } = begin(places, { asksEverybody: false });
    for (let number = 0; number < 20; number++) {
      link.neighbor("reply", `02:00:00:00:01:${10 + number}`, server, own);
      link.pass(100);
    }
    assert.equal(audit.isOver, true);
    assert.equal(audit.macsOf(server).length, 4);
  });
}

Deno.test("Audit asks as nobody over ARP where it has no address", () => {
  const { link } = begin(IPV4, { servers: [], senderAddress: IPV4.nobody });
  assert.deepEqual(link.sent(), [link.request(BROADCAST, IPV4.vip, IPV4.nobody)]);
});

Deno.test("Audit asks many servers little by little", () => {
  const servers = Array.from({ length: 40 }, (_, index) => `192.0.2.${100 + index}`);
  const { link, audit } = begin(IPV4, { servers, asksEverybody: false });
  assert.equal(link.sent().length, 16);
  link.pass(0);
  assert.equal(link.sent().length, 16);
  link.pass(0);
  assert.equal(link.sent().length, 8);
  link.pass(3_020);
  assert.equal(audit.isOver, true);
  assert.equal(link.sent().length, 2 * 40);
});
