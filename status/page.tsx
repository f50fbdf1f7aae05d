/**
 * The status page. The server renders all of it; `page.js` fetches it again whenever there is a newer snapshot and
 * carries over what differs inside `#live`. Without JavaScript the browser reloads it every five seconds.
 *
 * @module
 */

// deno-lint-ignore-file jsx-key -- a page rendered once, on the server, has nothing to reconcile
import type { Child } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";
import { vipsOf } from "../model/config.ts";
import { counted } from "../model/counted.ts";
import type { DirectorEvent, EventLevel, StatusSnapshot, VerdictCount } from "../model/status_snapshot.ts";
import { AlarmStrip } from "./alarm_strip.tsx";
import { assess, type Assessment, tallyServers, type Tone } from "./assessment.ts";
import { duration, exactNumber, exactRate, percent, shortNumber, shortRate, utcTime } from "./humanize.ts";
import { Picture } from "./picture.tsx";
import { ServiceSection } from "./service_section.tsx";
import { Icon } from "./state_badge.tsx";

const VIPS_SHOWN = 3;
const REASONS_SHOWN = 5;
const EVENTS_SHOWN = 20;

const ICON = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#155e75"/>' +
    '<path d="M6 16h8M14 16l9-8M14 16h9M14 16l9 8" stroke="#fff" stroke-width="2.5" fill="none"/>' +
    '<circle cx="25" cy="8" r="3" fill="#fff"/><circle cx="25" cy="16" r="3" fill="#fff"/>' +
    '<circle cx="25" cy="24" r="3" fill="#fff"/></svg>',
);

const TITLE_MARK: Record<Assessment["level"], string> = { ok: "", warning: "⚠ ", error: "✖ " };

function Document({ title, live, children }: { title: string; live: boolean; children: Child }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href="page.css" />
        {live ? <script src="page.js" defer></script> : null}
        {live
          ? (
            <noscript>
              <meta http-equiv="refresh" content="5" />
            </noscript>
          )
          : null}
      </head>
      <body>{children}</body>
    </html>
  );
}

function Verdict({ assessment }: { assessment: Assessment }) {
  const shown = assessment.reasons.slice(0, REASONS_SHOWN);
  const hidden = assessment.reasons.length - shown.length;
  return (
    <section class={`verdict ${assessment.level}`} aria-label="Summary">
      <Icon tone={assessment.level} />
      <div role="status">
        <h1>{assessment.headline}</h1>
        {shown.length === 0 ? null : (
          <ul>
            {shown.map((reason) => <li>{reason}</li>)}
            {hidden > 0 ? <li>{`and ${hidden} more`}</li> : null}
          </ul>
        )}
      </div>
    </section>
  );
}

function Tile(
  { name, title, children, detail }: { name: string; title: string; children: Child; detail: string },
) {
  return (
    <div class="tile" title={title}>
      <dt>{name}</dt>
      <dd>
        <strong>{children}</strong>
        <span class="quiet">{detail}</span>
      </dd>
    </div>
  );
}

function Tiles({ snapshot }: { snapshot: StatusSnapshot }) {
  const { connectionTable: table, datapath, services } = snapshot;
  const servers = services.flatMap((service) => service.servers);
  const { all, usable } = tallyServers(services);
  const rate = servers.reduce((sum, server) => sum + server.connectionsPerSecond, 0);
  const total = services.reduce((sum, service) => sum + service.connections, 0);
  const lost = datapath.captureDrops + datapath.transmitErrors;
  return (
    <dl class="tiles">
      <Tile
        name="New connections"
        title={`${exactRate(rate)} a second, ${exactNumber(total)} so far`}
        detail={`${shortNumber(total)} so far`}
      >
        {`${shortRate(rate)}/s`}
      </Tile>
      <Tile
        name="Open connections"
        title={`${exactNumber(table.used)} of ${exactNumber(table.capacity)}`}
        detail={`${percent(table.used, table.capacity)} of ${shortNumber(table.capacity)}`}
      >
        {shortNumber(table.used)}
      </Tile>
      <Tile
        name="Usable servers"
        title="Real servers that can be given a new connection, and are out of no service"
        detail={`in ${counted(services.length, "service")}`}
      >
        {`${usable} of ${all}`}
      </Tile>
      <Tile
        name="Frames lost"
        title={`${exactNumber(datapath.captureDrops)} in capture, ${
          exactNumber(datapath.transmitErrors)
        } in sending`}
        detail={lost === 0 ? "none since start" : "in capture or sending"}
      >
        {shortNumber(lost)}
      </Tile>
      <Tile name="Uptime" title={`${exactNumber(snapshot.uptimeSeconds)} seconds`} detail={snapshot.ha.state}>
        {duration(snapshot.uptimeSeconds)}
      </Tile>
    </dl>
  );
}

