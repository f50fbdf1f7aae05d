import assert from "node:assert/strict";
import { nearestWord } from "../../config/nearest_word.ts";
import { type JsonSchema, runSchema } from "../../config/schema.ts";

/** Every key of a schema with its path. */
function keysOf(schema: JsonSchema, path = ""): { path: string; schema: JsonSchema }[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [
    { path: `${path}.${key}`, schema: inner },
    ...keysOf(inner, `${path}.${key}`),
  ]);
  const items = schema.items === undefined ? [] : keysOf(schema.items, `${path}[]`);
  const alternatives = [...schema.anyOf ?? [], ...schema.oneOf ?? []].flatMap((inner) => keysOf(inner, path));
  return [...own, ...items, ...alternatives];
}

function printedSchema(): JsonSchema {
  let printed = "";
  assert.equal(runSchema({ write: (text) => printed += text }), 0);
  return JSON.parse(printed);
}

Deno.test("runSchema() describes every key in a sentence", () => {
  const keys = keysOf(printedSchema());
  const paths = keys.map(({ path }) => path);
  for (const path of [".director.hash_key", ".services[].health.path", ".services[].servers[].weight"]) {
    assert.ok(paths.includes(path), path);
  }
  for (const { path, schema } of keys) {
    assert.match(schema.description ?? "", /^[A-Z].{10,}\.$/, `${path} has no sentence`);
  }
});

Deno.test("runSchema() shows editors what addresses of both families look like", () => {
  const keys = new Map(keysOf(printedSchema()).map(({ path, schema }) => [path, schema]));
  const shapes = [
    ["services[].vip", ["192.0.2.10", "192.0.2.10/32", "2001:DB8::10", "2001:db8::10/128"], [
      "web",
      "192.0.2.10/24",
      "2001:db8::/64",
    ]],
    ["services[].servers[].address", ["192.0.2.21", "2001:db8::192.0.2.21"], [
      "web",
      "192.0.2.21/32",
      "fe80::1%eth0",
    ]],
    ["services[].allow", ["192.0.2.7", "198.51.100.0/24", "::/0"], ["web", "198.51.100.0/", "/24"]],
  ] as const;
  for (const [key, right, wrong] of shapes) {
    const schema = keys.get(`.${key}`);
    const { pattern } = (schema?.items ?? schema) as JsonSchema & { readonly pattern?: string };
    for (const text of right) assert.match(text, new RegExp(pattern!), key);
    for (const text of wrong) assert.doesNotMatch(text, new RegExp(pattern!), key);
  }
});

Deno.test("runSchema() tells editors that unknown keys are wrong", () => {
  const schema = printedSchema() as JsonSchema & { additionalProperties?: boolean; required?: string[] };
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(schema.required, ["services"]);
});

Deno.test("nearestWord() finds slips and nothing else", () => {
  const known = ["timeouts", "services", "max_connections", "vip", "port", "ports"];
  const slips = [["timeuots", "timeouts"], ["service", "services"], ["max-connections", "max_connections"], [
    "VIP",
    "vip",
  ]];
  for (const [slip, meant] of slips) assert.equal(nearestWord(slip!, known), meant);
  assert.equal(nearestWord("prot", known), "port");
  for (const word of ["weight", "x", "", "v".repeat(10_000)]) assert.equal(nearestWord(word, known), null);
});
