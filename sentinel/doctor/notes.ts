/**
 * What is good to know and no fault.
 *
 * @module
 */

import { BOTH_ROLES, type Check } from "./check.ts";
import { live } from "./director_checks.ts";

/** Payload of an Ethernet frame (RFC 894). */
const ETHERNET_MTU = 1_500;

export const NOTES: readonly Check[] = [
  {
    id: "vip-from-here",
    level: "note",
    roles: BOTH_ROLES,
    look: ({ role, vips }) =>
      vips.length === 0 ? [] : [{
        problem: role === "director"
          ? `${vips.join(", ")} cannot be reached from this host`
          : `${vips.join(", ")} as used on this host is this host itself`,
        evidence: [],
        cause: role === "director"
          ? "what a director sends does not come in by its interface, where it would be balanced; ask from another host"
          : "a real server answers its own requests for a VIP, and no other real server gets them",
        fix: null,
      }],
  },
  {
    id: "offloads",
    level: "note",
    roles: ["director"],
    look: ({ director, file }) =>
      director?.snapshot == null ? [] : [{
        problem: file?.config.director.offloads === "disable"
          ? `Offloads of ${director.device} are switched off while the director runs`
          : `Offloads of ${director.device} may stay on: merged frames and unfinished checksums are dealt with`,
        evidence: file === null ? [] : [`${file.path}: director.offloads: ${file.config.director.offloads}`],
        cause: "with receive offload a frame can be larger than the MTU and lack its checksum",
        fix: null,
      }],
  },
  {
    id: "health-past-vip",
    level: "note",
    roles: ["director"],
    look: ({ file }) =>
      (file?.config.services ?? []).filter(({ health }) => health !== null && health.type !== "dr").map(
        ({ name, health }) => ({
          problem: `The health check of ${name} does not go the way of its clients`,
          evidence: [`${file?.path}: services ${name}: health.type: ${health?.type}`],
          cause:
            "it asks the real server's own address, and is green also where the VIP is missing; type dr asks the VIP",
          fix: null,
        }),
      ),
  },
  {
    id: "server-loss-drop",
    level: "note",
    roles: ["director"],
    look: ({ file }) =>
      (file?.config.services ?? []).filter(({ onServerLoss }) => onServerLoss === "drop").map(({ name }) => ({
        problem: `Connections of ${name} to a real server that is lost hang until the client gives up`,
        evidence: [`${file?.path}: services ${name}: on_server_loss: drop`],
        cause: "with reset, the default, clients know at once and come again",
        fix: null,
      })),
  },
  {
    id: "table-lost",
    level: "note",
    roles: ["director"],
    look: live(({ events }) =>
      events.filter(({ name }) => name === "connections.refused").map(({ at, message }) => ({
        problem: "The connections of an earlier run could not go on",
        evidence: [`${at} connections.refused: ${message}`],
        cause: "its table could not be used; nothing is left to repair",
        fix: null,
      }))
    ),
  },
  {
    id: "jumbo-frames",
    level: "note",
    roles: BOTH_ROLES,
    look: ({ director, realServer, host: { links } }) => {
      const devices = new Set([director?.device, ...(realServer?.targets ?? []).map(({ device }) => device)]);
      return links.filter(({ name, mtu }) => devices.has(name) && mtu > ETHERNET_MTU).map((
        { name, mtu },
      ) => ({
        problem: `${name} takes frames larger than those of Ethernet`,
        evidence: [`mtu ${mtu} (ip link show ${name})`],
        cause:
          "director, real servers and routers of one link must have one MTU, which no single host can see",
        fix: null,
      }));
    },
  },
];
