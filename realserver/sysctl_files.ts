/**
 * Which files would set a kernel variable when sysctl(8) is told to load them: the likeliest cause of one that was set
 * back, since the kernel does not tell who wrote it.
 *
 * @module
 */

import { type SysctlKey, sysctlName } from "../host/sysctl.ts";

/** Folders that `sysctl --system` reads, sysctl.d(5). */
const FOLDERS = [
  "/etc/sysctl.d",
  "/run/sysctl.d",
  "/usr/local/lib/sysctl.d",
  "/usr/lib/sysctl.d",
  "/lib/sysctl.d",
];

/** Lines such as `/etc/sysctl.d/90-net.conf sets net.ipv4.conf.all.arp_ignore = 0`, for values that are `found`. */
export async function filesSetting(key: SysctlKey, found: string): Promise<string[]> {
  const lines: string[] = [];
  for (const path of await sysctlFiles()) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (settings(text).get(key) === found) lines.push(`${path} sets ${sysctlName(key)} = ${found}`);
  }
  return lines;
}

/** Variables that a file of sysctl.d(5) sets, the last line of each; patterns with `*` are left out. */
export function settings(text: string): Map<SysctlKey, string> {
  const values = new Map<SysctlKey, string>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^\s*-?([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && !name.includes("*")) values.set(keyOf(name), value!);
  }
  return values;
}

/** The first separator decides: after a dot, dots separate and slashes stand for dots; after a slash, as in a path. */
function keyOf(name: string): SysctlKey {
  const separator = /[./]/.exec(name)?.[0];
  if (separator !== ".") return name;
  return name.replaceAll(/[./]/g, (character) => character === "." ? "/" : ".");
}

async function sysctlFiles(): Promise<string[]> {
  const paths: string[] = [];
  const targets = new Set<string>();
  for (const path of ["/etc/sysctl.conf", ...await folderFiles()]) {
    const target = await Deno.realPath(path).catch(() => null);
    if (target === null || targets.has(target)) continue; // /lib is often /usr/lib, 99-sysctl.conf /etc/sysctl.conf
    targets.add(target);
    paths.push(path);
  }
  return paths;
}

async function folderFiles(): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of FOLDERS) {
    try {
      for await (const { name } of Deno.readDir(folder)) {
        if (name.endsWith(".conf")) paths.push(`${folder}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return paths;
}
