/**
 * Which of some services has a port: two levels, so that to look costs the same for any number of services, and a VIP
 * with few ports takes few bytes. The map is one array of pages of 256 words. The first page has the number of the page
 * for each upper half of a port, and that page the service for each lower half, as its index plus 1; 0 means none.
 *
 * @module
 */

import { NONE } from "./connection_table.ts";

/** The ports from `first` to `last` are those of the service with this index. */
export interface ServedPorts {
  readonly first: number;
  readonly last: number;
  readonly service: number;
}

const PAGE_BITS = 8;
const PAGE = 1 << PAGE_BITS;
const NO_PORTS_PAGE = 1;

/** Makes a map of ranges, no two of which overlap. Pages that are the same are there once. */
export function portMap(ranges: readonly ServedPorts[]): Uint16Array {
  const directory = new Uint16Array(PAGE).fill(NO_PORTS_PAGE);
  const pages = [directory, new Uint16Array(PAGE)];
  const wholePages = new Map<number, number>();
  for (const { first, last, service } of ranges) {
    for (let number = first >>> PAGE_BITS; number <= last >>> PAGE_BITS; number++) {
      const from = Math.max(first - number * PAGE, 0);
      const to = Math.min(last + 1 - number * PAGE, PAGE);
      const isWhole = to - from === PAGE;
      let page = isWhole ? wholePages.get(service) : directory[number]!;
      if (page === undefined || page === NO_PORTS_PAGE) {
        page = pages.push(new Uint16Array(PAGE)) - 1;
        if (isWhole) wholePages.set(service, page);
      }
      directory[number] = page;
      pages[page]!.fill(service + 1, from, to);
    }
  }
  const map = new Uint16Array(pages.length * PAGE);
  for (const [number, page] of pages.entries()) map.set(page, number * PAGE);
  return map;
}

/** Index of the service that has a port, or {@linkcode NONE}. Hot path. */
export function serviceOfPort(map: Uint16Array, port: number): number {
  const page = map[port >>> PAGE_BITS]!;
  return map[(page << PAGE_BITS) | (port & (PAGE - 1))]! + NONE;
}
