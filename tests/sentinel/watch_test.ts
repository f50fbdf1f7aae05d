import assert from "node:assert/strict";
import type { WireAlarmName } from "../../model/status_snapshot.ts";
import { Watch } from "../../sentinel/watch.ts";
import { solicitedNode } from "../datapath/ipv6_frame_builder.ts";
import { advertisementFrame, solicitationFrame } from "../datapath/ipv6_frame_builder.ts";
import { BROADCAST, IPV4, IPV6, MemoryLink, OWN_MAC, type Places } from "./memory_link.ts";

const SERVER_MAC = "02:00:00:00:00:15";
const CLIENT_MAC = "02:00:00:00:00:64";
const FOREIGN_MAC = "02:00:00:00:00:99";
const CLIENT = { 4: "192.0.2.100", 6: "2001:db8::64" };
const DECOYS = { 4: ["192.0.2.150", "192.0.2.151"], 6: ["2001:db8::150", "2001:db8::151"] };

/** Time after which a MAC that has claimed a VIP is judged. */
const JUDGED_MS = 1_000;

/** A watch that has begun long ago, so that nothing is due by itself for a while. */
class Scene {
  readonly link: MemoryLink;
  readonly watch: Watch;
  readonly defended: string[] = [];
  canDefend = true;
  isServerCertain = true;
  readonly #answers = new Map<string, ReadonlySet<string>>();

  constructor(readonly places: Places, vips: readonly string[] = [places.vip]) {
    this.link = new MemoryLink(places);
    this.watch = new Watch(this.link.wire, {
      ownMacs: new Set([OWN_MAC, "02:00:00:00:00:03"]),
      serverOf: (mac) =>
        mac === SERVER_MAC ? { address: places.server, isCertain: this.isServerCertain } : null,
      defend: (vip) => {
        if (this.canDefend) this.defended.push(vip);
        return this.canDefend;
      },
    });
    this.adopt(vips, 0);
    this.link.begin(this.watch);
    this.link.pass(20_000);
    this.link.sent();
  }

  adopt(vips: readonly string[], nowMs: number): void {
    const { family, own } = this.places;
    this.watch.adopt(this.link.wire, { vips, decoys: DECOYS[family], senderFor: () => own }, nowMs);
  }

  /** Somebody answers whatever question for these addresses it gets from now on. */
  answering(mac: string, addresses: readonly string[]): void {
    this.#answers.set(mac, new Set(addresses));
  }

  /** Lets time pass in which those who answer do. */
  pass(milliseconds: number): void {
    const { link, places } = this;
    for (let passed = 0; passed < milliseconds; passed += 100) {
      link.pass(100);
      const sent = new Set(link.sent().map(String));
      for (const [mac, addresses] of this.#answers) {
        for (const address of addresses) {
          const isAsked = [BROADCAST, mac].some((to) =>
            sent.has(String(link.request(to, address, places.own)))
          );
          if (isAsked) link.neighbor("reply", mac, address, places.own);
        }
      }
    }
  }

  /** A client asks everybody for an address. */
  clientAsks(address: string): void {
    this.link.neighbor("request", CLIENT_MAC, CLIENT[this.places.family], address, BROADCAST);
  }

  /** Somebody tells everybody that it has a VIP. */
  announces(mac: string, vip: string): void {
    const { link, places } = this;
    if (places.family === 4) link.neighbor("request", mac, vip, vip, BROADCAST);
    else {
      link.arrive(advertisementFrame({
        ...{ from: mac, to: "33:33:00:00:00:01", source: vip, destination: "ff02::1", target: vip },
        ...{ linkLayer: mac, isOverriding: true },
      }));
    }
  }

  names(): WireAlarmName[] {
    return this.watch.alarms.map(({ name }) => name);
  }
}

