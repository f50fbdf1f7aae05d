import assert from "node:assert/strict";
import { attach } from "../../director/attachment.ts";
import type { Link } from "../../host/links.ts";
import type { Config } from "../../model/config.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { CLUSTER, config, link, LOOPBACK, MAC } from "./configs.ts";

const ETH0 = link("eth0", ["192.0.2.2/24"]);

function refusal(configuration: Config, links: readonly Link[]): { code: number; text: string } {
  try {
    attach(configuration, links);
  } catch (error) {
    assert(error instanceof OperatorError);
    return { code: error.exitCode, text: `${error.message}\n${error.remedy}` };
  }
  throw new Error("It was accepted");
}

Deno.test("attach() finds the interface whose subnet holds the VIPs", () => {
  const found = attach(config(), [LOOPBACK, link("eth1", ["10.0.0.1/8"]), ETH0]);
  assert.deepEqual([found.name, found.mac], ["eth0", MAC]);
});

Deno.test("attach() takes the configured interface even if the VIPs are in no subnet of it", () => {
  const routed = config(`director: { interface: eth0 }${CLUSTER.replaceAll("192.0.2.1", "203.0.113.1")}`);
  assert.equal(attach(routed, [LOOPBACK, ETH0]).name, "eth0");
});

Deno.test("attach() accepts a VIP that is a further address of the interface", () => {
  for (const vip of ["192.0.2.10/32", "192.0.2.10/24"]) {
    assert.equal(attach(config(), [link("eth0", ["192.0.2.2/24", vip])]).name, "eth0");
  }
});

Deno.test("attach() refuses a VIP as the address that real servers are reached from", () => {
  const { code, text } = refusal(config(), [link("eth0", ["192.0.2.10/24", "192.0.2.2/24"])]);
  assert.equal(code, 78);
  assert.match(
    text,
    /Real server 192\.0\.2\.21 of service "web" is reached from 192\.0\.2\.10, which is a VIP/,
  );
});

Deno.test("attach() refuses VIPs in the subnets of two interfaces", () => {
  const { code, text } = refusal(config(CLUSTER.replace("192.0.2.11", "10.0.0.9")), [
    ETH0,
    link("eth1", ["10.0.0.1/8"]),
  ]);
  assert.equal(code, 78);
  assert.match(text, /several interfaces \(eth0, eth1\)/);
});

Deno.test("attach() refuses a VIP outside every subnet and names the subnets there are", () => {
  const { code, text } = refusal(config(), [LOOPBACK, link("eth1", ["10.0.0.1/8"])]);
  assert.equal(code, 78);
  assert.match(text, /VIP 192\.0\.2\.10 is in no subnet of this host: eth1 10\.0\.0\.1\/8/);
});

Deno.test("attach() refuses an interface that is missing, down or without a MAC", () => {
  const named = config(`director: { interface: eth0 }${CLUSTER}`);
  const cases: readonly (readonly [Link[], number, RegExp])[] = [
    [[LOOPBACK], 69, /no interface "eth0"\n.*this host has lo/],
    [[link("eth0", ["192.0.2.2/24"], { isUp: false })], 69, /"eth0" is down\nip link set eth0 up/],
    [[link("eth0", ["192.0.2.2/24"], { mac: null })], 78, /"eth0" is no Ethernet interface/],
  ];
  for (const [links, code, message] of cases) {
    const refused = refusal(named, links);
    assert.equal(refused.code, code);
    assert.match(refused.text, message);
  }
});

Deno.test("attach() refuses real servers that are elsewhere, or the director itself", () => {
  const distant = refusal(config(CLUSTER.replace("192.0.2.22", "203.0.113.22")), [ETH0]);
  assert.match(
    distant.text,
    /Real server 203\.0\.113\.22 .* not on the link of eth0 \(eth0 192\.0\.2\.2\/24\)/,
  );
  const own = refusal(config(CLUSTER.replace("192.0.2.22", "192.0.2.2")), [ETH0]);
  assert.match(own.text, /Real server 192\.0\.2\.2 of service "web" is this host itself/);
  assert.deepEqual([distant.code, own.code], [78, 78]);
});
