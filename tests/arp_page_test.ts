/**
 * docs/arp.md says what the program does: its methods, its mistakes and its commands are held against the code.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runCommand } from "../host/command.ts";
import { BREAK_NAMES } from "../lab/break_name.ts";
import { BREAKS } from "../lab/breaks.ts";
import { selfCommand } from "../lab/self_command.ts";
import { METHODS } from "../model/config.ts";

const PAGE = Deno.readTextFileSync(new URL("../docs/arp.md", import.meta.url));
const README = Deno.readTextFileSync(new URL("../README.md", import.meta.url));

Deno.test("docs/arp.md has a section on every method, and the README links to it", () => {
  const sections = [...PAGE.matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
  assert.deepEqual(sections, [...METHODS]);
  assert.match(README, /\]\(docs\/arp\.md\)/);
});

Deno.test("docs/arp.md lists every mistake of the lab with what is expected of whom, and which of them IPv6 has", () => {
  const rows = [...PAGE.matchAll(/^\| `([^|]+)` +\|(.*)\|$/gm)].map(([, name, rest]) =>
    [name!, rest!] as const
  );
  assert.deepEqual(rows.map(([name]) => name).filter((name) => name !== "--break"), [...BREAK_NAMES]);
  for (const name of BREAK_NAMES) {
    const row = rows.find(([first]) => first === name)![1];
    const { sentinel, verify, doctor } = BREAKS[name].expected;
    const cells = row.split("|").slice(1).map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, id]) => id));
    // Over IPv4 an unhardened host breaks two rules; the doctor names both.
    assert.deepEqual(cells, [
      sentinel,
      verify.flatMap((ids) => ids.split("|")),
      name === "arp" ? ["arp-ignore"] : doctor,
    ], name);
  }
  const [, listed] = /that IPv6 knows: ([^.]*)\./.exec(PAGE)!;
  assert.deepEqual(
    [...listed!.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    BREAK_NAMES.filter((name) => BREAKS[name].families.includes(6)),
  );
});

Deno.test("docs/arp.md names no command and no option that there is not", async () => {
  const typed = [...PAGE.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => block!.trim().split("\n"));
  const quoted = [...PAGE.matchAll(/`(lvsdr [^`]+)`/g)].map(([, command]) => command!);
  const commands = [...typed, ...quoted].map((line) => line.replace(/ *#.*/, "").split(" "));
  assert.ok(commands.length > 6);
  for (const name of new Set(commands.map(([, name]) => name!))) {
    const [program, ...args] = selfCommand([name, "--help"]);
    const { code, stdout } = await runCommand(program, args);
    assert.equal(code, 0, name);
    for (
      const option of commands.filter((words) => words[1] === name).flat().filter((word) => /^--/.test(word))
    ) {
      assert.match(stdout, new RegExp(`^ +(-\\w, )?${option}\\b`, "m"), `${name} ${option}`);
    }
  }
});
