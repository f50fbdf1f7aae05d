import assert from "node:assert/strict";
import fc from "fast-check";
import {
  age,
  duration,
  percent,
  shortBytes,
  shortNumber,
  shortRate,
  utcTime,
} from "../../status/humanize.ts";

Deno.test("shortNumber() is exact below 10,000 and has three digits above", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [9_999, "9,999"],
    [10_000, "10.0 k"],
    [12_345, "12.3 k"],
    [99_960, "100 k"],
    [999_600, "1.00 M"],
    [1_048_576, "1.05 M"],
    [912_345_678, "912 M"],
  ];
  for (const [value, text] of cases) assert.equal(shortNumber(value), text);
});

Deno.test("shortBytes() counts in powers of 1024", () => {
  const cases: [number, string][] = [[0, "0 B"], [1023, "1023 B"], [1024, "1.00 KiB"], [
    9_876_543,
    "9.42 MiB",
  ], [123_456_789_012, "115 GiB"]];
  for (const [value, text] of cases) assert.equal(shortBytes(value), text);
});

Deno.test("shortNumber() and shortBytes() stay short for every count", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (count) => {
    assert.ok(shortNumber(count).length <= 6, shortNumber(count));
    assert.ok(shortBytes(count).length <= 8, shortBytes(count));
  }));
});

Deno.test("shortRate() shows zero only when nothing happens", () => {
  const cases: [number, string][] = [[0, "0"], [0.01, "< 0.1"], [4.2, "4.2"], [9.96, "10"], [
    1830.4,
    "1,830",
  ]];
  for (const [value, text] of cases) assert.equal(shortRate(value), text);
});

Deno.test("percent() never rounds a part to nothing or to the whole", () => {
  const cases: [number, number, string][] = [
    [0, 0, "0 %"],
    [0, 5, "0 %"],
    [1, 1000, "< 1 %"],
    [1, 3, "33 %"],
    [999, 1000, "99 %"],
    [5, 5, "100 %"],
  ];
  for (const [part, whole, text] of cases) assert.equal(percent(part, whole), text);
});

Deno.test("duration() shows the two largest units", () => {
  const cases: [number, string][] = [
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [725, "12 min 5 s"],
    [
      11_580,
      "3 h 13 min",
    ],
    [86_405, "1 d"],
    [1_234_567, "14 d 6 h"],
  ];
  for (const [seconds, text] of cases) assert.equal(duration(seconds), text);
});

Deno.test("age() is counted from the snapshot, and is never negative", () => {
  const now = "2026-03-01T12:00:00.000Z";
  assert.equal(age("2026-03-01T11:59:58.500Z", now), "1 s ago");
  assert.equal(age("2026-03-01T12:00:00.100Z", now), "just now");
});

Deno.test("utcTime() drops what people do not read", () => {
  assert.equal(utcTime("2026-03-01T12:00:00.123Z"), "2026-03-01 12:00:00");
});
