/**
 * Captures of what real programs send to a VIP, made with tcpdump(8) on the director of a cluster.
 *
 * @module
 */

import { DIRECTOR_MAC, SERVER6, VIP6 } from "../datapath/test_network.ts";
import { runCommand } from "../../host/command.ts";
import { INTERFACE, obstacle, RealCluster, VIP } from "./real_cluster.ts";

/** Port of iperf3(1): TCP for what it talks about, and what it measures. */
export const IPERF_PORT = 53;

const CLIENT6 = "2001:db8::100";
const DIRECTOR6 = "2001:db8::2";

/** Why traffic cannot be captured here, or `null` if it can. */
export const trafficObstacle: string | null = obstacle ?? await missingPrograms();

/** Memory of a capture; each frame in it takes as much as {@linkcode SNAPSHOT_BYTES}. */
const BUFFER_KIB = 65_536;
const SNAPSHOT_BYTES = 66_000;

/** A program that sends to the VIP. */
export interface Traffic {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * What is run, over IPv4 and IPv6: uploads, short connections, a stream, and datagrams of three fragments each.
 *
 * @param kilobytes How much each of them sends that can be told to.
 */
export function traffic(kilobytes: number): Traffic[] {
  return [VIP, VIP6].flatMap((vip) => {
    const isIpv6 = vip === VIP6;
    const url = `http://${isIpv6 ? `[${vip}]` : vip}/`;
    const iperf = ["-c", vip, "-p", String(IPERF_PORT), "-n", `${kilobytes}K`, "-l", "4000"];
    const upload =
      `head -c ${kilobytes}000 /dev/zero | curl --silent --fail --globoff --data-binary @- ${url}?`;
    return [
      { name: "curl", program: "sh", args: ["-ec", [1, 2, 3].map(() => upload).join("\n")] },
      { name: "wrk", program: "wrk", args: ["-t1", "-c4", "-d1s", "-HConnection: close", url] },
      { name: "iperf3-tcp", program: "iperf3", args: iperf },
      { name: "iperf3-udp", program: "iperf3", args: [...iperf, "-u", "-b", "200M"] },
    ].map((run) => isIpv6 ? { ...run, name: `${run.name}-ipv6` } : run);
  });
}

/** A cluster with a director and one real server that answers all of {@linkcode traffic}. */
export async function createTrafficCluster(): Promise<RealCluster> {
  const cluster = await RealCluster.create({ realServers: 1 });
  try {
    const { client, director, realServers: [server] } = cluster;
    await client.namespace.ip([`addr add ${CLIENT6}/64 dev ${INTERFACE} nodad`]);
    await server!.namespace.ip([
      `addr add ${SERVER6}/64 dev ${INTERFACE} nodad`,
      `addr add ${VIP6}/128 dev lo nodad`,
    ]);
    await director.namespace.ip([
      // The captures are replayed to a director that has this address.
      `link set ${INTERFACE} address ${DIRECTOR_MAC}`,
      `addr add ${DIRECTOR6}/64 dev ${INTERFACE} nodad`,
    ]);
    Deno.writeTextFileSync(cluster.file("ipv6.conf"), web6(cluster.file("ipv6.pid")));
    cluster.spawn(server!, "nginx", ["-c", cluster.file("ipv6.conf"), "-e", "stderr"]);
    for (const vip of [VIP, VIP6]) {
      cluster.spawn(server!, "iperf3", ["-s", "-B", vip, "-p", String(IPERF_PORT)]);
    }
    const listening = async () => await server!.namespace.require("ss", ["-Htln"]);
    await cluster.until("iperf3 and nginx listen", async () => {
      const listeners = await listening();
      return [`${VIP}:${IPERF_PORT}`, `[${VIP6}]:${IPERF_PORT}`, `[${VIP6}]:80`].every((listener) =>
        listeners.includes(`${listener} `)
      );
    });
    await cluster.startDirector(
      [[VIP, server!.address], [VIP6, SERVER6]].flatMap(([vip, address]) =>
        ([["tcp", 80], ["tcp", IPERF_PORT], ["udp", IPERF_PORT]] as const).map(([protocol, port]) => ({
          name: `${protocol}-${port}-${vip === VIP6 ? 6 : 4}`,
          vip: vip!,
          protocol,
          port,
          health: "none" as const,
          servers: [{ address: address! }],
        }))
      ),
    );
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** Configuration of a web server on the IPv6 VIP. */
function web6(pidFile: string): string {
  return `daemon off; user root; worker_processes 1; pid ${pidFile}; error_log stderr; events {}
http { access_log off; server { listen [${VIP6}]:80; location / { return 200 "ok\n"; } } }
`;
}

/** Makes the client send what a wire would carry, and the director's kernel hand it on as it comes. */
export async function disableOffloads({ client, director }: RealCluster): Promise<void> {
  const off = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"];
  for (const { namespace } of [client, director]) {
    await namespace.require("ethtool", ["-K", INTERFACE, ...off]);
  }
}

/** Runs a program and writes what it sent to the VIP, the first `most` frames of it, to a file. */
export async function capture(
  cluster: RealCluster,
  { program, args }: Traffic,
  file: string,
  most: number,
): Promise<void> {
  // Once it is there again, tcpdump listens.
  await Deno.remove(file).catch(ignoreMissing);
  const options = ["-i", INTERFACE, "-Q", "in", "-p", "-U", "--immediate-mode", "-Z", "root"];
  const limits = ["-B", String(BUFFER_KIB), "-s", String(SNAPSHOT_BYTES), "-c", String(most)];
  const tcpdump = cluster.spawn(cluster.director, "tcpdump", [
    ...options,
    ...limits,
    "-w",
    file,
    `(ip or ip6) and (dst host ${VIP} or dst host ${VIP6})`,
  ]);
  await cluster.until("tcpdump listens", async () => {
    if (tcpdump.hasEnded) {
      throw new Error(Deno.readTextFileSync(cluster.file(`${cluster.director.name}.log`)));
    }
    return await Deno.stat(file).then(({ size }) => size > 0, () => false);
  });
  await cluster.client.namespace.require(program, args);
  tcpdump.signal("SIGINT");
  await tcpdump.ended;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

async function missingPrograms(): Promise<string | null> {
  const isMissing = (program: string) => runCommand(program, ["--version"]).then(() => false, () => true);
  const programs = ["curl", "wrk", "iperf3", "ethtool", "tcpdump", "tshark"];
  const missing = await Promise.all(
    programs.map(async (program) => await isMissing(program) ? [program] : []),
  );
  return missing.flat().length === 0 ? null : `not installed: ${missing.flat().join(", ")}`;
}
