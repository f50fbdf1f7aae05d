/**
 * Runs benches one after the other and prints what they found. `./dev bench --help` lists them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { Argument, Command } from "@commander-js/extra-typings";
import { ExitCode } from "../../model/exit_code.ts";
import { type Finding, progress, table } from "./report.ts";

interface Bench {
  readonly about: string;
  readonly program: string;
  /** Flags of V8 that it needs. */
  readonly v8Flags?: string;
}

/** Young generation in which no garbage is collected while allocations are counted; see allocation_meter.ts. */
const LARGE_YOUNG_GENERATION = "--min-semi-space-size=256,--max-semi-space-size=256";

const BENCHES: ReadonlyMap<string, Bench> = new Map([
  ["forward", { about: "frames a second, beside a C program", program: "forward_bench.ts" }],
  ["latency", {
    about: "round trips through the director, beside a C program and a direct path",
    program: "latency_bench.ts",
  }],
  ["connections", {
    about: "new TCP connections a second, beside a C program and a direct path",
    program: "connections_bench.ts",
  }],
  ["path", {
    about: "nanoseconds and bytes allocated per frame of the forwarding path alone",
    program: "path_bench.ts",
    v8Flags: LARGE_YOUNG_GENERATION,
  }],
  ["idle", { about: "processor time and memory of a director without traffic", program: "idle_bench.ts" }],
  ["table", { about: "operations of the connection table", program: "connection_table_bench.ts" }],
  ["schedulers", { about: "choices of the schedulers", program: "schedulers_bench.ts" }],
  ["fuzz", {
    about: "ten million hostile frames; ends with 1 at the first violation",
    program: "fuzz_bench.ts",
  }],
]);

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Runs a bench in a process of its own; returns `null` if it failed, about which it has told itself. */
async function run({ program, v8Flags }: Bench): Promise<Finding[] | null> {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--config", config, "--permission-set"],
      ...(v8Flags === undefined ? [] : [`--v8-flags=${v8Flags}`]),
      fileURLToPath(new URL(program, import.meta.url)),
    ],
    stdin: "null",
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  return success ? JSON.parse(new TextDecoder().decode(stdout)) : null;
}

/** Returns the exit code. */
async function main(names: readonly string[], isJson: boolean): Promise<ExitCode> {
  let isInterrupted = false;
  // Ctrl-C ends the bench that runs, which cleans up; the others are left out.
  Deno.addSignalListener("SIGINT", () => isInterrupted = true);
  const found: Record<string, readonly Finding[]> = {};
  const failed: string[] = [];
  for (const name of names) {
    if (isInterrupted) break;
    progress(`${name}: ${BENCHES.get(name)!.about}`);
    const findings = await run(BENCHES.get(name)!);
    if (findings === null) failed.push(name);
    else found[name] = findings;
    progress("");
  }
  print(isJson ? `${JSON.stringify(found, null, 2)}\n` : `${table(Object.values(found).flat())}\n`);
  if (failed.length > 0) progress(`failed: ${failed.join(", ")}`);
  return failed.length > 0 || isInterrupted ? ExitCode.FAILED : ExitCode.OK;
}

if (import.meta.main) {
  const command = new Command("./dev bench")
    .description(
      "Measures lvsdr on this machine, as root, in network namespaces of its own; all of it takes some six " +
        "minutes. A bar that is not met does not fail the run.",
    )
    .addArgument(new Argument("[name...]", "what to measure").choices([...BENCHES.keys()]))
    .option("--json", "print JSON, with the figures the results were made from")
    .addHelpText(
      "after",
      `\n${[...BENCHES].map(([name, { about }]) => `  ${name.padEnd(13)}${about}`).join("\n")}`,
    )
    .action(async (names, { json = false }) => {
      Deno.exitCode = await main(names.length > 0 ? names : [...BENCHES.keys()], json);
    });
  await command.parseAsync();
}
