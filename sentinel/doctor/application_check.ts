/**
 * Whether somebody listens where a real server's share of the clients arrives.
 *
 * @module
 */

import { formatPorts, formatRange } from "../../config/port_list.ts";
import { shellCommand } from "../../host/command.ts";
import { type AddressFamily, endpointText, familyOf, unspecifiedAddress } from "../../model/ip_address.ts";
import { type Arrival, arrivalsOf, runsOf } from "./arrivals.ts";
import { hasVip } from "./audit_checks.ts";
import type { Check, Observation } from "./check.ts";
import type { Facts, Listener } from "./facts.ts";
import type { StoppedServer } from "./programs.ts";
import { type RedirectRemedy, redirectRemedy } from "./redirect_remedy.ts";
import { vipsOfSteps } from "./role_journal.ts";

/** The check that every port of every VIP has an application. */
export const APPLICATION_CHECK: Check = {
  id: "app-not-listening",
  level: "error",
  roles: ["realserver"],
  look: (facts) => {
    const remedy = redirectRemedy(facts);
    return groupsOf(silencesOf(facts), remedy?.commands ?? null)
      .map((group) => observationOf(facts, group, remedy));
  },
};

/** Ports that clients reach and nobody listens on. */
interface Silence extends Arrival {
  /** Sockets on these ports of other addresses. */
  readonly elsewhere: readonly Listener[];
  /** Starts the only program that it can be; `null` if there is none, or more than one. */
  readonly start: string | null;
  /** Units that are installed for these ports, and do not run. */
  readonly stopped: readonly StoppedServer[];
}

/** Silences that one fix cures; where no command can, those on the same ports of whatever VIPs. */
interface SilenceGroup {
  readonly fix: string | null;
  readonly silences: readonly [Silence, ...Silence[]];
}

function silencesOf(facts: Facts): Silence[] {
  const { host: { listeners, stoppedServers } } = facts;
  const arrivals = arrivalsOf(facts, facts.realServer?.method ?? null)
    .filter(({ target, silent }) => silent.length > 0 && hasVip(facts, target));
  return arrivals.map((arrival) => {
    const { target: { vip }, binding: { protocol }, silent } = arrival;
    const elsewhere = listeners.filter((listener) =>
      listener.protocol === protocol && silent.includes(listener.port) &&
      [familyOf(vip), null].includes(familyOfListener(listener.address))
    );
    const stopped = elsewhere.length > 0
      ? []
      : stoppedServers.filter((server) => silent.some((port) => server.ports.includes(port)));
    return { ...arrival, elsewhere, stopped, start: startCommand(stopped) };
  });
}

/** What one command cures, or one application would, is one thing to repair. */
function groupsOf(silences: readonly Silence[], redirect: string | null): SilenceGroup[] {
  const groups = new Map<string, SilenceGroup>();
  for (const silence of silences) {
    const fix = silence.start ?? redirect;
    const key = fix ?? `${silence.binding.protocol} ${formatPorts(runsOf(silence.silent))}`;
    const earlier = groups.get(key)?.silences;
    groups.set(key, { fix, silences: earlier === undefined ? [silence] : [...earlier, silence] });
  }
  return [...groups.values()];
}

function observationOf(
  { realServer }: Facts,
  { fix, silences }: SilenceGroup,
  remedy: RedirectRemedy | null,
): Observation {
  const places = silences.map(({ target: { vip }, binding: { protocol }, reached, silent }) =>
    `${protocol} ${endpointText(reached ?? vip, formatPorts(runsOf(silent)))}`
  );
  const wanted = silences.map(({ target: { vip }, range }) => endpointText(vip, formatRange(range)));
  const addresses = [...new Set(silences.map(({ reached }) => reached ?? "the host's own address"))];
  return {
    problem: `No application listens on ${[...new Set(places)].join(", ")}: clients of ${
      wanted.join(", ")
    } are refused by this host`,
    evidence: [...new Set(silences.flatMap(evidenceOf))],
    cause: realServer?.method === "redirect"
      ? `method redirect hands the VIP's packets to ${addresses.join(", ")}, not to the VIP or to 127.0.0.1`
      : "clients' packets are for the VIP, so that an application bound to another address never gets them",
    fix,
    advice: fix === null
      ? adviceFor(realServer, silences, remedy)
      : fix === remedy?.commands
      ? adviceToRedirected(realServer, silences)
      : `It must listen on ${listeningPlaces(realServer, silences)} then; this shows where it does: ${
        whoListens(silences)
      }`,
  };
}

