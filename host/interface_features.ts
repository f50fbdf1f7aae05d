/**
 * What an interface does with packets on behalf of the kernel, as ethtool(8) shows and changes it.
 *
 * @module
 */

import { requireCommand, runCommand } from "./command.ts";

/** A switch of an interface, by its long name in ethtool(8), for example `generic-receive-offload`. */
export interface Feature {
  readonly isOn: boolean;
  /** Neither on nor off is ours to choose. */
  readonly isFixed: boolean;
}

/**
 * The features of an interface, by name.
 *
 * @throws {HostError} If ethtool(8) is not installed or there is no such interface.
 */
export async function readFeatures(device: string): Promise<Map<string, Feature>> {
  return parseFeatures(await requireCommand("ethtool", ["--json", "-k", device]));
}

/** The same; `null` if there is no such interface any more. */
export async function readFeaturesIfThere(device: string): Promise<Map<string, Feature> | null> {
  const { code, stdout } = await runCommand("ethtool", ["--json", "-k", device]);
  return code === 0 ? parseFeatures(stdout) : null;
}

/** Features from the output of `ethtool --json -k`. */
export function parseFeatures(json: string): Map<string, Feature> {
  const [report] = JSON.parse(json) as readonly Readonly<
    Record<string, string | { readonly active: boolean; readonly fixed: boolean | null }>
  >[];
  const features = new Map<string, Feature>();
  for (const [name, state] of Object.entries(report ?? {})) {
    // One that is neither fixed nor free stands for several others.
    if (typeof state === "string" || state.fixed === null) continue;
    features.set(name, { isOn: state.active, isFixed: state.fixed });
  }
  return features;
}

/** The ethtool(8) command that switches features. */
export function featureWords(device: string, features: readonly string[], state: "on" | "off"): string[] {
  return ["ethtool", "-K", device, ...features.flatMap((feature) => [feature, state])];
}
