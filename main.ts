/**
 * The command line of lvsdr: dispatch, `--help` and exit codes. Everything a command does lives in its own folder
 * and is imported only when the command runs, so that `lvsdr --help` needs neither libpcap nor root.
 *
 * @module
 */

import {
  Command,
  type CommandUnknownOpts,
  Help,
  InvalidArgumentError,
  Option,
} from "@commander-js/extra-typings";
import manifest from "./deno.json" with { type: "json" };
import { BREAK_NAMES } from "./lab/break_name.ts";
import { METHODS } from "./model/config.ts";
import { ExitCode } from "./model/exit_code.ts";
import { sortedErrors } from "./model/operator_error.ts";

const DEFAULT_RUN_DIR = "/run/lvsdr";

const encoder = new TextEncoder();
const io = {
  write: (text: string): void => writeAll(Deno.stdout, text),
  writeError: (text: string): void => writeAll(Deno.stderr, text),
  isTerminal: Deno.stdout.isTerminal(),
};

/** Writes all of `text`, unless its reader has left, as head(1) and a closed terminal do: then nobody wants the rest. */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = encoder.encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    const hasLeft = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Error && "code" in error && error.code === "EIO";
    if (!hasLeft) throw error;
  }
}

function wholeNumber(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < lowest || number > highest) {
      throw new InvalidArgumentError(`It must be a whole number from ${lowest} to ${highest}.`);
    }
    return number;
  };
}

function portArgument(text: string): { readonly port: number; readonly localPort: number | null } {
  const [port = "", ...local] = text.split(":");
  if (local.length > 1) throw new InvalidArgumentError("It must be a port such as 80, or 80:8080.");
  const parse = wholeNumber(1, 65535);
  return { port: parse(port), localPort: local[0] === undefined ? null : parse(local[0]) };
}

function oneOf<T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new InvalidArgumentError(`It must be one of ${choices.join(", ")}.`);
    return choice;
  };
}

function collect<T>(parse: (text: string) => T): (text: string, earlier: T[] | undefined) => T[] {
  return (text, earlier) => [...(earlier ?? []), parse(text)];
}

const runDirOption = () =>
  new Option("--run-dir <dir>", "folder of the control socket, the connection table and the undo journals")
    .default(DEFAULT_RUN_DIR).env("LVSDR_RUN_DIR");
const jsonOption = () => new Option("--json", "print JSON").default(false);
const configOption = () => new Option("-c, --config <file>", "cluster configuration (YAML)");

/**
 * The configuration a command cannot do without. Checked here because commander checks required options before unknown
 * ones, and would answer `--confg FILE` that -c is missing.
 */
function required(config: string | undefined, command: CommandUnknownOpts): string {
  return config ?? command.error("error: required option '-c, --config <file>' not specified");
}