function evidenceOf({ silent, elsewhere, stopped }: Silence): string[] {
  return [
    ...(elsewhere.length === 0
      ? [`no socket on port ${formatPorts(runsOf(silent))} (ss -ltnu)`]
      : elsewhere.map(({ address, port }) => `listening on ${listenerText(address, port)} (ss -ltnu)`)),
    ...stopped.map(({ unit }) => `${unit} is installed and does not run (systemctl status)`),
  ];
}

function startCommand([server, ...others]: readonly StoppedServer[]): string | null {
  return server === undefined || others.length > 0 ? null : shellCommand(["systemctl", "start", server.unit]);
}

/** What comes after the commands that change to method redirect, and what could be done in their place. */
function adviceToRedirected(realServer: Facts["realServer"], silences: readonly Silence[]): string {
  const made = vipsOfSteps(realServer?.journal?.steps ?? []);
  const foreign = (realServer?.targets ?? []).map(({ vip }) => vip).filter((vip) => !made.includes(vip));
  return "The last command holds this host until it is stopped: have it started at boot, by a unit of systemd" +
    (foreign.length === 0
      ? ""
      : `, and take ${foreign.join(", ")} out of whatever gives it to the host at boot`) +
    `; or, in place of all that, let the application listen on ${
      listeningPlaces(realServer, silences)
    }, which saves ` +
    `connection tracking; which program that is: ${whoListens(silences)}`;
}

/** What is the administrator's to decide. */
function adviceFor(
  realServer: Facts["realServer"],
  silences: readonly Silence[],
  remedy: RedirectRemedy | null,
): string {
  const places = listeningPlaces(realServer, silences);
  const isElsewhere = silences.some(({ elsewhere }) => elsewhere.length > 0);
  const listen = isElsewhere
    ? `Let the application listen on ${places}, in its own configuration, and restart it; which program that is: ${
      whoListens(silences)
    }`
    : `Start the application, listening on ${places}; it is there when this shows it: ${
      whoListens(silences)
    }`;
  if (remedy === null) return listen;
  const { losses, obstacles, takeBack } = remedy;
  const owner = realServer?.journal?.owner ?? null;
  const price = losses.length === 0 ? "" : ` and ends the open connections of ${losses.join(", ")}`;
  return `${listen}; or, once every other finding is mended${
    obstacles.length === 0 ? "" : `, and what would have it refused (${obstacles.join("; ")})`
  }, ${
    owner === null ? "" : `end lvsdr realserver here (process ${owner}), `
  }take the VIP off the interfaces that ` +
    `still have it, ${
      owner !== null || takeBack === null ? "" : `take back what is left of it (${takeBack}), `
    }` +
    "and start lvsdr realserver with --method redirect, which hands the VIP's packets to the address that is " +
    `listened on${price}`;
}

/** Where an application must listen: for each family at all addresses, or at each that packets arrive at. */
function listeningPlaces(realServer: Facts["realServer"], silences: readonly Silence[]): string {
  const families = Map.groupBy(silences, ({ target: { vip } }) => familyOf(vip));
  const places = [...families].map(([family, ofFamily]) => {
    const names = formatPorts(runsOf(silentPorts(ofFamily)));
    const anywhere = endpointText(unspecifiedAddress(family), names);
    // An address that the kernel chooses may be another one tomorrow.
    if (realServer?.method === "redirect") return anywhere;
    const vips = new Set(ofFamily.map(({ target: { vip } }) => endpointText(vip, names)));
    return `${anywhere} or ${[...vips].join(" and ")}`;
  });
  return places.join(", and on ");
}

/** Command that shows the programs on the ports, whatever their address. */
function whoListens(silences: readonly Silence[]): string {
  const protocols = new Set(silences.map(({ binding: { protocol } }) => protocol));
  const letters = `${protocols.has("tcp") ? "t" : ""}${protocols.has("udp") ? "u" : ""}`;
  const ports = silentPorts(silences);
  return `ss -Hl${letters}np '${ports.map((port) => `sport = :${port}`).join(" or ")}'`;
}

/** Ascending, each once. */
function silentPorts(silences: readonly Silence[]): number[] {
  return [...new Set(silences.flatMap(({ silent }) => silent))].toSorted((one, other) => one - other);
}

function familyOfListener(address: string): AddressFamily | null {
  return address === "*" ? null : familyOf(address);
}

function listenerText(address: string, port: number): string {
  return address === "*" ? `*:${port}` : endpointText(address, port);
}