for (const places of [IPV4, IPV6]) {
  const { family, vip, otherVip, server, own, nobody } = places;
  const over = `over IPv${family}`;

  Deno.test(`Watch ${over} asks for a VIP whenever somebody does, at most once in 5 s`, () => {
    const scene = new Scene(places);
    const question = scene.link.request(BROADCAST, vip, own);
    scene.clientAsks(vip);
    assert.deepEqual(scene.link.sent(), [question]);
    scene.clientAsks(vip);
    scene.link.pass(4_900);
    assert.deepEqual(scene.link.sent(), []);
    scene.link.pass(200);
    assert.deepEqual(scene.link.sent(), [question]);
    scene.clientAsks(server);
    scene.link.pass(20_000);
    assert.deepEqual(scene.link.sent(), []);
  });

  Deno.test(`Watch ${over} asks for every VIP at first and once a minute`, () => {
    const link = new MemoryLink(places);
    const watch = new Watch(link.wire, { ownMacs: new Set(), serverOf: () => null, defend: () => true });
    const decoys: string[] = [];
    watch.adopt(link.wire, { vips: [vip, otherVip], decoys, senderFor: () => own }, 0);
    link.begin(watch);
    const questions = [vip, otherVip].map((address) => link.request(BROADCAST, address, own));
    assert.deepEqual(link.sent(), questions);
    link.pass(59_900);
    assert.deepEqual(link.sent(), []);
    link.pass(200);
    assert.deepEqual(link.sent(), questions);
  });

  Deno.test(`Watch ${over} names the real server that answers a client`, () => {
    const scene = new Scene(places);
    scene.answering(SERVER_MAC, [vip]);
    scene.clientAsks(vip);
    scene.pass(JUDGED_MS + 200);
    const [alarm, ...others] = scene.watch.alarms;
    assert.deepEqual(others, []);
    const { name, mac, isForEverything, misdeeds } = alarm!;
    assert.deepEqual([name, alarm!.vip, mac, alarm!.server], [
      "vip_answered_by_other",
      vip,
      SERVER_MAC,
      server,
    ]);
    assert.deepEqual([isForEverything, misdeeds], [false, ["answer"]]);
    assert(alarm!.count > 1 && alarm!.lastMs > alarm!.firstMs);
  });

  Deno.test(`Watch ${over} goes on asking who answers, alone, and is content after five silent questions`, () => {
    const scene = new Scene(places);
    scene.answering(SERVER_MAC, [vip]);
    scene.clientAsks(vip);
    scene.pass(60_000);
    assert.deepEqual(scene.names(), ["vip_answered_by_other"]);
    scene.answering(SERVER_MAC, []);
    scene.pass(3_900);
    assert.deepEqual(scene.names(), ["vip_answered_by_other"]);
    scene.pass(2_200);
    assert.deepEqual(scene.names(), []);
  });

  Deno.test(`Watch ${over} tells a real server that answers for everything`, () => {
    const scene = new Scene(places);
    scene.answering(SERVER_MAC, [vip, ...DECOYS[family]]);
    scene.clientAsks(vip);
    scene.pass(JUDGED_MS + 200);
    const [alarm] = scene.watch.alarms;
    assert.deepEqual([alarm!.name, alarm!.isForEverything], ["vip_answered_by_other", true]);
  });

  Deno.test(`Watch ${over} does not take a proxy for the real server whose address it has taken as well`, () => {
    const scene = new Scene(places);
    scene.isServerCertain = false;
    scene.answering(SERVER_MAC, [vip, ...DECOYS[family]]);
    scene.clientAsks(vip);
    scene.pass(JUDGED_MS + 200);
    assert.deepEqual(scene.watch.alarms.map(({ name, server }) => [name, server]), [["proxy_arp", null]]);
  });

  Deno.test(`Watch ${over} notices a real server that asks with a VIP as sender at once, and forgets it after a minute`, () => {
    const scene = new Scene(places);
    scene.link.neighbor("request", SERVER_MAC, vip, CLIENT[family], BROADCAST);
    const alarms = scene.watch.alarms.map((alarm) => [alarm.name, alarm.server]);
    assert.deepEqual(alarms, [["vip_leaked_as_sender", server]]);
    scene.pass(59_800);
    assert.deepEqual(scene.names(), ["vip_leaked_as_sender"]);
    scene.pass(400);
    assert.deepEqual(scene.names(), []);
  });

  Deno.test(`Watch ${over} notices a real server that announces a VIP at once`, () => {
    const scene = new Scene(places);
    scene.announces(SERVER_MAC, vip);
    assert.deepEqual(scene.names(), ["gratuitous_by_realserver"]);
  });

  Deno.test(`Watch ${over} raises an alarm for each misdeed of a real server`, () => {
    const scene = new Scene(places, [vip, otherVip]);
    scene.link.neighbor("request", SERVER_MAC, vip, CLIENT[family], BROADCAST);
    scene.announces(SERVER_MAC, otherVip);
    scene.answering(SERVER_MAC, [vip]);
    scene.pass(JUDGED_MS + 200);
    assert.deepEqual(
      scene.watch.alarms.map((alarm) => `${alarm.name} ${alarm.vip}`),
      [`vip_leaked_as_sender ${vip}`, `gratuitous_by_realserver ${otherVip}`, `vip_answered_by_other ${vip}`],
    );
  });

  Deno.test(`Watch ${over} tells strangers, proxies and directors apart by what they do and answer`, () => {
    const nameOf = (claims: (scene: Scene) => void, answered: readonly string[], mac = FOREIGN_MAC) => {
      const scene = new Scene(places, [vip, otherVip]);
      scene.answering(mac, answered);
      claims(scene);
      assert.deepEqual(scene.names(), [], "it is asked first");
      scene.pass(JUDGED_MS + 200);
      return [...new Set(scene.names())].join();
    };
    const isAsked = (scene: Scene) => scene.link.neighbor("reply", FOREIGN_MAC, vip, own);
    const isAnnouncing = (scene: Scene) => scene.announces(FOREIGN_MAC, vip);
    const isLeaking = (scene: Scene) =>
      scene.link.neighbor("request", FOREIGN_MAC, vip, CLIENT[family], BROADCAST);
    const isVrrp = (scene: Scene) => scene.announces("00:00:5e:00:01:07", vip);
    assert.equal(nameOf(isAsked, [vip]), "stranger");
    assert.equal(nameOf(isAnnouncing, []), "stranger");
    assert.equal(nameOf(isAnnouncing, [vip]), "duplicate_director");
    assert.equal(nameOf(isAsked, [vip, otherVip]), "duplicate_director");
    assert.equal(nameOf(isVrrp, []), "duplicate_director");
    assert.equal(nameOf(isLeaking, []), "vip_leaked_as_sender");
    assert.equal(nameOf(isLeaking, [vip]), "stranger");
    assert.equal(nameOf(isAsked, [vip, ...DECOYS[family]]), "proxy_arp");
    assert.equal(nameOf(isAsked, [vip, DECOYS[family][0]!]), "stranger", "it may have one of them");
  });

  Deno.test(`Watch ${over} says nothing of who claims no VIP, or is this host`, () => {
    const scene = new Scene(places);
    for (const mac of [OWN_MAC, "02:00:00:00:00:03"]) {
      scene.link.neighbor("reply", mac, vip, CLIENT[family]);
      scene.announces(mac, vip);
    }
    scene.link.neighbor("reply", SERVER_MAC, server, own);
    scene.link.neighbor("request", SERVER_MAC, server, CLIENT[family], BROADCAST);
    scene.link.neighbor("request", FOREIGN_MAC, nobody, vip, BROADCAST);
    scene.link.neighbor("request", FOREIGN_MAC, CLIENT[family], vip, BROADCAST);
    scene.announces(FOREIGN_MAC, otherVip);
    scene.pass(5_000);
    assert.deepEqual([scene.names(), scene.defended, scene.watch.defences], [[], [], 0]);
  });

  Deno.test(`Watch ${over} defends a VIP at every claim, but never twice in 10 s, nor right after it was announced`, () => {
    const scene = new Scene(places, [vip, otherVip]);
    scene.adopt([vip, otherVip, "192.0.2.12"], 20_000);
    const claim = (address: string) => scene.announces(FOREIGN_MAC, address);
    if (family === 4) claim("192.0.2.12");
    claim(vip);
    claim(vip);
    claim(otherVip);
    assert.deepEqual(scene.defended, [vip, otherVip]);
    scene.pass(9_900);
    claim(vip);
    assert.equal(scene.defended.length, 2);
    scene.pass(100);
    claim(vip);
    assert.deepEqual(scene.defended, [vip, otherVip, vip]);
    assert.equal(scene.watch.defences, 3);
  });

  Deno.test(`Watch ${over} counts no defence while there is nothing that could announce, and defends as soon as there is`, () => {
    const scene = new Scene(places);
    scene.canDefend = false;
    scene.announces(FOREIGN_MAC, vip);
    scene.pass(JUDGED_MS);
    assert.deepEqual([scene.watch.defences, scene.names()], [0, ["stranger"]], "it is noticed all the same");
    scene.canDefend = true;
    scene.announces(FOREIGN_MAC, vip);
    assert.deepEqual([scene.watch.defences, scene.defended], [1, [vip]]);
  });
}