function buildProgram(exit: (code: ExitCode) => void): CommandUnknownOpts {
  const program = new Command()
    .name("lvsdr")
    .description("A direct-routing load balancer: real servers answer clients themselves, past the director.")
    .version(manifest.version, "--version", "print the version")
    .helpOption("-h, --help", "show help")
    .showHelpAfterError("(add --help for usage)")
    .configureOutput({ writeOut: io.write, writeErr: io.writeError })
    .configureHelp({
      // A flag that is not given is off: nobody needs to be told.
      optionDescription(option) {
        return option.defaultValue === false
          ? option.description
          : Help.prototype.optionDescription.call(this, option);
      },
    })
    .exitOverride();

  program.command("director")
    .summary("run the load balancer")
    .description(
      "Owns the virtual IPs, picks a real server for every new connection and passes frames on by rewriting their " +
        "layer 2 header. SIGHUP reloads the configuration without losing a connection; SIGTERM and Ctrl-C stop it and " +
        "leave the host as it was.",
    )
    .addOption(configOption())
    .addOption(runDirOption())
    .addOption(
      new Option("--log-format <format>", "how events are logged").choices(["text", "json"]).default("text"),
    )
    .addOption(
      new Option("--undo", "only take back what a director that was killed has left").default(false)
        .conflicts(["config", "logFormat"]),
    )
    .action(async ({ config: file, runDir, logFormat, undo }, command) => {
      if (undo) {
        const { undoDirector } = await import("./director/undo.ts");
        return exit(await undoDirector({ runDir }, io));
      }
      const config = required(file, command);
      const { runDirector } = await import("./director/run.ts");
      exit(await runDirector({ config, runDir, logFormat: logFormat as "text" | "json" }, io));
    });

  program.command("realserver")
    .summary("harden this host: accept a VIP's traffic without ever answering ARP for it")
    .description(
      "Makes this host a correct direct-routing real server, verifies it, holds it until Ctrl-C and undoes it exactly. " +
        "VIPs come from --vip or from the cluster configuration, where the host finds itself among the servers.",
    )
    .addOption(configOption())
    .option("--vip <address>", "virtual IP; may be repeated", collect(String))
    .option(
      "--port <port[:local]>",
      "port of the VIP, for method redirect, and the port of this host it goes to; may be repeated",
      collect(portArgument),
    )
    .addOption(new Option("--protocol <name>", "protocol of --port (default: tcp)").choices(["tcp", "udp"]))
    .addOption(
      new Option("--method <name>", "how to solve the ARP problem").choices(["auto", ...METHODS]).default(
        "auto",
      ),
    )
    .option(
      "--interface <name>",
      "interface the VIP's traffic arrives on (default: the one whose subnet holds it)",
    )
    .option("--once", "apply, verify and exit; --undo takes it back", false)
    .option("--check", "only audit: change nothing, exit 1 if anything is wrong", false)
    .option("--print", "only print the plan as shell commands", false)
    .option("--undo", "only take back what an earlier run changed", false)
    .option("--no-repair", "while holding, report what drifts but do not repair it")
    .addOption(new Option("--json", "print the audit or the plan as JSON").default(false))
    .addOption(runDirOption())
    .action(async (options) => {
      const { runRealServer } = await import("./realserver/run.ts");
      exit(
        await runRealServer({
          ...options,
          noRepair: !options.repair,
          config: options.config ?? null,
          vips: options.vip ?? [],
          ports: options.port ?? [],
          protocol: (options.protocol ?? null) as "tcp" | "udp" | null,
          method: options.method as "auto" | typeof METHODS[number],
          interface: options.interface ?? null,
        }, io),
      );
    });

  program.command("check")
    .summary("validate a configuration")
    .description("Reports every error of a configuration at once, each with file, line and column.")
    .argument("<file>", "cluster configuration (YAML)")
    .addOption(jsonOption())
    .action(async (file, { json }) => {
      const { runCheck } = await import("./config/check_command.ts");
      exit(await runCheck(file, { json }, io));
    });

  program.command("schema")
    .summary("print the JSON Schema of the configuration")
    .description("Prints the JSON Schema of the configuration, for editors and CI.")
    .action(async () => {
      const { runSchema } = await import("./config/schema.ts");
      exit(runSchema(io));
    });

  program.command("status")
    .summary("show what a running director knows")
    .description(
      "Shows services, real servers and counters of the director on a run directory. Exits 1 when a service has no " +
        "usable server or an alarm stands, 69 when no director is running there.",
    )
    .addOption(jsonOption())
    .addOption(runDirOption())
    .action(async (options) => {
      const { runStatus } = await import("./status/status_command.ts");
      exit(await runStatus(options, io));
    });

  program.command("verify")
    .summary("prove direct routing from end to end, real server by real server")
    .description(
      "Asks every real server whether it keeps silent about its VIPs, and opens a connection to every port of every TCP " +
        "service at each real server's MAC, from an address that nobody has. Clients and a running director notice " +
        "nothing, applications see no connection. Run it on the director or on another host of the link. Exits 1 and " +
        "says what to type where something is broken.",
    )
    .argument("[service]", "name of the only service to verify")
    .addOption(configOption())
    .option("--interface <name>", "interface on the link of the real servers (default: by subnet)")
    .addOption(jsonOption())
    .addOption(runDirOption())
    .action(async (service, options, command) => {
      const config = required(options.config, command);
      const { runVerify } = await import("./sentinel/verify_command.ts");
      exit(
        await runVerify(
          { ...options, config, service: service ?? null, interface: options.interface ?? null },
          io,
        ),
      );
    });

  program.command("doctor")
    .summary("say what is wrong with this host's part in a cluster, and what to type")
    .description(
      "Looks at this host as a director or as a real server, and lists what is wrong, the worst first: what was seen and " +
        "where, why it is so, and the command that repairs it. A running director is asked for what it knows. Changes " +
        "nothing. Needs root. Exits 1 when something is wrong.",
    )
    .addOption(configOption())
    .addOption(
      new Option(
        "--role <name>",
        "what this host is (default: what runs here, else what the configuration says)",
      )
        .choices(["director", "realserver"]),
    )
    .addOption(jsonOption())
    .addOption(runDirOption())
    .action(async (options) => {
      const { runDoctor } = await import("./sentinel/doctor/doctor_command.ts");
      exit(
        await runDoctor({
          ...options,
          config: options.config ?? null,
          role: (options.role ?? null) as "director" | "realserver" | null,
        }, io),
      );
    });

  program.command("explain")
    .summary("say what a running director would do with a connection, and why")
    .description(
      "Works out what becomes of the first packet of a connection if it came now: which service matches, whether the " +
        "client may, what is known of it, what the scheduler goes by, which real server gets it, and in which frame. " +
        "Nothing is changed by asking: the next connection goes where this says. Exits 1 if no real server would get it.",
    )
    .argument("<client>", "ADDRESS or ADDRESS:PORT of the client, for IPv6 [ADDRESS]:PORT")
    .argument("<target>", "VIP:PORT, for IPv6 [VIP]:PORT")
    .addOption(new Option("--protocol <name>", "protocol of the port").choices(["tcp", "udp"]).default("tcp"))
    .addOption(jsonOption())
    .addOption(runDirOption())
    .action(async (client, target, options) => {
      const { runExplain } = await import("./director/explain_command.ts");
      exit(await runExplain({ ...options, client, target }, io));
    });

  program.command("lab")
    .summary("build a whole cluster in namespaces and prove that direct routing works")
    .description(
      "Builds client, switch, director and real servers as network namespaces of this machine and runs both roles " +
        "against real traffic. Proves that it works, leaves one real server unhardened (the ARP problem), types what the " +
        "director says against that, and proves again, in a quarter of a minute or so. Touches nothing outside its own " +
        "namespaces and cleans up, after Ctrl-C as well. Exits 0 only if all was as it must be.",
    )
    .option("--servers <n>", "real servers", wholeNumber(1, 20), 3)
    .addOption(
      new Option("--method <name>", "how real servers are hardened").choices(["auto", ...METHODS])
        .default("auto"),
    )
    .option("--ipv6", "VIP, clients and servers on IPv6", false)
    .option("--requests <n>", "requests of a round of proofs", wholeNumber(1, 100_000), 300)
    .option(
      `--break <what>`,
      `make a mistake, see who suffers and what lvsdr says, and mend it, in half a minute to two; may be repeated: ${
        BREAK_NAMES.join(", ")
      }`,
      collect(oneOf(BREAK_NAMES)),
    )
    .option(
      "--flush <times>",
      "break nothing, flush every neighbor cache so many times, a second apart, and see that nobody finds anything",
      wholeNumber(1, 86_400),
    )
    .option("--stay", "leave the cluster running until Ctrl-C, with its status page reachable", false)
    .addOption(jsonOption())
    .action(async (options) => {
      const { runLab } = await import("./lab/run.ts");
      exit(
        await runLab({
          ...options,
          method: options.method as "auto" | typeof METHODS[number],
          breaks: options.break ?? [],
          flushes: options.flush ?? null,
        }, io),
      );
    });

  program.command("lab-server", { hidden: true })
    .requiredOption("--name <name>", "name the server answers with")
    .requiredOption("--address <address>", "address it listens on")
    .option("--port <number>", "TCP port", wholeNumber(1, 65535), 80)
    .action(async (options) => {
      const { runLabServer } = await import("./lab/server.ts");
      exit(await runLabServer(options));
    });

  program.command("version").summary("print the version").action(() => {
    io.write(`${manifest.version}\n`);
    exit(ExitCode.OK);
  });

  return program;
}

/** Runs the command line and returns its exit code. */
async function main(args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = ExitCode.OK;
  const program = buildProgram((result) => code = result);
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("commander.")) {
      const asked = ["commander.helpDisplayed", "commander.version", "commander.help"].includes(
        String(error.code),
      );
      return asked && args.length > 0 ? ExitCode.OK : ExitCode.USAGE;
    }
    return reported(error);
  }
}

/** Prints the errors an operator is meant to read, and returns the exit code of the first. Throws any others then. */
function reported(error: unknown): ExitCode {
  const { told, defects } = sortedErrors(error);
  for (const { message, remedy } of told) {
    io.writeError(`lvsdr: ${message}\n`);
    if (remedy !== null) io.writeError(`  ${remedy.replaceAll("\n", "\n  ")}\n`);
  }
  if (defects.length > 1) throw new AggregateError(defects);
  if (defects.length > 0) throw defects[0];
  return told[0]!.exitCode;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
