import assert from "node:assert/strict";
import { OperatorError } from "../../model/operator_error.ts";
import { findVantage } from "../../sentinel/vantage.ts";
import { link, LOOPBACK } from "../director/configs.ts";

const VIPS = new Set(["192.0.2.10"]);
const ETH0 = link("eth0", ["192.0.2.2/24"]);
const ETH1 = link("eth1", ["198.51.100.2/24"], { index: 3 });
const LINKS = [LOOPBACK, ETH0, ETH1];

/** What is wrong, and the remedy. */
function refusal(...args: Parameters<typeof findVantage>): string {
  try {
    findVantage(...args);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return `${error.message} / ${error.remedy}`;
  }
  throw new Error("it was not refused");
}

Deno.test("findVantage() takes the interface whose subnet holds the real servers", () => {
  const vantage = findVantage(LINKS, ["198.51.100.21", "198.51.100.22"], VIPS, null);
  assert.equal(vantage.link.name, "eth1");
  assert.deepEqual(vantage.subnet, { address: "198.51.100.2", prefixLength: 24, scope: "global" });
  assert.equal(vantage.senderAddress, "198.51.100.2");
});

Deno.test("findVantage() never asks with a VIP as sender", () => {
  const both = link("eth0", ["192.0.2.10/24", "192.0.2.2/24"]);
  assert.equal(findVantage([both], ["192.0.2.21"], VIPS, null).senderAddress, "192.0.2.2");
  const only = link("eth0", ["192.0.2.10/24"]);
  assert.equal(findVantage([only], ["192.0.2.21"], VIPS, null).senderAddress, "0.0.0.0");
});

Deno.test("findVantage() says why a host is no place to verify from", () => {
  const server = ["192.0.2.21"];
  assert.match(
    refusal([LOOPBACK, ETH1], server, VIPS, null),
    /is in no subnet of this host \/ Run it on the director/,
  );
  assert.match(
    refusal([link("eth0", ["192.0.2.21/24"])], server, VIPS, null),
    /192\.0\.2\.21 is this host itself/,
  );
  assert.match(refusal(LINKS, server, VIPS, "eth9"), /no interface "eth9" \/ This host has lo, eth0, eth1/);
  assert.match(refusal(LINKS, server, VIPS, "lo"), /"lo" is no Ethernet interface/);
  const down = link("eth0", ["192.0.2.2/24"], { isUp: false });
  assert.match(refusal([down], server, VIPS, null), /"eth0" is down \/ ip link set eth0 up/);
  assert.match(refusal(LINKS, server, VIPS, "eth1"), /192\.0\.2\.21 is not in a subnet of eth1/);
  const two = ["192.0.2.21", "198.51.100.21"];
  assert.match(
    refusal(LINKS, two, VIPS, null),
    /198\.51\.100\.21 is not in the subnet 192\.0\.2\.2\/24 of eth0/,
  );
});
