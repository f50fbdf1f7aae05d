/**
 * Checks of what else on a host says that it has a VIP, whatever the host's role.
 *
 * @module
 */

import { shellCommand } from "../../host/command.ts";
import { forwardingKey, isForwarding } from "../../host/forwarding.ts";
import { addressBits, endpointText, familyOf } from "../../model/ip_address.ts";
import { type SysctlKey, sysctlName } from "../../host/sysctl.ts";
import { BOTH_ROLES, type Check } from "./check.ts";
import type { Facts } from "./facts.ts";

export const HOST_CHECKS: readonly Check[] = [
  {
    id: "proxy-arp",
    level: "error",
    roles: BOTH_ROLES,
    look: (facts) => {
      const { vips, host: { sysctls } } = facts;
      if (!vips.some((vip) => familyOf(vip) === 4)) return [];
      const links = linksOf(facts);
      const keys = ["all", ...links].flatMap((device) => proxySettings(sysctls, device));
      if (keys.length === 0) return [];
      const isForEveryLink = proxySettings(sysctls, "all").length > 0;
      const proxies = links.filter((device) => isForEveryLink || proxySettings(sysctls, device).length > 0);
      const isAnswering = proxies.some((device) => isForwarding(sysctls, 4, device));
      const forwarding = new Set(proxies.map((device) => forwardingKey(sysctls, 4, device)));
      return [{
        problem:
          `This host ${
            isAnswering ? "answers" : "would answer"
          } ARP requests for addresses that are not its own` +
          `${isAnswering ? "" : " as soon as it forwards"}, VIPs among them`,
        evidence: [...keys, ...forwarding].map((key) => `${sysctlName(key)} = ${sysctls.get(key)}`),
        cause: "a proxy answers for every address that it has a route to by another interface, " +
          "with proxy_arp_pvlan by the same one",
        fix: keys.map((key) => `sysctl -w ${sysctlName(key)}=0`).join("\n"),
      }];
    },
  },
  {
    id: "proxy-neighbor",
    level: "error",
    roles: BOTH_ROLES,
    look: ({ vips, host: { proxies } }) =>
      proxies.filter(({ address }) => vips.includes(address)).map(({ address, device }) => ({
        problem: `This host is told to answer for ${address} on ${device} as a proxy`,
        evidence: [`${address} dev ${device} proxy (ip neighbor show proxy)`],
        cause: "somebody made a proxy entry, which no ARP setting of the host silences",
        fix: `ip neighbor delete proxy ${address} dev ${device}`,
      })),
  },
  {
    id: "ipvs",
    level: "error",
    roles: BOTH_ROLES,
    look: ({ vips, role, host: { ipvs } }) =>
      ipvs.filter(({ address }) => vips.includes(address)).map(({ address, port, protocol }) => {
        const place = endpointText(address, port);
        return {
          problem: `The kernel's own load balancer has ${protocol} ${place} as well`,
          evidence: [`${protocol.toUpperCase()} ${place} (/proc/net/ip_vs)`],
          cause: role === "director"
            ? "two load balancers on one host send each other's clients to different real servers"
            : "a real server that balances again sends its clients to others, who may send them back",
          fix: `ipvsadm -D -${protocol === "tcp" ? "t" : "u"} ${place}`,
        };
      }),
  },
  {
    id: "keepalived",
    level: "error",
    roles: BOTH_ROLES,
    look: ({ vips, host: { keepalived } }) =>
      keepalived.flatMap(({ pid, unit, path, text }) => {
        const named = vips.filter((vip) => mentions(text, vip));
        if (named.length === 0) return [];
        return [{
          problem: `keepalived runs on this host and has ${
            named.join(", ")
          }: it announces what lvsdr is there for`,
          evidence: [`process ${pid} (pgrep -x keepalived)`, `${path} names ${named.join(", ")}`],
          cause:
            "two programs that both own a VIP take it from each other, or keep a real server's copy of it alive",
          fix: unit === null ? `kill ${pid}` : shellCommand(["systemctl", "stop", unit]),
          advice: `For the next boot: ${
            unit === null ? "let nothing start it" : shellCommand(["systemctl", "disable", unit])
          }, or take the VIP out of its configuration`,
        }];
      }),
  },
  {
    id: "vip-dad",
    level: "error",
    roles: BOTH_ROLES,
    look: ({ vips, role, realServer, host: { unusable } }) =>
      unusable.filter(({ address }) =>
        vips.includes(address) &&
        // One that is in the wrong place anyway is the audit's.
        !realServer?.requirements.some(({ fact, holds }) => !holds && fact === `VIP ${address}`)
      ).map(
        ({ address, prefixLength, device, state }) => {
          const length = addressBits(familyOf(address));
          const remove = `ip address delete ${address}/${prefixLength} dev ${device}`;
          return {
            problem: state === "dadfailed"
              ? `IPv6 switched ${address} off on ${device}, because somebody else has it`
              : `IPv6 still looks for other holders of ${address} on ${device}, and does not use it yet`,
            evidence: [`${address}/${prefixLength} ${state} (ip -6 address show dev ${device})`],
            cause:
              "every real server has the VIP and so has the director: duplicate detection must not be asked",
            fix: role === "director"
              ? remove
              : `${remove}\nip address add ${address}/${length} dev lo nodad preferred_lft 0`,
          };
        },
      ),
  },
];

/**
 * Interfaces that packets for VIPs arrive on; `null` for one that is not known. Container networks make their own
 * interfaces proxies: only the link of the VIPs matters.
 */
function linksOf({ director, realServer }: Facts): (string | null)[] {
  const devices = realServer === null
    ? [director?.device ?? null]
    : realServer.targets.map(({ device }) => device);
  return [...new Set(devices)];
}

/** What is set of the variables that make an interface, or `all` of them, answer for others. */
function proxySettings(sysctls: ReadonlyMap<SysctlKey, string>, device: string | null): SysctlKey[] {
  return ["proxy_arp", "proxy_arp_pvlan"].map((name): SysctlKey => `net/ipv4/conf/${device}/${name}`)
    .filter((key) => (sysctls.get(key) ?? "0") !== "0");
}

/** Whether a configuration file names an address, comments aside. */
function mentions(text: string, address: string): boolean {
  return text.split("\n").map((line) => line.replace(/[#!].*/, "")).some((line) =>
    line.split(/[\s/{}"',;]+/).includes(address)
  );
}
