import assert from "node:assert/strict";
import { METRICS_TYPE, renderMetrics } from "../../status/metrics.ts";
import type { HostReport } from "../../model/status_snapshot.ts";
import { createApp } from "../../status/app.tsx";
import { CLAIMED, EMPTY, HOSTILE, ONE, server, service, TROUBLED } from "./snapshots.ts";

function isInstalled(program: string): boolean {
  return Deno.env.get("PATH")!.split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

/** Exit code and complaints of `promtool check metrics`. */
async function promtool(text: string): Promise<{ code: number; complaints: string }> {
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, complaints: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

const PROMTOOL_IS_MISSING = !isInstalled("promtool");

Deno.test("renderMetrics() writes exactly this for a director without services", () => {
  assert.equal(
    renderMetrics({ ...EMPTY, uptimeSeconds: 1.5, verdicts: ONE.verdicts.slice(0, 2) }),
    `# HELP lvsdr_build_info Version of the running director.
# TYPE lvsdr_build_info gauge
lvsdr_build_info{version="0.1.0"} 1
# HELP lvsdr_uptime_seconds Time since the director started.
# TYPE lvsdr_uptime_seconds gauge
lvsdr_uptime_seconds 1.5
# HELP lvsdr_level 1 for how well all is, as the headline of page and lvsdr status says, 0 for the others.
# TYPE lvsdr_level gauge
lvsdr_level{level="ok"} 0
lvsdr_level{level="warning"} 1
lvsdr_level{level="error"} 0
# HELP lvsdr_forwarding Whether the datapath works.
# TYPE lvsdr_forwarding gauge
lvsdr_forwarding 1
# HELP lvsdr_connection_table_entries Connections in the table.
# TYPE lvsdr_connection_table_entries gauge
lvsdr_connection_table_entries 0
# HELP lvsdr_connection_table_capacity Connections the table can hold.
# TYPE lvsdr_connection_table_capacity gauge
lvsdr_connection_table_capacity 1048576
# HELP lvsdr_forwarding_table_generation Generation of the table in use.
# TYPE lvsdr_forwarding_table_generation gauge
lvsdr_forwarding_table_generation 1
# HELP lvsdr_capture_drops_total Frames the kernel had to drop because the capture ring was full.
# TYPE lvsdr_capture_drops_total counter
lvsdr_capture_drops_total 0
# HELP lvsdr_transmit_errors_total Frames the kernel did not accept for sending.
# TYPE lvsdr_transmit_errors_total counter
lvsdr_transmit_errors_total 0
# HELP lvsdr_worker_frames_total Frames the worker has received.
# TYPE lvsdr_worker_frames_total counter
lvsdr_worker_frames_total{worker="0"} 0
# HELP lvsdr_worker_capture_drops_total Frames the kernel had to drop because the worker's capture ring was full.
# TYPE lvsdr_worker_capture_drops_total counter
lvsdr_worker_capture_drops_total{worker="0"} 0
# HELP lvsdr_worker_connections Connections in the worker's part of the table.
# TYPE lvsdr_worker_connections gauge
lvsdr_worker_connections{worker="0"} 0
# HELP lvsdr_frames_total Frames by what became of them.
# TYPE lvsdr_frames_total counter
lvsdr_frames_total{verdict="forwarded"} 37035
lvsdr_frames_total{verdict="not_for_vip"} 512
# HELP lvsdr_wire_alarms Alarms that stand: somebody else says that it has a VIP.
# TYPE lvsdr_wire_alarms gauge
lvsdr_wire_alarms{alarm="vip_answered_by_other"} 0
lvsdr_wire_alarms{alarm="vip_leaked_as_sender"} 0
lvsdr_wire_alarms{alarm="gratuitous_by_realserver"} 0
lvsdr_wire_alarms{alarm="duplicate_director"} 0
lvsdr_wire_alarms{alarm="proxy_arp"} 0
lvsdr_wire_alarms{alarm="stranger"} 0
# HELP lvsdr_wire_alarms_raised_total Alarms so far.
# TYPE lvsdr_wire_alarms_raised_total counter
lvsdr_wire_alarms_raised_total{alarm="vip_answered_by_other"} 0
lvsdr_wire_alarms_raised_total{alarm="vip_leaked_as_sender"} 0
lvsdr_wire_alarms_raised_total{alarm="gratuitous_by_realserver"} 0
lvsdr_wire_alarms_raised_total{alarm="duplicate_director"} 0
lvsdr_wire_alarms_raised_total{alarm="proxy_arp"} 0
lvsdr_wire_alarms_raised_total{alarm="stranger"} 0
# HELP lvsdr_wire_defences_total Announcements of a VIP because somebody else had claimed it.
# TYPE lvsdr_wire_defences_total counter
lvsdr_wire_defences_total 0
# HELP lvsdr_wire_missed_total ARP and NDP packets about VIPs that came too fast to be looked at.
# TYPE lvsdr_wire_missed_total counter
lvsdr_wire_missed_total 0
`,
  );
});

Deno.test("renderMetrics() writes every number of a real server under its own name", () => {
  const one = server("192.0.2.21", { weight: 7, effectiveWeight: 6, isOverloaded: true });
  const lines = renderMetrics({ ...ONE, services: [service("web", [one])] }).split("\n")
    .filter((line) => line.startsWith("lvsdr_se"));
  const labels = `{service="web",server="192.0.2.21"}`;
  const serviceLabels = `{service="web",vip="192.0.2.10",protocol="tcp",ports="80,443"}`;
  assert.deepEqual(lines, [
    `lvsdr_service_usable_servers${serviceLabels} 0`,
    `lvsdr_service_connections_total${serviceLabels} 3000`,
    `lvsdr_service_packets_total${serviceLabels} 37035`,
    `lvsdr_service_bytes_total${serviceLabels} 29629629`,
    `lvsdr_server_state{service="web",server="192.0.2.21",state="up"} 1`,
    `lvsdr_server_state{service="web",server="192.0.2.21",state="down"} 0`,
    `lvsdr_server_state{service="web",server="192.0.2.21",state="quiesced"} 0`,
    `lvsdr_server_state{service="web",server="192.0.2.21",state="unresolved"} 0`,
    `lvsdr_server_state{service="web",server="192.0.2.21",state="quarantined"} 0`,
    `lvsdr_server_overloaded${labels} 1`,
    `lvsdr_server_weight${labels} 7`,
    `lvsdr_server_effective_weight${labels} 6`,
    `lvsdr_server_active_connections${labels} 12`,
    `lvsdr_server_inactive_connections${labels} 3`,
    `lvsdr_server_connections_total${labels} 1000`,
    `lvsdr_server_packets_total${labels} 12345`,
    `lvsdr_server_bytes_total${labels} 9876543`,
    `lvsdr_server_check_passed${labels} 1`,
    `lvsdr_server_check_duration_seconds${labels} 0.0008`,
    `lvsdr_server_audit{service="web",server="192.0.2.21",verdict="hardened"} 1`,
    `lvsdr_server_audit{service="web",server="192.0.2.21",verdict="answers"} 0`,
    `lvsdr_server_audit{service="web",server="192.0.2.21",verdict="unreachable"} 0`,
    `lvsdr_server_audit{service="web",server="192.0.2.21",verdict="contested"} 0`,
  ]);
});

Deno.test("renderMetrics() says how well all is, in the level of the headline", () => {
  const levels = [ONE, TROUBLED, CLAIMED].map((snapshot) =>
    renderMetrics(snapshot).split("\n").filter((line) => /^lvsdr_level\{.* 1$/.test(line)).join()
  );
  assert.deepEqual(levels, ["ok", "error", "error"].map((level) => `lvsdr_level{level="${level}"} 1`));
});

Deno.test("renderMetrics() passes on once what a real server says of its host, and nothing of one that is silent", () => {
  const at = "2026-03-01T11:59:58.000Z";
  const told = (factsWrong: number, trouble: string | null): HostReport => ({
    ...{ kind: "told", at, method: "loopback", factsWrong, wrongFacts: [], trouble },
    load: { averages: [0, 0, 0], cpus: 1 },
  });
  const servers = [
    server("192.0.2.21", { host: told(2, null) }),
    server("192.0.2.22", { host: told(0, "nft is missing") }),
    server("192.0.2.23", { host: told(0, null) }),
    server("192.0.2.24", { host: { kind: "silent", at, reason: "refused" } }),
  ];
  const services = [service("web", servers), service("mail", servers)];
  const lines = renderMetrics({ ...ONE, services }).split("\n");
  assert.deepEqual(lines.filter((line) => line.startsWith("lvsdr_server_host")), [
    'lvsdr_server_host_sound{server="192.0.2.21"} 0',
    'lvsdr_server_host_sound{server="192.0.2.22"} 0',
    'lvsdr_server_host_sound{server="192.0.2.23"} 1',
    'lvsdr_server_host_facts_wrong{server="192.0.2.21"} 2',
    'lvsdr_server_host_facts_wrong{server="192.0.2.22"} 0',
    'lvsdr_server_host_facts_wrong{server="192.0.2.23"} 0',
  ]);
});

Deno.test("renderMetrics() counts alarms by name, those that stand and all so far", () => {
  const lines = renderMetrics(CLAIMED).split("\n").filter((line) => /^lvsdr_wire\S* [1-9]/.test(line));
  assert.deepEqual(lines, [
    'lvsdr_wire_alarms{alarm="vip_answered_by_other"} 1',
    'lvsdr_wire_alarms_raised_total{alarm="vip_answered_by_other"} 2',
    "lvsdr_wire_defences_total 3",
    "lvsdr_wire_missed_total 4",
  ]);
});

Deno.test("renderMetrics() escapes quotes, backslashes and line feeds in labels", () => {
  const text = renderMetrics({ ...EMPTY, verdicts: [{ name: 'a"b\\c\nd', meaning: "", frames: 1 }] });
  assert.ok(text.includes('lvsdr_frames_total{verdict="a\\"b\\\\c\\nd"} 1\n'), text);
});

Deno.test("GET /metrics names the exposition format", async () => {
  const response = await createApp({ snapshot: () => ONE, token: null, isReady: () => true }).request(
    "/metrics",
  );
  assert.equal(response.headers.get("Content-Type"), METRICS_TYPE);
  assert.equal(await response.text(), renderMetrics(ONE));
});

Deno.test({
  name: "promtool has no complaint about the metrics of any snapshot",
  ignore: PROMTOOL_IS_MISSING, // apt-get install prometheus
  fn: async () => {
    for (const snapshot of [EMPTY, ONE, TROUBLED, CLAIMED, HOSTILE]) {
      assert.deepEqual(await promtool(renderMetrics(snapshot)), { code: 0, complaints: "" });
    }
    const wrong = renderMetrics(ONE).replaceAll("lvsdr_frames_total", "lvsdr_frames");
    assert.notEqual((await promtool(wrong)).code, 0, "promtool would have noticed");
  },
});
