/**
 * `lvsdr verify`: proves direct routing from end to end, real server by real server.
 *
 * @module
 */

import { loadConfig } from "../config/parse_config.ts";
import { linkOfSubnet, readLinks } from "../host/links.ts";
import type { Config, VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { findVantages } from "./vantage.ts";
import { verify } from "./verification.ts";
import { verificationText } from "./verify_text.ts";

/** Silence after which a person wonders. */
const PROGRESS_AFTER_MS = 2_000;

export interface VerifyOptions {
  /** Path of the configuration. */
  readonly config: string;
  /** Name of the only service to verify, or `null` for all. */
  readonly service: string | null;
  /** Interface to look from; `null` means as configured, else by subnet. */
  readonly interface: string | null;
  readonly json: boolean;
}

/** Where the command prints to. */
export interface VerifyIo {
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  readonly isTerminal: boolean;
}

/**
 * Runs `lvsdr verify`.
 *
 * @returns `OK` if nothing is wrong, as far as it can be proven, else `FAILED`.
 * @throws {OperatorError} If it cannot be run here.
 */
export async function runVerify(options: VerifyOptions, io: VerifyIo): Promise<ExitCode> {
  const config = await loadConfig(options.config);
  const services = selectServices(config, options.service);
  const links = await readLinks();
  const untagged = config.services.find(({ vlan }) => vlan === null);
  const vantages = findVantages(
    links,
    services.flatMap(({ servers }) => servers),
    new Set(config.services.map(({ vip }) => vip)),
    {
      only: options.interface,
      director: config.director.interface ??
        (untagged === undefined ? null : linkOfSubnet(links, untagged.vip)?.name ?? null),
    },
  );
  const progress = setTimeout(() => {
    if (io.isTerminal) {
      io.writeError("Asking on the wire and waiting for answers; this takes 5 to 10 seconds\n");
    }
  }, PROGRESS_AFTER_MS);
  try {
    const verification = await verify({ config, path: options.config }, services, vantages);
    io.write(options.json ? `${JSON.stringify(verification, null, 2)}\n` : verificationText(verification));
    return verification.ok ? ExitCode.OK : ExitCode.FAILED;
  } finally {
    clearTimeout(progress);
  }
}

function selectServices(config: Config, name: string | null): readonly VirtualService[] {
  if (name === null) return config.services;
  const service = config.services.find((candidate) => candidate.name === name);
  if (service !== undefined) return [service];
  throw new OperatorError(`There is no service "${name}"`, ExitCode.USAGE, {
    remedy: `The configuration has ${config.services.map((candidate) => candidate.name).join(", ")}`,
  });
}
