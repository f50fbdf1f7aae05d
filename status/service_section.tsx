/**
 * One virtual service and its real servers as a table. On a narrow screen the style sheet turns every row into a
 * card; the explicit roles keep it a table for screen readers there.
 *
 * @module
 */

// deno-lint-ignore-file jsx-key -- a page rendered once, on the server, has nothing to reconcile
import type { Child } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";
import { counted } from "../model/counted.ts";
import type {
  AuditStatus,
  HostReport,
  LastCheck,
  RealServerStatus,
  VirtualServiceStatus,
} from "../model/status_snapshot.ts";
import { assessService, countUsable } from "./assessment.ts";
import { hostAuditText, hostLoadText, isUnsound } from "./host_text.ts";
import { age, exactNumber, exactRate, shortBytes, shortNumber, shortRate } from "./humanize.ts";
import { Icon, StateBadge } from "./state_badge.tsx";

/** Columns in order; the second part says that it holds numbers. */
const COLUMNS = [
  ["Real server", false],
  ["State", false],
  ["Weight", true],
  ["Active", true],
  ["Inactive", true],
  ["New conn/s", true],
  ["Packets in", true],
  ["Bytes in", true],
  ["Last check", false],
] as const;

function Cell(
  { label, title, children }: { label: typeof COLUMNS[number][0]; title?: string; children: Child },
) {
  const isNumber = COLUMNS.some(([name, numeric]) => name === label && numeric);
  return <td role="cell" data-label={label} class={isNumber ? "number" : ""} title={title}>{children}</td>;
}

function CheckCell({ check, now }: { check: LastCheck | null; now: string }) {
  if (check === null) {
    return (
      <Cell label="Last check">
        <span class="quiet">none yet</span>
      </Cell>
    );
  }
  return (
    <Cell label="Last check" title={`${check.at}, took ${Math.round(check.durationMs)} ms`}>
      <span class={check.passed ? "" : "failed"}>{check.message}</span>
      <span class="quiet sub">{`${age(check.at, now)}, ${Math.round(check.durationMs)} ms`}</span>
    </Cell>
  );
}

/** Whether the real server keeps silent about the VIP, and since when that is known. */
function Audit({ audit: { verdict, at }, now }: { audit: AuditStatus; now: string }) {
  return (
    <span class="quiet sub" title={`Asked for the VIP ${age(at, now)}`}>
      {"VIP: "}
      <span class={verdict === "answers" ? "failed" : ""}>{verdict}</span>
    </span>
  );
}

/** What the real server says of its own host. */
function Host({ host, now }: { host: HostReport; now: string }) {
  const load = hostLoadText(host);
  return (
    <span class="quiet sub" title={`Asked for its status ${age(host.at, now)}`}>
      {"host audit: "}
      <span class={isUnsound(host) ? "failed" : ""}>{hostAuditText(host)}</span>
      {load === null ? "" : `, ${load}`}
    </span>
  );
}

function ServerRow({ server, now }: { server: RealServerStatus; now: string }) {
  const isChanged = server.effectiveWeight !== server.weight;
  return (
    <tr role="row">
      <th role="rowheader" scope="row">
        {server.address}
        <span class="quiet sub mac">{server.mac ?? "no MAC yet"}</span>
        {server.audit === null ? "" : <Audit audit={server.audit} now={now} />}
        {server.host === null ? "" : <Host host={server.host} now={now} />}
      </th>
      <Cell label="State">
        <StateBadge server={server} />
      </Cell>
      <Cell
        label="Weight"
        title={isChanged ? `Configured ${server.weight}, in use ${server.effectiveWeight}` : ""}
      >
        {isChanged ? `${server.effectiveWeight} of ${server.weight}` : String(server.weight)}
      </Cell>
      <Cell label="Active" title={exactNumber(server.activeConnections)}>
        {shortNumber(server.activeConnections)}
      </Cell>
      <Cell label="Inactive" title={exactNumber(server.inactiveConnections)}>
        {shortNumber(server.inactiveConnections)}
      </Cell>
      <Cell
        label="New conn/s"
        title={`${exactRate(server.connectionsPerSecond)} a second, ${
          exactNumber(server.connections)
        } so far`}
      >
        {shortRate(server.connectionsPerSecond)}
      </Cell>
      <Cell label="Packets in" title={exactNumber(server.packets)}>{shortNumber(server.packets)}</Cell>
      <Cell label="Bytes in" title={`${exactNumber(server.bytes)} bytes`}>{shortBytes(server.bytes)}</Cell>
      <CheckCell check={server.lastCheck} now={now} />
    </tr>
  );
}

export function ServiceSection({ service, index, now }: {
  service: VirtualServiceStatus;
  index: number;
  now: string;
}): JSX.Element {
  const id = `service-${index}`;
  return (
    <section class="card" aria-labelledby={id}>
      <header class="service">
        <h2 id={id}>
          <Icon tone={assessService(service)} />
          {service.name}
        </h2>
        <p>
          <span class="address">{`${service.protocol.toUpperCase()} ${service.vip}`}</span>
          {` port ${service.ports}, scheduler ${service.scheduler}`}
        </p>
        <p class="right" title={`${exactNumber(service.connections)} connections so far`}>
          {`${countUsable(service)} of ${counted(service.servers.length, "server")} usable, ${
            shortNumber(service.connections)
          } connections so far`}
        </p>
      </header>
      {service.servers.length === 0
        ? <p class="quiet">This service has no real servers.</p>
        : (
          <table role="table" class="servers" aria-labelledby={id}>
            <thead role="rowgroup">
              <tr role="row">
                {COLUMNS.map(([name, isNumber]) => (
                  <th role="columnheader" scope="col" class={isNumber ? "number" : ""}>{name}</th>
                ))}
              </tr>
            </thead>
            <tbody role="rowgroup">
              {service.servers.map((server) => <ServerRow server={server} now={now} />)}
            </tbody>
          </table>
        )}
    </section>
  );
}