Deno.test("Watch asks no more than 50 questions a second, and keeps 32 strangers, however many there are", () => {
  const scene = new Scene(IPV4);
  for (let number = 0; number < 1_000; number++) {
    const mac = `06:00:00:00:${(number >> 8).toString(16).padStart(2, "0")}:${
      (number & 255).toString(16).padStart(2, "0")
    }`;
    scene.announces(mac, IPV4.vip);
  }
  scene.link.neighbor("request", SERVER_MAC, IPV4.vip, CLIENT[4], BROADCAST);
  scene.link.pass(1_500);
  const sent = scene.link.sent().length;
  assert(sent > 50 && sent <= 50 + 1.5 * 50, `${sent} questions`);
  scene.link.pass(15_000);
  assert.equal(scene.watch.alarms.filter(({ name }) => name === "stranger").length, 32);
  assert.equal(scene.watch.alarms.filter(({ name }) => name === "vip_leaked_as_sender").length, 1);
});

Deno.test("Watch lets the alarm of one end, and of another begin, while a third claims more than can be asked for", () => {
  const many = Array.from({ length: 120 }, (_, number) => `192.0.2.${110 + number}`);
  const { vip, otherVip, own } = IPV4;
  const scene = new Scene(IPV4, [...many, vip, otherVip]);
  scene.answering(SERVER_MAC, many);
  for (const claimed of many) scene.link.neighbor("reply", SERVER_MAC, claimed, own);
  scene.answering(FOREIGN_MAC, [vip]);
  scene.link.neighbor("reply", FOREIGN_MAC, vip, own);
  const alarmsOf = (wanted: string) => scene.watch.alarms.filter(({ mac }) => mac === wanted).length;
  scene.pass(15_000);
  assert.deepEqual([alarmsOf(SERVER_MAC), alarmsOf(FOREIGN_MAC)], [120, 1]);

  scene.answering(FOREIGN_MAC, []);
  scene.answering("02:00:00:00:00:98", [otherVip]);
  scene.clientAsks(otherVip);
  scene.pass(15_000);
  assert.deepEqual(
    [alarmsOf(SERVER_MAC), alarmsOf(FOREIGN_MAC), alarmsOf("02:00:00:00:00:98")],
    [120, 0, 1],
  );
});

