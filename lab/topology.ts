/**
 * The lab's network: client, director and real servers, each a namespace of its own, on one switch. Addresses are
 * those reserved for documentation: 192.0.2.0/24 (RFC 5737 §3), 2001:db8::/32 (RFC 3849) and 00-00-5E-00-53-00 to -FF
 * (RFC 9542 §2.1.2).
 *
 * @module
 */

import { addressBits, type AddressFamily, familyOf } from "../model/ip_address.ts";
import { connect, Namespace } from "./namespace.ts";

/** The VIP of a lab on IPv4. */
export const VIP = "192.0.2.10";

/** Port of the web server on every real server, and of the virtual service. */
export const HTTP_PORT = 80;

/** The interface every host of the lab has. */
export const INTERFACE = "eth0";

/** What a second interface of a host is called, where a host is given one. */
export const EXTRA_INTERFACE = "eth1";

/** Prefix of the lab's one subnet. */
const PREFIX_LENGTH = { 4: 24, 6: 64 } as const;
const VIP_OCTET = 10;
const DIRECTOR_OCTET = 2;
const FIRST_REAL_SERVER_OCTET = 21;
const CLIENT_OCTET = 100;
/** Next to the client: what a real server does with the one it does with the other. */
const PROBE_OCTET = 99;
const SPARE_OCTET = 200;

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

/** The same for IPv6, before there is an interface; addresses can be used without asking whether they are free. */
const NEUTRAL_IPV6_SYSCTLS = {
  "net.ipv6.conf.all.forwarding": 0,
  "net.ipv6.conf.default.accept_ra": 0,
  "net.ipv6.conf.default.accept_dad": 0,
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
  readonly vip: string;
  readonly client: LabHost;
  readonly director: LabHost;
  readonly switch: Namespace;
  /** At least one. */
  readonly realServers: readonly LabRealServer[];
  /** Address that nobody has: proofs are made from it. */
  readonly probeAddress: string;
  /** A host on the same switch that is no part of the cluster, if one was asked for. */
  readonly spare: LabHost | null;
}

/** What of the network is not as usual. */
export interface TopologyPlan {
  /** @default 4 */
  readonly family?: AddressFamily;
  /** @default false */
  readonly hasSpare?: boolean;
}

/** A VIP with the prefix that means nothing but it: /32, for IPv6 /128. */
export function withPrefix(vip: string): string {
  return `${vip}/${addressBits(familyOf(vip))}`;
}

/** Takes from a host what the lab or its owner may have given it: the VIP, settings, an interface more. */
export async function neutralize({ namespace }: LabHost, vip: string): Promise<void> {
  for (const device of ["lo", INTERFACE]) {
    await namespace.ip([`addr flush dev ${device} to ${withPrefix(vip)}`]);
  }
  // Most often there is none.
  await namespace.run("ip", ["link", "delete", EXTRA_INTERFACE]);
  await namespace.setSysctls(
    familyOf(vip) === 4 ? NEUTRAL_SYSCTLS : { ...NEUTRAL_SYSCTLS, ...NEUTRAL_IPV6_SYSCTLS },
  );
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
export async function buildTopology(
  id: string,
  realServers: number,
  { family = 4, hasSpare = false }: TopologyPlan = {},
): Promise<Topology> {
  const prefix = namespacePrefix(id);
  const wires = await Namespace.create(`${prefix}switch`);
  await wires.ip(["link add bridge type bridge stp_state 0 forward_delay 0", "link set bridge up"]);

  const addHost = async (name: string, octet: number): Promise<LabHost> => {
    const namespace = await Namespace.create(prefix + name);
    const mac = `00:00:5e:00:53:${octet.toString(16).padStart(2, "0")}`;
    const address = addressAt(family, octet);
    if (family === 6) await namespace.setSysctls(NEUTRAL_IPV6_SYSCTLS);
    await connect({ namespace, interface: INTERFACE, mac }, { namespace: wires, interface: name });
    await Promise.all([
      wires.ip([`link set ${name} master bridge`]),
      namespace.ip([`addr add ${address}/${PREFIX_LENGTH[family]} dev ${INTERFACE}`]),
      namespace.setSysctls(NEUTRAL_SYSCTLS),
    ]);
    return { name, namespace, address, mac };
  };

  const [client, director, spare, ...servers] = await Promise.all([
    addHost("client", CLIENT_OCTET),
    addHost("director", DIRECTOR_OCTET),
    hasSpare ? addHost("spare", SPARE_OCTET) : null,
    ...Array.from({ length: realServers }, (_, i) => addHost(`rs${i + 1}`, FIRST_REAL_SERVER_OCTET + i)),
  ]);
  return {
    vip: addressAt(family, VIP_OCTET),
    probeAddress: addressAt(family, PROBE_OCTET),
    client,
    director,
    spare,
    switch: wires,
    realServers: servers.map((server, i) => ({ ...server, weight: WEIGHTS[i % WEIGHTS.length]! })),
  };
}

function addressAt(family: AddressFamily, octet: number): string {
  return family === 4 ? `192.0.2.${octet}` : `2001:db8::${octet}`;
}
