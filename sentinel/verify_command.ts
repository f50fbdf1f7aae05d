/**
 * `lvsdr verify`: proves direct routing from end to end, real server by real server.
 *
 * @module
 */

import { resolve } from "node:path";
import { loadConfig } from "../config/parse_config.ts";
import { readLinks } from "../host/links.ts";
import { type Config, vipsOf, type VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { fetchSnapshot } from "../status/client.ts";
import { assertProbeAddress } from "./probe_choice.ts";
import { directorDevice, findVantages } from "./vantage.ts";
import { verify } from "./verification.ts";
import type { OwnDirector } from "./verify_findings.ts";
import { planProofs } from "./verify_plan.ts";
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
  /** Run directory of the director on this host, if there is one. */
  readonly runDir: string;
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
  const vantagesOf = (some: readonly VirtualService[]) =>
    findVantages(
      links,
      some.flatMap(({ servers }) => servers),
      new Set(vipsOf(config)),
      { only: options.interface, director: directorDevice(config, links), asker: "verify" },
    );
  if (services.some((service) => isProbedFrom(config.director.probeAddress, service))) {
    assertProbeAddress(config, vantagesOf(config.services.filter(hasProofs)));
  }
  const vantages = vantagesOf(services);
  const ownDirector = await readOwnDirector(options.runDir);
  const progress = setTimeout(() => {
    if (io.isTerminal) {
      io.writeError("Asking on the wire and waiting for answers; this takes 5 to 10 seconds\n");
    }
  }, PROGRESS_AFTER_MS);
  try {
    // Commands for other hosts name it.
    const file = { config, path: resolve(options.config) };
    const verification = await verify(file, services, vantages, ownDirector);
    io.write(options.json ? `${JSON.stringify(verification, null, 2)}\n` : verificationText(verification));
    return verification.ok ? ExitCode.OK : ExitCode.FAILED;
  } finally {
    clearTimeout(progress);
  }
}

/** Whether there is anything to probe, for which an address may be configured. */
function hasProofs(service: VirtualService): boolean {
  return planProofs(service, new Map()).some(({ reason }) => reason === null);
}

/** Whether a service is probed from addresses of this family. */
function isProbedFrom(probeAddress: string | null, service: VirtualService): boolean {
  return probeAddress !== null && familyOf(service.vip) === familyOf(probeAddress) && hasProofs(service);
}

async function readOwnDirector(runDir: string): Promise<OwnDirector | null> {
  try {
    const { datapath, services, probeAddresses } = await fetchSnapshot(runDir);
    return {
      mac: datapath.interface.mac,
      vips: new Set(vipsOf({ services })),
      // A director of an earlier build, which an upgrade has not reached yet, tells of none.
      probeAddresses: new Set((probeAddresses ?? []).map(({ address }) => address)),
    };
  } catch (error) {
    // None runs here, or it cannot be asked: what it would have said is told as a note.
    if (error instanceof OperatorError) return null;
    throw error;
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
