import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { SendQueue, SPARE_SLOTS } from "../../datapath/send_queue.ts";
import { Verdict } from "../../datapath/verdict.ts";
import { macFromText } from "../../model/ip_address.ts";
import { bytesPerRepetition } from "../allocation_meter.ts";
import { ACK, QUERY, SYN } from "./fixture.ts";
import { countingBytes, ipv4Frame, tcpFrame, udpFrame } from "./frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { DIRECTOR_MAC, Port, SERVER, server, SERVER_MAC, service, TestNetwork } from "./test_network.ts";

const UPLINK_MAC = "00:00:5e:00:53:99";
const UPLINK_MTU = 1_400;
const UDP = 17;
/** Bytes of a fragmented payload in a packet of 9,000 bytes, and in one of {@linkcode UPLINK_MTU}. */
const JUMBO_PAYLOAD = 8_976;
const PIECE_PAYLOAD = 1_376;

/** A director with a real server for each service: that of `WEB` on the VIPs' interface, the others on an uplink. */
class TwoLinks {
  readonly port = new MemoryPort();
  readonly exit = new MemoryPort();
  readonly network: TestNetwork;

  constructor() {
    const { high, low } = macFromText(UPLINK_MAC);
    const beyond = { ...server(false, SERVER), egress: 1 };
    this.network = new TestNetwork({
      port: this.port,
      uplink: { local: { macHigh: high, macLow: low, mtu: UPLINK_MTU }, exit: this.exit },
      services: [
        service(6, Port.WEB),
        service(6, Port.SCHEDULES_UNKNOWN, { unknown: "schedule", destinations: [beyond] }),
        service(17, Port.DNS, { destinations: [beyond] }),
      ],
    });
  }

  /** Lets frames arrive together and returns how many ended in each verdict. */
  breathe(...frames: readonly Uint8Array[]): Record<string, number> {
    this.port.incoming.push(...frames);
    this.network.engine.breathe(0);
    const names = Object.entries(Verdict).filter(([, verdict]) => this.network.engine.verdicts[verdict]! > 0);
    return Object.fromEntries(names.map(([name, verdict]) => [name, this.network.engine.verdicts[verdict]!]));
  }
}

const BEYOND = { destinationPort: Port.SCHEDULES_UNKNOWN };

function macsOf(port: MemoryPort): string[] {
  const text = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  return port.sent.map(({ bytes }) => `${text(bytes.slice(0, 6))} from ${text(bytes.slice(6, 12))}`);
}

Deno.test("a frame leaves by the interface of its real server, with the MAC of that interface", () => {
  const links = new TwoLinks();
  assert.deepEqual(links.breathe(tcpFrame(SYN), tcpFrame({ ...SYN, ...BEYOND }), tcpFrame(ACK)), {
    Forwarded: 3,
  });
  assert.deepEqual(macsOf(links.port), [
    `${SERVER_MAC} from ${DIRECTOR_MAC}`,
    `${SERVER_MAC} from ${DIRECTOR_MAC}`,
  ]);
  assert.deepEqual(macsOf(links.exit), [`${SERVER_MAC} from ${UPLINK_MAC}`]);
});

Deno.test("an answer leaves by the interface of the VIPs, whatever was in its slot before", () => {
  const links = new TwoLinks();
  links.breathe(tcpFrame({ ...SYN, ...BEYOND }));
  links.breathe(tcpFrame({ ...ACK, sourcePort: 999 }));
  assert.equal(links.exit.sent.length, 1);
  assert.equal(links.port.sent.length, 1);
});

Deno.test("a datagram that is larger than the MTU of its uplink is cut to it, or its sender told it", () => {
  const cut = new TwoLinks();
  const payload = new Uint8Array(1_440);
  assert.deepEqual(cut.breathe(udpFrame({ ...QUERY, dontFragment: false, payload })), {
    ForwardedInFragments: 1,
  });
  assert.equal(cut.port.sent.length, 0);
  assert.equal(cut.exit.sent.length, 2);
  assert.ok(cut.exit.sent.every(({ bytes }) => bytes.length <= 14 + UPLINK_MTU));

  const told = new TwoLinks();
  assert.deepEqual(told.breathe(udpFrame({ ...QUERY, dontFragment: true, payload })), { AnsweredTooBig: 1 });
  const [answer] = told.port.sent;
  assert.equal(told.exit.sent.length, 0);
  // The MTU of an ICMP error of type 3, code 4 (RFC 1191 §4).
  assert.equal(new DataView(answer!.bytes.buffer).getUint16(14 + 20 + 6), UPLINK_MTU);
});

