/**
 * What a lab needs of the machine, looked for before anything is built.
 *
 * @module
 */

import { isInstalled } from "../host/command.ts";
import type { Method } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";

/** Programs and the Debian packages they are in. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: "iproute2",
  nft: "nftables",
  curl: "curl",
  tcpdump: "tcpdump",
  arptables: "arptables",
  unshare: "util-linux",
  bash: "bash",
  sysctl: "procps",
};

/** Where administration programs are; an ordinary user's PATH often lacks them. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/** Lets this process and its children find administration programs. */
export function extendPath(): void {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  Deno.env.set("PATH", [...new Set([...folders, ...SYSTEM_FOLDERS])].join(":"));
}

/**
 * Makes sure that every program the lab uses is installed.
 *
 * @param method Some ways of hardening need a program of their own.
 * @param isTyping Whether commands are typed on hosts, mistakes and what lvsdr says against them.
 * @throws {OperatorError} If one is missing; names all that are.
 */
export function requirePrograms(method: Method | "auto", isTyping: boolean): void {
  const programs = ["ip", "nft", "curl", "tcpdump"];
  if (method === "arptables") programs.push("arptables");
  if (isTyping) programs.push("bash", "sysctl");
  if (Deno.uid() !== 0) programs.push("unshare");
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const noun = missing.length === 1 ? "a program that is" : "programs that are";
  throw new OperatorError(
    `The lab needs ${noun} not installed: ${missing.join(", ")}`,
    ExitCode.UNAVAILABLE,
    { remedy: `apt-get install ${missing.map((program) => PACKAGES[program]).join(" ")}` },
  );
}
