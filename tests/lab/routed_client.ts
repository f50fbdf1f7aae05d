/**
 * A client far away from a {@linkcode DirectorNetwork}: behind two routers, the nearer of which is that network's
 * client, and a link of 1,400 bytes between them.
 *
 * @module
 */

import { connect, Namespace } from "../../lab/namespace.ts";
import { CLIENT_ADDRESS, type DirectorNetwork } from "./director_network.ts";

/** The client's own address. */
export const FAR_ADDRESS = "203.0.113.7";
/** The routers on the way to the VIP. */
export const HOPS = ["203.0.113.1", "198.51.100.1"] as const;
/** Largest packet of the link in the middle. */
export const NARROW_MTU = 1400;

export class RoutedClient implements AsyncDisposable {
  readonly namespace: Namespace;
  /** The farther of the routers. */
  readonly edge: Namespace;

  private constructor(namespace: Namespace, edge: Namespace) {
    this.namespace = namespace;
    this.edge = edge;
  }

  /** Builds the way to `network` and tells its real servers of the way back. */
  static async create(network: DirectorNetwork): Promise<RoutedClient> {
    const prefix = network.client.name.replace(/client$/, "");
    const far = await Namespace.create(`${prefix}far`);
    const edge = await Namespace.create(`${prefix}edge`);
    const inner = network.client;
    await connect({ namespace: far, interface: "eth0" }, { namespace: edge, interface: "far" });
    await connect({ namespace: edge, interface: "narrow" }, { namespace: inner, interface: "narrow" });
    await far.ip([`addr add ${FAR_ADDRESS}/24 dev eth0`, `route add default via ${HOPS[0]}`]);
    await edge.ip([
      `link set narrow mtu ${NARROW_MTU}`,
      `addr add ${HOPS[0]}/24 dev far`,
      "addr add 198.51.100.2/24 dev narrow",
      `route add default via ${HOPS[1]}`,
    ]);
    await inner.ip([
      `link set narrow mtu ${NARROW_MTU}`,
      `addr add ${HOPS[1]}/24 dev narrow`,
      "route add 203.0.113.0/24 via 198.51.100.2",
    ]);
    for (const router of [edge, inner]) await router.setSysctls({ "net.ipv4.ip_forward": 1 });
    for (const { namespace } of network.servers) {
      await namespace.ip([`route add 203.0.113.0/24 via ${CLIENT_ADDRESS}`]);
    }
    return new RoutedClient(far, edge);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { name } of [this.namespace, this.edge]) await Namespace.remove(name);
  }
}