function Frames({ verdicts }: { verdicts: readonly VerdictCount[] }) {
  const seen = verdicts.filter(({ frames }) => frames > 0).toSorted((a, b) => b.frames - a.frames);
  const unseen = verdicts.filter(({ frames }) => frames === 0);
  return (
    <section class="card" aria-labelledby="frames-title">
      <h2 id="frames-title">What became of frames</h2>
      {seen.length === 0 ? <p class="quiet">No frame has been seen yet.</p> : (
        <table class="verdicts">
          <thead>
            <tr>
              <th scope="col" class="number">Frames</th>
              <th scope="col">Verdict</th>
            </tr>
          </thead>
          <tbody>
            {seen.map(({ name, meaning, frames }) => (
              <tr>
                <td class="number" title={exactNumber(frames)}>{shortNumber(frames)}</td>
                <td>
                  <code>{name}</code>
                  <span class="quiet sub">{meaning}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {unseen.length === 0 ? null : (
        <details>
          <summary>{`${unseen.length} that never happened`}</summary>
          <dl class="unseen">
            {unseen.map(({ name, meaning }) => (
              <>
                <dt>
                  <code>{name}</code>
                </dt>
                <dd class="quiet">{meaning}</dd>
              </>
            ))}
          </dl>
        </details>
      )}
    </section>
  );
}

const EVENT_TONE: Record<EventLevel, Tone> = { info: "ok", warning: "warning", error: "error" };

function Events({ events }: { events: readonly DirectorEvent[] }) {
  const shown = events.slice(0, EVENTS_SHOWN);
  return (
    <section class="card" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {shown.length === 0 ? <p class="quiet">Nothing has happened yet.</p> : (
        <ol class="events">
          {shown.map((event) => (
            <li class={event.level}>
              <Icon tone={EVENT_TONE[event.level]} />
              <p>
                <span class="message">{event.message}</span>
                <span class="quiet sub">
                  <time datetime={event.at}>{utcTime(event.at)}</time>
                  {" UTC · "}
                  <code>{event.name}</code>
                </span>
              </p>
            </li>
          ))}
        </ol>
      )}
      {events.length > shown.length
        ? <p class="quiet">{`${events.length - shown.length} older ones are in the JSON.`}</p>
        : null}
    </section>
  );
}

/** `192.0.2.10, 192.0.2.11 on `, cut short where it would fill the line. */
function listVips(snapshot: StatusSnapshot): string {
  const vips = vipsOf(snapshot);
  if (vips.length === 0) return "";
  const hidden = vips.length - VIPS_SHOWN;
  return vips.slice(0, VIPS_SHOWN).join(", ") + (hidden > 0 ? ` and ${hidden} more` : "") + " on ";
}

/** The whole page for one snapshot. */
export function StatusPage({ snapshot }: { snapshot: StatusSnapshot }): JSX.Element {
  const assessment = assess(snapshot);
  const { interface: port, uplinks, mode } = snapshot.datapath;
  const ports = [port, ...uplinks].map(({ name, mac, mtu }) => `${name} · ${mac} · MTU ${mtu}`).join(" · ");
  return (
    <Document title={`${TITLE_MARK[assessment.level]}${assessment.headline} · lvsdr`} live>
      <p id="stale" role="alert" hidden></p>
      <div id="live">
        <header class="top">
          <p class="brand">
            <img src={ICON} alt="" width="26" height="26" />
            lvsdr director
          </p>
          <p class="quiet">{`${listVips(snapshot)}${ports} · ${mode}`}</p>
        </header>
        <main>
          <Verdict assessment={assessment} />
          <AlarmStrip alarms={snapshot.alarms} now={snapshot.at} />
          <Tiles snapshot={snapshot} />
          <Picture snapshot={snapshot} />
          <div class="services">
            {snapshot.services.map((service, index) => (
              <ServiceSection service={service} index={index} now={snapshot.at} />
            ))}
          </div>
          <div class="pair">
            <Frames verdicts={snapshot.verdicts} />
            <Events events={snapshot.events} />
          </div>
        </main>
        <footer>
          <p>
            {`lvsdr ${snapshot.version} · as of `}
            <time datetime={snapshot.at}>{utcTime(snapshot.at)}</time>
            {" UTC"}
          </p>
          <nav aria-label="Other views">
            <a href="api/v1/status">JSON</a>
            <a href="metrics">Metrics</a>
            <a href="healthz">Health</a>
          </nav>
        </footer>
      </div>
    </Document>
  );
}

/** A page that only says one thing, for errors. */
export function MessagePage({ title, advice }: { title: string; advice: string }): JSX.Element {
  return (
    <Document title={`${title} · lvsdr`} live={false}>
      <main class="message">
        <h1>{title}</h1>
        <p>{advice}</p>
      </main>
    </Document>
  );
}
