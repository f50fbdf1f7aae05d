/**
 * Direct routing as a picture with live numbers: requests go through the director, answers go past it. It is drawn
 * twice, wide and narrow, and the style sheet shows the one that fits.
 *
 * @module
 */

import type { JSX } from "hono/jsx/jsx-runtime";
import { counted } from "../model/counted.ts";
import type { RealServerStatus, StatusSnapshot } from "../model/status_snapshot.ts";
import { describeState, isUsable, type Tone } from "./assessment.ts";
import { exactNumber, exactRate, percent, shortRate } from "./humanize.ts";
import { Shape } from "./state_badge.tsx";

/** More would make the picture longer than it helps; the tables below show all. */
const SERVERS_SHOWN = 8;

/** One host, which may serve several services. */
interface Host {
  readonly address: string;
  readonly tone: Tone;
  readonly word: string;
  readonly connectionsPerSecond: number;
  /** Whether connections pass: old ones still do on a quiesced or overloaded host. */
  readonly isOpen: boolean;
  readonly isBusy: boolean;
  /** So far. */
  readonly connections: number;
  /** Those of all hosts so far. */
  readonly allConnections: number;
}

/** Where things are, in units of the view box. */
interface Layout {
  readonly name: "wide" | "narrow";
  readonly width: number;
  readonly height: number;
  readonly client: Box;
  readonly director: Box;
  readonly request: string;
  readonly answer: string;
  readonly answerLabel: { readonly x: number; readonly y: number; readonly transform: string };
  server(index: number): Box;
  toServer(index: number): string;
  fromServer(index: number): string;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function wideLayout(rows: number): Layout {
  const pitch = 62;
  const column = Math.max(rows * pitch - 12, 96);
  const top = 52;
  const middle = top + column / 2;
  const server = (index: number): Box => ({
    x: 650,
    y: top + (column - (rows * pitch - 12)) / 2 + index * pitch,
    width: 250,
    height: 50,
  });
  const centre = (index: number): number => server(index).y + 25;
  return {
    name: "wide",
    width: 960,
    height: top + column + 16,
    client: { x: 16, y: middle - 34, width: 168, height: 68 },
    director: { x: 310, y: middle - 40, width: 210, height: 80 },
    request: `M184 ${middle}H302`,
    answer: `M938 ${centre(rows - 1)}V34q0-12-12-12H112q-12 0-12 12V${middle - 42}`,
    answerLabel: { x: 500, y: 15, transform: "" },
    server,
    toServer: (index) => `M520 ${middle}C590 ${middle} 575 ${centre(index)} 642 ${centre(index)}`,
    fromServer: (index) => `M900 ${centre(index)}H938`,
  };
}

function narrowLayout(rows: number): Layout {
  const server = (index: number): Box => ({ x: 44, y: 192 + index * 62, width: 264, height: 50 });
  const centre = (index: number): number => server(index).y + 25;
  return {
    name: "narrow",
    width: 360,
    height: 192 + rows * 62,
    client: { x: 8, y: 6, width: 300, height: 56 },
    director: { x: 8, y: 96, width: 300, height: 66 },
    request: "M158 62V88",
    answer: `M332 ${centre(rows - 1)}V46q0-12-12-12H316`,
    answerLabel: { x: 0, y: 0, transform: "translate(340 128) rotate(90)" },
    server,
    toServer: (index) => `M22 162V${centre(index) - 8}q0 8 8 8H36`,
    fromServer: (index) => `M308 ${centre(index)}H332`,
  };
}

const WORST_FIRST: readonly Tone[] = ["error", "warning", "paused", "ok"];

function collectHosts(snapshot: StatusSnapshot): Host[] {
  const byAddress = new Map<string, RealServerStatus[]>();
  for (const server of snapshot.services.flatMap((service) => service.servers)) {
    byAddress.set(server.address, [...byAddress.get(server.address) ?? [], server]);
  }
  const sum = (servers: readonly RealServerStatus[], pick: (server: RealServerStatus) => number): number =>
    servers.reduce((total, server) => total + pick(server), 0);
  const all = sum([...byAddress.values()].flat(), (server) => server.connections);
  return [...byAddress].map(([address, servers]) => {
    const states = servers.map(describeState);
    const worst = WORST_FIRST.flatMap((tone) => states.filter((state) => state.tone === tone))[0]!;
    const open = servers.filter(({ state }) => ["up", "quiesced", "quarantined"].includes(state));
    const isPartly = worst.tone !== "ok" && servers.some(isUsable);
    return {
      address,
      tone: isPartly ? "warning" : worst.tone,
      word: isPartly ? `partly ${worst.word}` : worst.word,
      connectionsPerSecond: sum(servers, (server) => server.connectionsPerSecond),
      isOpen: open.length > 0,
      isBusy: open.some((server) => server.activeConnections > 0 || server.connectionsPerSecond > 0),
      connections: sum(servers, (server) => server.connections),
      allConnections: all,
    };
  });
}

const lineState = (isOpen: boolean, isBusy: boolean): string => isBusy ? "flows" : isOpen ? "" : "shut";

function Line({ path, host, name, head }: {
  path: string;
  host: Host;
  name: "request" | "answer";
  head?: string;
}) {
  return (
    <path
      class={`line ${name} ${lineState(host.isOpen, host.isBusy)}`}
      d={path}
      marker-end={host.isOpen ? head : undefined}
    />
  );
}

function Node(
  { box, name, title, detail, exact }: {
    box: Box;
    name: string;
    title: string;
    detail: string;
    exact?: string;
  },
) {
  const x = box.x + box.width / 2;
  const y = box.y + box.height / 2;
  return (
    <g class={`node ${name}`}>
      {exact === undefined ? null : <title>{exact}</title>}
      <rect x={box.x} y={box.y} width={box.width} height={box.height} rx="10" />
      <text class="name" x={x} y={y - 5}>{title}</text>
      <text class="detail" x={x} y={y + 16}>{detail}</text>
    </g>
  );
}

function ServerNode({ box, host }: { box: Box; host: Host }) {
  const { address, tone, word, connectionsPerSecond, connections, allConnections } = host;
  const share = `${percent(connections, allConnections)} so far`;
  const numbers = `${tone === "ok" ? `${shortRate(connectionsPerSecond)} new conn/s` : word} · ${share}`;
  return (
    <g class={`node server ${tone}`}>
      <title>
        {`${exactRate(connectionsPerSecond)} new connections a second, ${exactNumber(connections)} of ${
          exactNumber(allConnections)
        } so far`}
      </title>
      <rect x={box.x} y={box.y} width={box.width} height={box.height} rx="10" />
      <g transform={`translate(${box.x + 14} ${box.y + 17})`}>
        <Shape tone={tone} />
      </g>
      <text class="name" x={box.x + 42} y={box.y + 22}>{address}</text>
      <text class="detail" x={box.x + 42} y={box.y + 40}>{numbers}</text>
    </g>
  );
}

function Drawing({ layout, hosts, snapshot }: {
  layout: Layout;
  hosts: readonly Host[];
  snapshot: StatusSnapshot;
}) {
  const vips = [...new Set(snapshot.services.map((service) => service.vip))];
  const rate = hosts.reduce((sum, host) => sum + host.connectionsPerSecond, 0);
  const shown = hosts.slice(0, SERVERS_SHOWN);
  const traffic = lineState(hosts.some((host) => host.isOpen), hosts.some((host) => host.isBusy));
  return (
    <svg
      class={`drawing ${layout.name}`}
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      role="img"
      aria-label={`Clients send ${
        shortRate(rate)
      } new connections a second to the director, which passes them to ${
        counted(hosts.length, "real server")
      }; answers go straight from the real servers to the clients.`}
    >
      <defs>
        <marker
          id={`head-${layout.name}`}
          viewBox="0 0 8 8"
          refX="1"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path class="head" d="M0 0 8 4 0 8z" />
        </marker>
        <marker
          id={`back-${layout.name}`}
          viewBox="0 0 8 8"
          refX="1"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path class="head back" d="M0 0 8 4 0 8z" />
        </marker>
      </defs>
      <path class={`line answer ${traffic}`} d={layout.answer} marker-end={`url(#back-${layout.name})`} />
      <path class={`line request ${traffic}`} d={layout.request} marker-end={`url(#head-${layout.name})`} />
      {shown.map((host, index) => (
        <>
          <Line
            path={layout.toServer(index)}
            host={host}
            name="request"
            head={`url(#head-${layout.name})`}
          />
          <Line path={layout.fromServer(index)} host={host} name="answer" />
          <ServerNode box={layout.server(index)} host={host} />
        </>
      ))}
      <Node
        box={layout.client}
        name="client"
        title="Clients"
        detail={`${shortRate(rate)} new conn/s`}
        exact={`${exactRate(rate)} new connections a second`}
      />
      <Node
        box={layout.director}
        name="director"
        title={`Director on ${snapshot.datapath.interface.name}`}
        detail={vips.length === 1 ? vips[0]! : counted(vips.length, "virtual IP")}
      />
      <text
        class="caption"
        x={layout.answerLabel.x}
        y={layout.answerLabel.y}
        transform={layout.answerLabel.transform}
      >
        answers go straight back
      </text>
    </svg>
  );
}

export function Picture({ snapshot }: { snapshot: StatusSnapshot }): JSX.Element | null {
  const hosts = collectHosts(snapshot);
  if (hosts.length === 0) return null;
  const rows = Math.min(hosts.length, SERVERS_SHOWN);
  return (
    <section class="card" aria-labelledby="path-title">
      <h2 id="path-title">Direct routing</h2>
      <Drawing layout={wideLayout(rows)} hosts={hosts} snapshot={snapshot} />
      <Drawing layout={narrowLayout(rows)} hosts={hosts} snapshot={snapshot} />
      {hosts.length > rows
        ? <p class="quiet">{`and ${counted(hosts.length - rows, "more real server")} below`}</p>
        : null}
    </section>
  );
}
