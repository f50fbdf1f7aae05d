/**
 * Numbers and times in the form people read.
 *
 * @module
 */

const exact = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const exactFraction = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });
const SI = ["", " k", " M", " G", " T", " P"] as const;
const IEC = [" B", " KiB", " MiB", " GiB", " TiB", " PiB"] as const;

/** Three significant digits and a unit; whole numbers below `base` are left whole. */
function scale(value: number, base: number, units: readonly string[]): string {
  let scaled = value;
  let unit = 0;
  // 999.5 would round to four digits.
  while (scaled >= base - 0.5 && unit < units.length - 1) {
    scaled /= base;
    unit++;
  }
  const digits = unit === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return scaled.toFixed(digits) + units[unit]!;
}

/** `1,234,567`. */
export function exactNumber(value: number): string {
  return exact.format(value);
}

/** `1.23 M`; exact below 10,000. */
export function shortNumber(value: number): string {
  return value < 10_000 ? exact.format(value) : scale(value, 1000, SI);
}

/** `1.18 MiB`. */
export function shortBytes(bytes: number): string {
  return scale(bytes, 1024, IEC);
}

/** A rate: one decimal below 10, whole above, `0` only when nothing at all happens. */
export function shortRate(perSecond: number): string {
  if (perSecond === 0) return "0";
  if (perSecond < 0.1) return "< 0.1";
  return perSecond < 9.95 ? perSecond.toFixed(1) : shortNumber(Math.round(perSecond));
}

/** A rate as exact as it is measured: three decimals, `33.333`. */
export function exactRate(perSecond: number): string {
  return exactFraction.format(perSecond);
}

/** `12 %`; never rounds something to nothing or a part to the whole. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  const share = (part / whole) * 100;
  if (share < 1) return "< 1 %";
  return `${share > 99 && part < whole ? 99 : Math.round(share)} %`;
}

/** The two largest units: `3 d 4 h`, `12 min 5 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return "0 s";
  return parts.slice(first, first + 2).filter(([count]) => count > 0).map((part) => part.join(" ")).join(" ");
}

/** How long before `now` something happened; both ISO 8601. */
export function age(at: string, now: string): string {
  const seconds = (Date.parse(now) - Date.parse(at)) / 1000;
  return seconds < 1 ? "just now" : `${duration(seconds)} ago`;
}

/** `2026-01-31 12:00:00`, UTC. */
export function utcTime(at: string): string {
  return at.replace("T", " ").replace(/(\.\d+)?Z$/, "");
}
