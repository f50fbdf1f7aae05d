/**
 * Files that are no text: why, and what to do.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readText } from "../../config/read_text.ts";
import { runCommand } from "../../host/command.ts";
import { OperatorError } from "../../model/operator_error.ts";

const encode = (text: string): number[] => [...new TextEncoder().encode(text)];

/** What is said of a file, without the folder; a command that is said to convert it is typed, and must do so. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${directory}/a b'c.yaml`, bytes);
    await readText(`${directory}/a b'c.yaml`);
  } catch (error) {
    assert.ok(error instanceof OperatorError);
    assert.equal(error.exitCode, 78);
    const [, command] = /onvert it: (.*)$/.exec(error.remedy!) ?? [];
    if (command !== undefined) {
      assert.equal((await runCommand("sh", ["-c", command])).code, 0);
      assert.match(await readText(`${directory}/a b'c.yaml`), /^a/);
    }
    return `${error.message.replace(/^.*": /, "")}: ${error.remedy!.replaceAll(directory, "")}`;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  return "";
}

Deno.test("readText() names the encoding it takes a file to have, and the command that converts it", async () => {
  assert.equal(
    await refusal(Uint8Array.from([...encode("a: é\n# "), 0xfc, ...encode("r\n")])),
    `it is not UTF-8 text, see line 2: If it is Latin-1, convert it: ` +
      `cp '/a b'\\''c.yaml' '/a b'\\''c.yaml.old' && iconv -f ISO-8859-1 -t UTF-8 '/a b'\\''c.yaml.old' >'/a b'\\''c.yaml'`,
  );
  assert.equal(
    await refusal(Uint8Array.of(0xff, 0xfe, 0x61, 0)),
    `it is UTF-16 text: Convert it: ` +
      `cp '/a b'\\''c.yaml' '/a b'\\''c.yaml.old' && iconv -f UTF-16 -t UTF-8 '/a b'\\''c.yaml.old' >'/a b'\\''c.yaml'`,
  );
});

Deno.test("readText() refuses a character that is cut at the end of the file", async () => {
  assert.match(
    await refusal(Uint8Array.from([...encode("a: 1\nb: "), 0xc3])),
    /^it is not UTF-8 text, see line 2/,
  );
});

Deno.test("readText() refuses a program", async () => {
  assert.equal(
    await refusal(Uint8Array.of(0x7f, 0x45, 0x0a, 0)),
    "it is not text, there is a NUL byte in line 2: Name a configuration, in YAML",
  );
});

Deno.test("readText() refuses what is too large to be a configuration, and takes what is just not", async () => {
  const most = 64 * 1_024 * 1_024;
  assert.equal(
    await refusal(new Uint8Array(most + 1).fill(0x20)),
    "it is larger than 64 MiB: Name a configuration, in YAML and of at most 64 MiB",
  );
  assert.equal(await refusal(new Uint8Array(most).fill(0x20)), "");
});
