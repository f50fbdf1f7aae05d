import assert from "node:assert/strict";
import fc from "fast-check";
import * as icmp from "../../../datapath/wire/icmpv6.ts";
import { icmp6Frame } from "../ipv6_frame_builder.ts";

const PING = {
  from: "00:00:5e:00:53:64",
  to: "02:00:ca:fe:53:02",
  source: "2001:db8:c11e::7",
  destination: "2001:db8::dead:beef",
  type: 128,
};
const IP = 14;
const MESSAGE = IP + 40;

Deno.test("isIntact() is true of a message as it was made, and of no other", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (
    payload,
    place,
    change,
  ) => {
    const frame = icmp6Frame({ ...PING, payload });
    const isIntact = () => icmp.isIntact(new DataView(frame.buffer), IP, MESSAGE, frame.length - MESSAGE);
    assert.equal(isIntact(), true);
    // Anywhere from the addresses to the end, the length of the payload aside.
    const at = IP + 8 + place % (frame.length - IP - 8);
    frame[at] = frame[at]! ^ change;
    assert.equal(isIntact(), false);
  }));
});

Deno.test("complete() makes the checksum of RFC 4443 §2.3, of messages of odd length as well", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
    const expected = icmp6Frame({ ...PING, payload });
    const frame = icmp6Frame({ ...PING, payload, checksum: 0 });
    icmp.complete(new DataView(frame.buffer), IP, MESSAGE, frame.length - MESSAGE);
    assert.deepEqual(frame, expected);
  }));
});

Deno.test("only errors are about another packet", () => {
  const found = Array.from({ length: 256 }, (_, type) => type).filter(icmp.isAboutPacket);
  assert.deepEqual(found, [1, 2, 3, 4]);
});
