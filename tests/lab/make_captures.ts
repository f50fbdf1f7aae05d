/**
 * Makes the captures in `tests/datapath/captures/` anew: `deno run -P tests/lab/make_captures.ts`, as root. Each has
 * the first frames of a run, with the offloads a virtual network has by default.
 *
 * @module
 */

import { capture, createTrafficCluster, traffic } from "./captured_traffic.ts";

const FOLDER = new URL("../datapath/captures/", import.meta.url).pathname;
const KILOBYTES = 10;
const MOST_FRAMES = 100;

await using cluster = await createTrafficCluster();
for (const run of traffic(KILOBYTES)) await capture(cluster, run, `${FOLDER}${run.name}.pcap`, MOST_FRAMES);
