/**
 * What `--vip`, `--port` and `--protocol` mean.
 *
 * @module
 */

import { readVip } from "../config/address.ts";
import type { Protocol } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Binding, VirtualAddress } from "./target.ts";

/** A `--port`: `80`, or `80:8080` for port 80 of the VIP and port 8080 of this host. */
export interface PortArgument {
  readonly port: number;
  /** `null` means the same. */
  readonly localPort: number | null;
}

/**
 * Virtual addresses of the command line.
 *
 * @throws {OperatorError} If a VIP is not one the configuration could have, or if one port is to be handed to two.
 */
export function virtualAddressesFromArguments(
  vips: readonly string[],
  ports: readonly PortArgument[],
  protocol: Protocol,
): VirtualAddress[] {
  const bindings = bindingsOf(ports, protocol);
  return [...new Set(vips.map(parseVip))].map((vip) => ({ vip, realServerAddress: null, bindings }));
}

function bindingsOf(ports: readonly PortArgument[], protocol: Protocol): Binding[] {
  const localPorts = new Map<number, number | null>();
  for (const { port, localPort } of ports) {
    const effective = localPort === port ? null : localPort;
    if (localPorts.has(port) && localPorts.get(port) !== effective) {
      throw new OperatorError(`Cannot hand port ${port} to two ports of this host`, ExitCode.USAGE, {
        remedy: `Give --port ${port}... once`,
      });
    }
    localPorts.set(port, effective);
  }
  const sorted = [...localPorts].toSorted(([a], [b]) => a - b);
  const range = (port: number) => ({ first: port, last: port });
  const same = sorted.filter(([, localPort]) => localPort === null).map(([port]) => range(port));
  const translated = sorted.filter(([, localPort]) => localPort !== null);
  return [
    ...(same.length === 0 ? [] : [{ protocol, ports: same, localPort: null }]),
    ...translated.map(([port, localPort]) => ({ protocol, ports: [range(port)], localPort })),
  ];
}

function parseVip(text: string): string {
  const reading = readVip(text);
  if (reading.ok) return reading.value;
  throw new OperatorError(reading.message, ExitCode.USAGE);
}
