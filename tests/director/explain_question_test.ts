import assert from "node:assert/strict";
import { readQuestion } from "../../director/explain_question.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";

function questionOf(client: string, target: string, protocol = "tcp") {
  return readQuestion({ client, target, protocol });
}

Deno.test("readQuestion() takes both families, with the client's port or without", () => {
  const web = { vip: "192.0.2.10", port: 80, protocol: "tcp" };
  assert.deepEqual(questionOf("198.51.100.7:40000", "192.0.2.10:80"), {
    client: "198.51.100.7",
    clientPort: 40_000,
    ...web,
  });
  assert.deepEqual(questionOf("198.51.100.7", "192.0.2.10:80"), {
    client: "198.51.100.7",
    clientPort: null,
    ...web,
  });
  const dns6 = { client: "2001:db8:1::7", vip: "2001:db8::10", port: 53, protocol: "udp" };
  const target = "[2001:DB8:0::10]:53";
  assert.deepEqual(questionOf("[2001:db8:1::7]:5353", target, "udp"), { ...dns6, clientPort: 5353 });
  assert.deepEqual(questionOf("[2001:db8:1::7]", target, "udp"), { ...dns6, clientPort: null });
  assert.deepEqual(questionOf("2001:db8:1:0::7", target, "udp"), { ...dns6, clientPort: null });
});

const REFUSED: readonly (readonly [client: string, target: string, protocol: string, message: RegExp])[] = [
  ["198.51.100.7", "192.0.2.10", "tcp", /"192\.0\.2\.10" does not name a port/],
  ["198.51.100.7", "2001:db8::10", "tcp", /does not name a port/],
  ["198.51.100.7", "192.0.2.10:0", "tcp", /"0" is no port/],
  ["198.51.100.7:65536", "192.0.2.10:80", "tcp", /"65536" is no port/],
  ["198.51.100.7:", "192.0.2.10:80", "tcp", /"" is no port/],
  ["198.51.100.7", "192.0.2.10:http", "tcp", /"http" is no port/],
  ["client", "192.0.2.10:80", "tcp", /Cannot read address "client"/],
  ["224.0.0.1", "192.0.2.10:80", "tcp", /multicast/],
  ["198.51.100.7", "[2001:db8::10]:80", "tcp", /different families/],
  ["198.51.100.7", "192.0.2.10:80", "sctp", /Unknown protocol "sctp"/],
  ["", "", "", /Unknown protocol/],
];

for (const [client, target, protocol, message] of REFUSED) {
  Deno.test(`readQuestion() refuses ${client} ${target} ${protocol}, with a remedy`, () => {
    assert.throws(() => questionOf(client, target, protocol), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.exitCode, ExitCode.USAGE);
      assert.match(error.message, message);
      assert.notEqual(error.remedy, null);
      return true;
    });
  });
}
