/**
 * Which files would set a kernel variable when sysctl(8) is told to load them: the likeliest cause of one that was set
 * back, since the kernel does not tell who wrote it.
 *
 * @module
 */

import { type SysctlKey, sysctlName } from "../host/sysctl.ts";

/** Folders that `sysctl --system` reads, in the order of their precedence, sysctl.d(5). */
const FOLDERS = [
  "/etc/sysctl.d",
  "/run/sysctl.d",
  "/usr/local/lib/sysctl.d",
  "/usr/lib/sysctl.d",
  "/lib/sysctl.d",
];

/** What a file sets at boot, or with `sysctl --system`. */
export interface FileSetting {
  readonly key: SysctlKey;
  readonly value: string;
  readonly path: string;
}

/** What all files set that are loaded and can be read; a variable is there once for each file that sets it. */
export async function readSettings(): Promise<FileSetting[]> {
  const found: FileSetting[] = [];
  for (const path of await sysctlFiles()) {
    const text = await Deno.readTextFile(path).catch(() => "");
    for (const [key, value] of settings(text)) found.push({ key, value, path });
  }
  return found;
}

/** Lines such as `/etc/sysctl.d/90-net.conf sets net.ipv4.conf.all.arp_ignore = 0`, for values that are `found`. */
export async function filesSetting(key: SysctlKey, found: string): Promise<string[]> {
  const settings = (await readSettings()).filter((setting) => setting.key === key && setting.value === found);
  return settings.map(({ path }) => `${path} sets ${sysctlName(key)} = ${found}`);
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
  for (const path of ["/etc/sysctl.conf", ...await folderFiles(FOLDERS)]) {
    const target = await Deno.realPath(path).catch(() => null);
    if (target === null || targets.has(target)) continue; // /lib is often /usr/lib, 99-sysctl.conf /etc/sysctl.conf
    targets.add(target);
    paths.push(path);
  }
  return paths;
}

/** Files of folders; of those with the same name only the first is loaded. */
export async function folderFiles(folders: readonly string[]): Promise<string[]> {
  const paths = new Map<string, string>();
  for (const folder of folders) {
    // Most hosts lack most of them. What cannot be read is not told: it is a cause that is looked for, nothing more.
    const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
    for (const { name } of entries) {
      if (name.endsWith(".conf") && !paths.has(name)) paths.set(name, `${folder}/${name}`);
    }
  }
  return [...paths.values()];
}