Deno.test("a TCP segment that is larger than the MTU of its uplink is left to the kernel to cut for that", () => {
  const links = new TwoLinks();
  links.breathe(tcpFrame({ ...SYN, ...BEYOND }));
  links.breathe(tcpFrame({ ...ACK, ...BEYOND, payload: new Uint8Array(1_460) }));
  const { described } = links.exit.sent[1]!;
  // gso_size of struct virtio_net_hdr: what TCP can carry in a packet of that size.
  assert.equal(new DataView(described.buffer).getUint16(4, true), UPLINK_MTU - 40);
});

Deno.test("fragments that have waited are cut, and every piece of every packet leaves once", () => {
  const links = new TwoLinks();
  const query = { ...QUERY, dontFragment: false };
  const payload = countingBytes(65_000);
  const datagram = udpFrame({ ...query, payload }).slice(34);
  const jumbos = Array.from({ length: Math.ceil(datagram.length / JUMBO_PAYLOAD) }, (_, index) => {
    const from = index * JUMBO_PAYLOAD;
    const moreFragments = from + JUMBO_PAYLOAD < datagram.length;
    return ipv4Frame(
      { ...query, identification: 1, fragmentOffset: from / 8, moreFragments },
      UDP,
      datagram.slice(from, from + JUMBO_PAYLOAD),
    );
  });
  // The first fragment comes last, and sets free all others in the same breath; then two more packets are cut.
  const whole = udpFrame({ ...query, payload: countingBytes(8_900) });
  links.breathe(...jumbos.slice(1), jumbos[0]!, whole, whole);
  const covered = new Map<string, number>();
  for (const { bytes } of links.exit.sent) {
    const view = new DataView(bytes.buffer);
    const place = `${view.getUint16(18)} ${view.getUint16(20) & 0x1fff}`;
    covered.set(place, (covered.get(place) ?? 0) + 1);
    const from = (view.getUint16(20) & 0x1fff) * 8;
    if (view.getUint16(18) !== 1) continue;
    assert.deepEqual(bytes.slice(34), datagram.slice(from, from + bytes.length - 34));
  }
  const pieces = (length: number) => Math.ceil(length / PIECE_PAYLOAD);
  const ofDatagram = jumbos.reduce((sum, { length }) => sum + pieces(length - 34), 0);
  assert.equal([...covered.keys()].filter((place) => place.startsWith("1 ")).length, ofDatagram);
  assert.equal(links.exit.sent.length, ofDatagram + 2 * pieces(8_908));
});

Deno.test("SendQueue.flush() sends every frame once, by its interface, in the order it was added", () => {
  fc.assert(fc.property(fc.array(fc.nat(2), { maxLength: 40 }), (exits) => {
    const ring = new FrameRing(40 + SPARE_SLOTS);
    const ports = [new MemoryPort(), new MemoryPort(), new MemoryPort()];
    const queue = new SendQueue(ports[0]!, ring, 40, ports.slice(1));
    exits.forEach((exit, slot) => {
      ring.egress[slot] = exit;
      queue.add(slot);
    });
    queue.flush();
    queue.flush();
    ports.forEach((port, number) => {
      const expected = exits.flatMap((exit, slot) => exit === number ? [slot] : []);
      assert.deepEqual(port.sent.map(({ slot }) => slot), expected);
    });
  }));
});

Deno.test("frames for two interfaces by turns allocate nothing", () => {
  const nowhere = { transmit: () => {} };
  const frames = [tcpFrame(SYN), tcpFrame({ ...SYN, ...BEYOND })];
  const { high, low } = macFromText(UPLINK_MAC);
  const network = new TestNetwork({
    port: {
      receive(ring, limit) {
        for (let slot = 0; slot < limit; slot++) {
          const frame = frames[slot & 1]!;
          ring.frames[slot]!.set(frame);
          ring.lengths[slot] = frame.length;
        }
        return limit;
      },
      wait() {},
      statistics: () => ({ captureDrops: 0, transmitErrors: 0 }),
      close() {},
      ...nowhere,
    },
    uplink: { local: { macHigh: high, macLow: low, mtu: UPLINK_MTU }, exit: nowhere },
    services: [
      service(6, Port.WEB),
      service(6, Port.SCHEDULES_UNKNOWN, { destinations: [{ ...server(false, SERVER), egress: 1 }] }),
    ],
  });
  const bytes = bytesPerRepetition((repetitions) => {
    for (let frame = 0; frame < repetitions; frame += 64) network.engine.breathe(0);
  });
  assert.ok(bytes < 1, `${bytes} bytes a frame`);
  assert.ok(network.engine.verdicts[Verdict.Forwarded]! > 0);
});
