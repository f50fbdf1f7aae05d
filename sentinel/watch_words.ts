/**
 * Alarms of the watch in words an operator understands, each with the command that helps and the host to type it on.
 *
 * @module
 */

import { addressBits, familyOf } from "../model/ip_address.ts";
import {
  type ConfigFile,
  type Finding,
  hardenCommand,
  hardenRemark,
  hardenUnlistedCommand,
  questionWord,
} from "./finding.ts";
import { withoutAddress, withoutDirector, withoutPrefix, withoutProxy } from "./watch_commands.ts";
import type { Alarm, Misdeed } from "./watch_suspect.ts";

/** What was seen, as said of a host, for example `announces and answers for`. */
const VERBS: Readonly<Record<Misdeed, string>> = {
  announcement: "announces",
  answer: "answers for",
  leak: "sends as",
};

/** What an alarm means. */
export function alarmFinding(alarm: Alarm, file: ConfigFile): Finding {
  return alarm.server === null
    ? { host: `the host with MAC ${alarm.mac}`, ...strangerWords(alarm) }
    : { host: alarm.server, ...serverWords(alarm, alarm.server, file) };
}

type Words = Pick<Finding, "problem" | "command">;

function serverWords({ name, vip, mac, isForEverything }: Alarm, server: string, file: ConfigFile): Words {
  const harden = hardenCommand(file);
  const remark = hardenRemark(file);
  const asked = questionWord(vip);
  switch (name) {
    case "vip_leaked_as_sender":
      return {
        problem:
          `${server} asks by ${asked} with ${vip} as sender (and ${mac}): whoever hears it sends the VIP's ` +
          `traffic to this server, past the director${remark}`,
        command: harden,
      };
    case "gratuitous_by_realserver":
      return {
        problem:
          `${server} announces ${vip} (with ${mac}): everybody on the link sends the VIP's traffic to this ` +
          "server, past the director; take the VIP out of the network configuration of the host, whose scripts " +
          `announce it${remark}`,
        command: harden,
      };
    default:
      if (isForEverything) {
        return {
          problem:
            `${server} answers ${asked} for ${vip} (with ${mac}), and for addresses that nobody has: it holds ` +
            `the VIP with a prefix shorter than /${
              hostPrefix(vip)
            } on lo, or is a proxy; the command ends both${remark === "" ? " and hardens the host" : remark}`,
          command: `${withoutPrefix(vip)}; ${withoutProxy(vip, mac)}; ${harden}`,
        };
      }
      return {
        problem:
          `${server} answers ${asked} for ${vip} (with ${mac}): whoever asks may send the VIP's traffic to ` +
          `it, past the director${remark}`,
        command: harden,
      };
  }
}

function strangerWords({ name, vip, mac, misdeeds, leaked }: Alarm): Words {
  const who = `The host with MAC ${mac}, no real server of this director,`;
  const asked = questionWord(vip);
  switch (name) {
    case "proxy_arp":
      return {
        problem:
          `${who} answers ${asked} for ${vip} and for addresses that nobody has: it is a proxy, or holds the ` +
          "whole subnet on lo, and gets traffic of the VIP that is the director's; the command ends both",
        command: `${withoutProxy(vip, mac)}; ${withoutPrefix(vip)}`,
      };
    case "duplicate_director":
      return {
        problem:
          `${who} ${
            verbsText(misdeeds)
          } ${vip} as a director does: two directors take each other's clients, and one has to go; the command ` +
          `stops the one on that host (keepalived, ucarp, vrrpd and lvsdr director) and takes ${vip} off its ` +
          "interfaces; if that is the one to keep, stop the director that raised this alarm instead",
        command: withoutDirector(vip, mac),
      };
    case "vip_leaked_as_sender":
      return {
        problem:
          `${who} asks by ${asked} with ${vip} as sender: whoever hears it sends the VIP's traffic there; it ` +
          "looks like a real server that is not hardened, and that this director does not know",
        command: hardenUnlistedCommand(leaked),
      };
    default:
      return {
        problem:
          `${who} ${
            verbsText(misdeeds)
          } ${vip}: clients that believe it do not reach this director; the command ` +
          "takes the VIP off the interfaces of that host, and if none has it, a director runs there too, so stop " +
          "one of the two",
        command: withoutAddress(vip),
      };
  }
}

function verbsText(misdeeds: readonly Misdeed[]): string {
  const verbs = (Object.keys(VERBS) as Misdeed[]).filter((misdeed) => misdeeds.includes(misdeed));
  return verbs.map((misdeed) => VERBS[misdeed]).join(" and ");
}

function hostPrefix(vip: string): number {
  return addressBits(familyOf(vip));
}
