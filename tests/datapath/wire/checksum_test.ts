import assert from "node:assert/strict";
import fc from "fast-check";
import { finish, fold, pseudoHeaderSum, sum } from "../../../datapath/wire/checksum.ts";
import { ipv4FromText } from "../../../model/ip_address.ts";
import { address, concat, internetChecksum } from "../frame_builder.ts";

Deno.test("finish(sum()) is the checksum of RFC 1071, at any place and of any length", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(50), (bytes, at) => {
    const frame = new Uint8Array(400).fill(0xa5);
    frame.set(bytes, at);
    assert.equal(finish(sum(new DataView(frame.buffer), at, bytes.length)), internetChecksum(bytes));
  }));
});

Deno.test("sum() of the example of RFC 1071 §3 folds to 0xddf2", () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assert.equal(fold(sum(new DataView(bytes.buffer), 0, 8)), 0xddf2);
});

Deno.test("fold() carries twice where once is not enough", () => {
  assert.equal(fold(0x1_ffff), 1);
  assert.equal(fold(0xffff_ffff), 0xffff);
  assert.equal(fold(0), 0);
});

Deno.test("sum() of the longest packet of ones does not overflow", () => {
  const bytes = new Uint8Array(65_535).fill(0xff);
  assert.equal(finish(sum(new DataView(bytes.buffer), 0, bytes.length)), internetChecksum(bytes));
});

Deno.test("pseudoHeaderSum() is that of RFC 9293 §3.1, for signed and unsigned addresses", () => {
  const [source, destination] = ["203.0.113.255", "192.0.2.10"];
  const expected = internetChecksum(concat(address(source), address(destination), [0, 6, 0xff, 0xfe]));
  const numbers = [ipv4FromText(source), ipv4FromText(destination)] as const;
  assert.equal(finish(pseudoHeaderSum(numbers[0], numbers[1], 6, 0xfffe)), expected);
  assert.equal(finish(pseudoHeaderSum(numbers[0] | 0, numbers[1] | 0, 6, 0xfffe)), expected);
});
