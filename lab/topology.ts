/**
 * The lab's network: client, director and real servers, each a namespace of its own, on one switch. Addresses are
 * those reserved for documentation: 192.0.2.0/24 (RFC 5737 §3) and 00-00-5E-00-53-00 to -FF (RFC 9542 §2.1.2).
 *
 * @module
 */

import { connect, Namespace } from "./namespace.ts";

export const VIP = "192.0.2.10";

/** Port of the web server on every real server, and of the virtual service. */
export const HTTP_PORT = 80;

/** The interface every host of the lab has. */
export const INTERFACE = "eth0";

const PREFIX_LENGTH = 24;
const DIRECTOR_OCTET = 2;
const FIRST_REAL_SERVER_OCTET = 21;
const CLIENT_OCTET = 100;

/** Weights of the real servers in turn: unequal, so that a share by chance is not taken for the wanted one. */
const WEIGHTS = [3, 2, 1];

/**
 * What a new namespace must not take over from the machine: forwarding, redirects and any hardening of ARP, which
 * would hide the very problem the lab is about.
 */
const NEUTRAL_SYSCTLS = {
  "net.ipv4.ip_forward": 0,
  "net.ipv4.conf.all.arp_ignore": 0,
  "net.ipv4.conf.all.arp_announce": 0,
  "net.ipv4.conf.all.arp_filter": 0,
  "net.ipv4.conf.all.rp_filter": 0,
  [`net.ipv4.conf.${INTERFACE}.arp_ignore`]: 0,
  [`net.ipv4.conf.${INTERFACE}.arp_announce`]: 0,
  [`net.ipv4.conf.${INTERFACE}.arp_filter`]: 0,
  [`net.ipv4.conf.${INTERFACE}.rp_filter`]: 0,
};

export interface LabHost {
  /** Short name, for example `rs1`; also the name of its port on the switch. */
  readonly name: string;
  readonly namespace: Namespace;
  readonly address: string;
  readonly mac: string;
}

export interface LabRealServer extends LabHost {
  readonly weight: number;
}

export interface Topology {
  readonly client: LabHost;
  readonly director: LabHost;
  readonly switch: Namespace;
  /** At least one. */
  readonly realServers: readonly LabRealServer[];
}

/** What every namespace of the lab `id` starts its name with. */
export function namespacePrefix(id: string): string {
  return `lvsdr-${id}-`;
}

/**
 * Builds the network. Nothing is cleaned up if it fails half-way: whoever owns the lab removes every namespace with
 * its {@linkcode namespacePrefix}.
 *
 * @param realServers How many, 1 to 20.
 * @throws {HostError} If the kernel or the privileges of the process do not allow it.
 */
export async function buildTopology(id: string, realServers: number): Promise<Topology> {
  const prefix = namespacePrefix(id);
  const wires = await Namespace.create(`${prefix}switch`);
  await wires.ip(["link add bridge type bridge stp_state 0 forward_delay 0", "link set bridge up"]);

  const addHost = async (name: string, octet: number): Promise<LabHost> => {
    const namespace = await Namespace.create(prefix + name);
    const mac = `00:00:5e:00:53:${octet.toString(16).padStart(2, "0")}`;
    const address = `192.0.2.${octet}`;
    await connect({ namespace, interface: INTERFACE, mac }, { namespace: wires, interface: name });
    await Promise.all([
      wires.ip([`link set ${name} master bridge`]),
      namespace.ip([`addr add ${address}/${PREFIX_LENGTH} dev ${INTERFACE}`]),
      namespace.setSysctls(NEUTRAL_SYSCTLS),
    ]);
    return { name, namespace, address, mac };
  };

  const [client, director, ...servers] = await Promise.all([
    addHost("client", CLIENT_OCTET),
    addHost("director", DIRECTOR_OCTET),
    ...Array.from({ length: realServers }, (_, i) => addHost(`rs${i + 1}`, FIRST_REAL_SERVER_OCTET + i)),
  ]);
  return {
    client: client!,
    director: director!,
    switch: wires,
    realServers: servers.map((server, i) => ({ ...server, weight: WEIGHTS[i % WEIGHTS.length]! })),
  };
}
