/**
 * What a configuration holds as a secret is printed nowhere, however it is misspelt.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ConfigError } from "../../config/config_error.ts";
import { parseConfig } from "../../config/parse_config.ts";
import { type JsonSchema, jsonSchema } from "../../config/schema.ts";
import { isSecretKey } from "../../config/secrets.ts";
import { WEB } from "./headings.ts";

Deno.test("ConfigError never shows a secret", () => {
  const text = `${WEB}status: { token: "s3cret word", listen: 0.0.0.0 }\ndirector: { hash_key: deadbeef }\n`;
  assert.throws(() => parseConfig(text, "c.yaml"), (error: ConfigError) => {
    assert.equal(error.problems.length, 3);
    assert.doesNotMatch(error.message + JSON.stringify(error.problems), /s3cret|deadbeef/);
    return true;
  });
});

const SECRET = "0123456789s3cret";
/** Slips by which a secret is no value of `token` or `hash_key` any more. */
const SLIPS: Readonly<Record<string, string>> = {
  "in a misspelt key": `status: { tokne: ${SECRET} }`,
  "in a key with a hyphen": `director: { hash-key: "${SECRET}" }`,
  "in a key of another program": `status: { password: ${SECRET} }`,
  "in a block of a misspelt key": `status:\n  tokne: |\n    ${SECRET}`,
  "behind an anchor": `secret: &a ${SECRET}\nstatus: { token: *a }`,
  "without a space": `status:\n  token:${SECRET}`,
  "without a colon": `status:\n  token ${SECRET}`,
  "without a colon, in braces": `status: { token ${SECRET} }`,
  "with an equals sign": `status: { token = ${SECRET} }`,
  "in two parts": `status: { token: "${SECRET}" ${SECRET} }`,
  "in quotes that do not end": `status: { token: "${SECRET} }`,
  "in a bracket that does not end": `status: { token: ${SECRET} ]`,
  "in another document": `---\ntoken: ${SECRET}`,
  "behind a bracket too many": `status: {}\n}token: ${SECRET}`,
  "as a tag": `status: { token: !${SECRET} x }`,
  "as an alias": `status: { token: *${SECRET} }`,
  "in a comment": `status: { listen: 80 } # token: ${SECRET}`,
  "that looks like a variable": `status: { token: "$${SECRET}" }`,
  "that looks like a variable in braces": `status: { token: "\${${SECRET}}" }`,
  "that looks like one of a template": `status: { token: "{{ ${SECRET} }}" }`,
  "that is none for want of quotes": `status: { token: {{ ${SECRET} }} }`,
  "that looks like a variable, in a misspelt key": `status: { tokne: "pa$${SECRET}" }`,
  "that looks like a variable, in a key of another program": `status: { password: "pa$${SECRET}" }`,
  "that looks like a variable, as a hash key": `director: { hash_key: "$${SECRET}" }`,
  "that looks like a variable, of the real servers":
    `realserver: { status: { port: 8481, token: "\${${SECRET}}" } }`,
  "that looks like a variable, without a space": `status:\n  token:pa$${SECRET}`,
  "with a no-break space": `status: { token: "\u00a0${SECRET}" }`,
  "in the quotes of a word processor": `status: { token: “${SECRET}” }`,
  "in a misspelt key, in the quotes of a word processor": `status: { tokne: “${SECRET}” }`,
  "in a list": `status: { token: ["$${SECRET}"] }`,
};
for (const [where, lines] of Object.entries(SLIPS)) {
  Deno.test(`ConfigError never shows a secret ${where}`, () => {
    assert.throws(() => parseConfig(`${WEB}${lines}\n`, "c.yaml"), (error: ConfigError) => {
      assert.doesNotMatch(error.message + error.summary + JSON.stringify(error.problems), /s3cret/);
      return true;
    });
  });
}

Deno.test("ConfigError shows the rest of a line with a secret", () => {
  assert.throws(() => parseConfig(`${WEB}status: { tokne: ${SECRET}, listen: x }\n`, "c.yaml"), {
    message: /status: \{ tokne: \*{16}, listen: x \}/,
  });
});

Deno.test("A key is taken for a secret only if it is one, misspelt or not", () => {
  const keys = (schema: JsonSchema): string[] =>
    [schema.items, ...schema.anyOf ?? [], ...schema.oneOf ?? []].flatMap((inner) => inner ? keys(inner) : [])
      .concat(Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [key, ...keys(inner)]));
  const secret = new Set(keys(jsonSchema()).filter(isSecretKey));
  assert.deepEqual([...secret].toSorted(), ["hash_key", "token"]);
});
