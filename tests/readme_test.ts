/**
 * The README says what the program does: its tables and examples are held against the code.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseConfig } from "../config/parse_config.ts";
import { jsonSchema } from "../config/schema.ts";
import { VERDICTS } from "../datapath/verdict.ts";
import { WIRE_ALARM_NAMES } from "../model/status_snapshot.ts";

const README = Deno.readTextFileSync(new URL("../README.md", import.meta.url));

/** Cells of the rows below a heading whose first cell is code, without backquotes. */
function tableRows(heading: string): string[][] {
  const section = README.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`));
  assert(section !== undefined, `the README has no section "${heading}"`);
  const rows = section.split("\n").filter((line) => /^\| `/.test(line));
  return rows.map((row) =>
    row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );
}

function firstCells(heading: string): string[] {
  return tableRows(heading).map(([first]) => first!);
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** Paths of all keys below a node, for example `services[].vip`. */
function keyPaths(node: SchemaNode, path = ""): string[] {
  const below = Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const childPath = path === "" ? key : `${path}.${key}`;
    return [childPath, ...keyPaths(child, childPath)];
  });
  const inItems = node.items === undefined ? [] : keyPaths(node.items, `${path}[]`);
  const inChoices = [...node.anyOf ?? [], ...node.oneOf ?? []].flatMap((choice) => keyPaths(choice, path));
  return [...new Set([...below, ...inItems, ...inChoices])];
}

Deno.test("README lists every way a frame can end, in the order of the verdicts, with the same words", () => {
  assert.deepEqual(
    tableRows("What becomes of a frame"),
    VERDICTS.map(({ name, meaning }) => [name, meaning]),
  );
});

Deno.test("README explains every key of the configuration, and no other", () => {
  assert.deepEqual(firstCells("Configuration").toSorted(), keyPaths(jsonSchema() as SchemaNode).toSorted());
});

Deno.test("README lists every event a director reports", () => {
  const listed = new Set(firstCells("Events").flatMap((cell) => cell.split(", ")));
  const reported = new Set<string>();
  const settings = new Set(keyPaths(jsonSchema() as SchemaNode));
  for (const { name } of Deno.readDirSync(new URL("../director/", import.meta.url))) {
    if (!name.endsWith(".ts")) continue;
    const source = Deno.readTextFileSync(new URL(`../director/${name}`, import.meta.url));
    for (const [, event] of source.matchAll(/"([a-z]+\.[a-z]+)"/g)) {
      if (!settings.has(event!)) reported.add(event!);
    }
  }
  assert.deepEqual([...listed].toSorted(), [...reported].toSorted());
});

Deno.test("README explains every alarm", () => {
  assert.deepEqual(firstCells("Alarms"), [...WIRE_ALARM_NAMES]);
});

Deno.test("README's configurations are valid", () => {
  const examples = [...README.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => text!);
  assert(examples.length > 0);
  for (const example of examples) parseConfig(example, "README.md");
});