Deno.test("Watch goes on asking who was being asked when it is to watch from where not all can be asked for", () => {
  const many = Array.from({ length: 120 }, (_, number) => `192.0.2.${110 + number}`);
  const scene = new Scene(IPV4, many);
  for (const claimed of many) scene.link.neighbor("reply", SERVER_MAC, claimed, IPV4.own);
  scene.pass(500);
  const senderFor = (address: string) => address === many[0] ? IPV4.own : null;
  scene.watch.adopt(scene.link.wire, { vips: many, decoys: [], senderFor }, 20_500);
  scene.link.sent();
  scene.link.pass(5_000);
  const questions = scene.link.sent().map(String);
  assert(questions.includes(String(scene.link.request(SERVER_MAC, many[0]!, IPV4.own))));
});

Deno.test("Watch forgets what it knew of a VIP that is not watched any more, and keeps the rest", () => {
  const { vip, otherVip } = IPV4;
  const scene = new Scene(IPV4, [vip, otherVip]);
  scene.announces(SERVER_MAC, vip);
  scene.announces(SERVER_MAC, otherVip);
  scene.adopt([otherVip], 20_000);
  scene.pass(100);
  assert.deepEqual(scene.watch.alarms.map((alarm) => alarm.vip), [otherVip]);
});

Deno.test("Watch over IPv6 takes a solicitation that looks for duplicates for a question, and no claim", () => {
  const scene = new Scene(IPV6);
  scene.link.arrive(solicitationFrame({
    ...{ from: FOREIGN_MAC, source: "::", target: IPV6.vip, ...solicitedNode(IPV6.vip) },
  }));
  assert.deepEqual(scene.link.sent(), [scene.link.request(BROADCAST, IPV6.vip, IPV6.own)]);
  assert.deepEqual(scene.names(), []);
});
