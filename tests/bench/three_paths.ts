/**
 * One client, one real server, and three ways from one to the other: straight, through `lvsdr director`, and through
 * a C program of the same shape. Which way packets to the VIP take is a matter of the client's neighbour entry alone,
 * so that rounds of all three can alternate without anything being started in between.
 *
 * @module
 */

import { requireCommand } from "../../host/command.ts";
import type { LabHost } from "../../lab/topology.ts";
import { INTERFACE, RealCluster, type ServiceInput, VIP } from "../lab/real_cluster.ts";
import { compile } from "./compile.ts";

export const PATHS = ["direct", "reference", "lvsdr"] as const;
export type Path = typeof PATHS[number];

export class ThreePaths implements AsyncDisposable {
  readonly cluster: RealCluster;
  readonly #macs: Readonly<Record<Path, string>>;

  private constructor(cluster: RealCluster) {
    this.cluster = cluster;
    const [server, reference] = cluster.realServers;
    this.#macs = { direct: server!.mac, reference: reference!.mac, lvsdr: cluster.director.mac };
  }

  /**
   * Builds the network; the real server runs nginx.
   *
   * @param services Without their servers.
   * @param forwarderCpu Processor that both forwarders are to run on; without it, wherever the kernel puts them.
   */
  static async create(
    services: readonly Omit<ServiceInput, "servers">[],
    forwarderCpu?: number,
  ): Promise<ThreePaths> {
    const cluster = await RealCluster.create({ realServers: 2 });
    try {
      const paths = new ThreePaths(cluster);
      const [server, reference] = cluster.realServers;
      // The C program cannot complete a checksum that the sender has left to its network card.
      await cluster.client.namespace.require("ethtool", ["-K", INTERFACE, "tx", "off"]);
      // The second host forwards, in C. The VIP is none of its own.
      await reference!.namespace.ip([`addr del ${VIP}/32 dev lo`]);
      const program = compile("forward_reference", cluster.folder, "-lpcap");
      const child = cluster.spawn(reference!, program, [INTERFACE, VIP, server!.mac]);
      const servers = [{ address: server!.address }];
      const director = await cluster.startDirector(services.map((service) => ({ ...service, servers })));
      if (forwarderCpu !== undefined) {
        for (const { pid } of [child, director]) {
          await requireCommand("taskset", ["--all-tasks", "-cp", String(forwarderCpu), String(pid)]);
        }
      }
      return paths;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get client(): LabHost {
    return this.cluster.client;
  }

  get server(): LabHost {
    return this.cluster.realServers[0]!;
  }

  /** Makes packets to the VIP take a path from now on. */
  async take(path: Path): Promise<void> {
    await this.client.namespace.ip([
      `neigh replace ${VIP} lladdr ${this.#macs[path]} dev ${INTERFACE} nud permanent`,
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}
