/**
 * Programs of this host that have to do with a VIP, and the units of systemd(1) that they are run by.
 *
 * @module
 */

import { isInstalled, runCommand } from "../../host/command.ts";

/** Units of programs that clients are served by, and the TCP and UDP ports that each is usually for. */
const SERVERS: Readonly<Record<string, readonly number[]>> = {
  "apache2.service": [80, 443],
  // The same as named.service, by the name of other distributions.
  "bind9.service": [53],
  "caddy.service": [80, 443],
  "dnsmasq.service": [53],
  "dovecot.service": [110, 143, 993, 995],
  "exim4.service": [25, 465, 587],
  "haproxy.service": [80, 443],
  "httpd.service": [80, 443],
  "lighttpd.service": [80, 443],
  "mariadb.service": [3306],
  "memcached.service": [11211],
  "named.service": [53],
  "nginx.service": [80, 443],
  "postfix.service": [25, 465, 587],
  "postgresql.service": [5432],
  "redis-server.service": [6379],
  "slapd.service": [389, 636],
  "unbound.service": [53],
  "varnish.service": [80, 6081],
};

/** A unit that is meant to run and does not. */
export interface StoppedServer {
  readonly unit: string;
  /** Ports that its program is usually for. */
  readonly ports: readonly number[];
}

/** A keepalived that runs in this network namespace. */
export interface Keepalived {
  readonly pid: number;
  /** Unit of systemd(1) that it is the main process of, or `null`. */
  readonly unit: string | null;
  readonly path: string;
  /** Its configuration. */
  readonly text: string;
}

/** Those of this host; none where systemd is not, or starts programs in another network namespace than this one. */
export async function readStoppedServers(): Promise<StoppedServer[]> {
  const namespaces = (await runCommand("stat", ["-Lc", "%i", "/proc/1/ns/net", "/proc/self/ns/net"])).stdout;
  if (!isInstalled("systemctl") || new Set(namespaces.trim().split("\n")).size > 1) return [];
  const { stdout } = await runCommand("systemctl", [
    ...["show", "--property=Id,LoadState,ActiveState,UnitFileState", "--", ...Object.keys(SERVERS)],
  ]);
  return parseStoppedServers(stdout);
}

/** The same from the output of `systemctl show`. */
export function parseStoppedServers(output: string): StoppedServer[] {
  // By name: of a unit with several, each of them tells.
  const found = new Map<string, StoppedServer>();
  for (const block of output.split("\n\n")) {
    const values = new Map(
      block.split("\n").map((line): [string, string] => [line.split("=")[0]!, line.split("=")[1] ?? ""]),
    );
    const unit = values.get("Id") ?? "";
    const ports = SERVERS[unit];
    const active = values.get("ActiveState") ?? "";
    // One that is not to start with the host was not meant to run, unless it has just failed.
    const isStopped = active === "failed" ||
      (active === "inactive" && (values.get("UnitFileState") ?? "").startsWith("enabled"));
    if (ports !== undefined && isStopped && values.get("LoadState") === "loaded") {
      found.set(unit, { unit, ports });
    }
  }
  return [...found.values()];
}

/** Those keepalived that run in this network namespace, each configuration once. */
export async function readKeepalived(): Promise<Keepalived[]> {
  if (!isInstalled("pgrep")) return [];
  const words = ["--ns", String(Deno.pid), "--nslist", "net", "-x", "keepalived"];
  const { stdout } = await runCommand("pgrep", words);
  const found = new Map<string, Keepalived>();
  for (const pid of stdout.split("\n").filter((line) => line !== "").map(Number)) {
    const words = (await runCommand("cat", [`/proc/${pid}/cmdline`])).stdout.split("\0");
    const option = words.findIndex((word) => word === "-f" || word === "--use-file");
    const path = option < 0 ? "/etc/keepalived/keepalived.conf" : words[option + 1] ?? "";
    // The parent has the lowest number of those that share a configuration.
    if (found.has(path)) continue;
    const text = await Deno.readTextFile(path).catch(() => "");
    found.set(path, { pid, unit: await unitOf(pid), path, text });
  }
  return [...found.values()];
}

/** The unit that a process is the main one of: stopping it stops nothing else. `null` if there is none. */
async function unitOf(pid: number): Promise<string | null> {
  const unit = unitOfGroup((await runCommand("cat", [`/proc/${pid}/cgroup`])).stdout);
  if (unit === null || !isInstalled("systemctl")) return null;
  const { stdout } = await runCommand("systemctl", ["show", "--property=MainPID", "--value", "--", unit]);
  return Number(stdout) === pid ? unit : null;
}

/** The service whose control group is the process's, from /proc/PID/cgroup (cgroups(7)). */
export function unitOfGroup(text: string): string | null {
  return /\/([^/\n]+\.service)$/m.exec(text)?.[1] ?? null;
}
