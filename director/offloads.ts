/**
 * Switching off features of interfaces, first of all what makes one merge frames, or leave checksums to whoever comes
 * after it.
 *
 * @module
 */

import { applySteps } from "../host/change_host.ts";
import { applyStep, isSameChange, type Step } from "../host/step.ts";
import { readFeatures } from "../host/interface_features.ts";
import type { Journal } from "../host/journal.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";

/**
 * The features in question, by their names in ethtool(8); what they stand for is in the kernel's
 * Documentation/networking/segmentation-offloads.rst. Kernels bring new kinds of segmentation, as they brought
 * `tx-tcp-accecn-segmentation`. Those of tunnels, SCTP, ESP and FCoE make no frame that is for a VIP.
 */
const OFFLOADS: readonly RegExp[] = [
  /^(generic|large)-receive-offload$/,
  // Of hardware, of lists of packets, and of UDP that is passed on.
  /^rx-gro-[a-z]+$|^rx-udp-gro-forwarding$/,
  /^generic-segmentation-offload$/,
  /^tx-tcp6?(-[a-z0-9]+)?-segmentation$|^tx-udp-segmentation$|^tx-gso-list$/,
  /^tx-checksum-ip(v4|v6|-generic)$/,
];

/**
 * Switches off every offload of these interfaces that can be, under the journal.
 *
 * @returns Names of those that were on, anywhere.
 * @throws {HostError} If ethtool(8) is missing, or an interface does not do as it is told; the journal then holds
 * what was done.
 */
export async function disableOffloads(journal: Journal, devices: readonly string[]): Promise<string[]> {
  const disabled = new Set<string>();
  for (const device of devices) {
    for (const feature of await disableOffloadsOf(journal, device)) disabled.add(feature);
  }
  return [...disabled];
}

async function disableOffloadsOf(journal: Journal, device: string): Promise<string[]> {
  const found = await readFeatures(device);
  const switchable = [...found].filter(([, { isOn, isFixed }]) => isOn && !isFixed).map(([name]) => name);
  const features = OFFLOADS.flatMap((kind) => switchable.filter((name) => kind.test(name)));
  if (features.length === 0) return [];
  await switchOff(
    journal,
    device,
    features,
    "Set director.offloads: handle, or see what its driver says: dmesg",
  );
  return features;
}

/**
 * Switches off features of an interface that are on, under the journal.
 *
 * @param remedy What helps if they stay on.
 * @throws {HostError} If the interface does not do as it is told; the journal then holds what was done.
 */
export async function switchOff(
  journal: Journal,
  device: string,
  features: readonly string[],
  remedy: string,
): Promise<void> {
  const step: Step = { kind: "disableFeatures", device, features };
  // Somebody may switch them on again and again; undoing it once is enough.
  if (journal.steps.some((made) => isSameChange(made, step))) await applyStep(step);
  else await applySteps(journal, [step], { report: () => {} });
  const left = await readFeatures(device);
  const stubborn = features.filter((name) => left.get(name)?.isOn);
  if (stubborn.length > 0) {
    throw new HostError(
      `ethtool -k ${device}`,
      `Interface "${device}" does not switch off ${stubborn.join(", ")}`,
      ExitCode.UNAVAILABLE,
      { remedy },
    );
  }
}
