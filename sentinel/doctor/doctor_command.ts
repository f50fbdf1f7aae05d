/**
 * `lvsdr doctor`: what is wrong with this host's part in a cluster, on what evidence, and what to type.
 *
 * @module
 */

import { resolve } from "node:path";
import { loadConfig } from "../../config/parse_config.ts";
import { journalPathIn as directorJournalPathIn } from "../../director/undo.ts";
import { canAdministerNetwork } from "../../host/command.ts";
import { journalExists } from "../../host/journal.ts";
import { readLinks } from "../../host/links.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { journalPathIn } from "../../realserver/journal_path.ts";
import { socketPathIn } from "../../status/client.ts";
import { examine } from "./check.ts";
import { CHECKS } from "./checks.ts";
import { type Diagnosis, diagnosisText } from "./doctor_text.ts";
import type { Role } from "./facts.ts";
import { readFacts } from "./read_facts.ts";
import { chooseRole } from "./role.ts";

export interface DoctorOptions {
  /** Path of the configuration, or `null`. */
  readonly config: string | null;
  readonly runDir: string;
  /** `null` means: what the host is. */
  readonly role: Role | null;
  readonly json: boolean;
}

/** Where the command prints to. */
export interface DoctorIo {
  readonly write: (text: string) => void;
}

/**
 * Runs `lvsdr doctor`. Reads, and changes nothing.
 *
 * @returns `OK` if nothing is wrong, else `FAILED`.
 * @throws {OperatorError} If it cannot be told what this host is, or it may not be read.
 */
export async function runDoctor(options: DoctorOptions, io: DoctorIo): Promise<ExitCode> {
  const { config: path } = options;
  // The commands name both, wherever they are typed.
  const runDir = resolve(options.runDir);
  const file = path === null ? null : { path: resolve(path), config: await loadConfig(path) };
  if (!await canAdministerNetwork()) throw lacksPrivilege();
  const links = await readLinks();
  const hasSocket = await exists(socketPathIn(runDir));
  const { role, reason } = chooseRole({
    asked: options.role,
    runDir,
    hasSocket,
    hasJournal: journalExists(journalPathIn(runDir)),
    hasDirectorJournal: journalExists(directorJournalPathIn(runDir)),
    file,
    links,
  });
  const facts = await readFacts({ role, runDir, hasSocket, file, links });
  const all = examine(facts, CHECKS);
  const findings = all.filter(({ level }) => level !== "note");
  const diagnosis: Diagnosis = {
    role,
    reason,
    vips: facts.vips,
    ok: findings.length === 0,
    findings,
    notes: all.filter(({ level }) => level === "note"),
  };
  io.write(options.json ? `${JSON.stringify(diagnosis, null, 2)}\n` : diagnosisText(diagnosis));
  return diagnosis.ok ? ExitCode.OK : ExitCode.FAILED;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

function lacksPrivilege(): OperatorError {
  return new OperatorError(
    "Cannot read this host's rules: the process lacks CAP_NET_ADMIN",
    ExitCode.NO_PERMISSION,
    { remedy: "Run as root" },
  );
}
