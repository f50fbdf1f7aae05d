/**
 * Opens the doors of the status app: a Unix socket in the run directory, and a TCP port if one is configured. The
 * socket's lock is also what keeps a second director off the run directory.
 *
 * @module
 */

import { dirname } from "node:path";
import type { ListenAddress } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { endpointText, isLoopback } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { StatusApp } from "./app.tsx";

export interface ServeOptions {
  readonly app: StatusApp;
  /** `null` means no TCP port. Port 0 means any free one. */
  readonly listen: ListenAddress | null;
  /** The token {@linkcode app} was made with; without one only loopback addresses are served. */
  readonly token: string | null;
  /** Its folder is made if it is missing. */
  readonly socketPath: string;
}

export interface StatusServer {
  /** Where the TCP port is open, or `null`. */
  readonly address: ListenAddress | null;
  /** Ends all answers under way, closes both doors and removes the socket. */
  close(): Promise<void>;
}

/** Takes away everything from others, and execution from all: the socket gets mode 0660. */
const SOCKET_UMASK = 0o117;

/** The longest path of a Unix socket on Linux, unix(7): 108 bytes with the closing zero. */
const LONGEST_SOCKET_PATH = 107;

function refuseRunDirectory(cause: unknown, runDir: string): Error {
  if (!(cause instanceof Deno.errors.PermissionDenied)) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new OperatorError(`Cannot use run directory "${runDir}": ${reason}`, ExitCode.UNAVAILABLE, {
      cause,
      remedy: "Choose another one with --run-dir",
    });
  }
  return new OperatorError(`Cannot write to run directory "${runDir}"`, ExitCode.NO_PERMISSION, {
    cause,
    remedy: "Run as root, or choose a folder of your own with --run-dir",
  });
}

function anotherDirector(runDir: string, pid: string): OperatorError {
  const which = pid === "" ? "" : ` (pid ${pid})`;
  return new OperatorError(
    `Another director is running on run directory "${runDir}"${which}`,
    ExitCode.UNAVAILABLE,
    {
      remedy: "Stop it first, or give this one a run directory of its own with --run-dir",
    },
  );
}

/**
 * Takes the run directory for this process. The kernel gives the lock back when the process ends, however it ends;
 * that makes a socket found under the lock a dead one, and two directors that start at once cannot both remove it.
 */
function lockRunDirectory(socketPath: string): Deno.FsFile {
  const runDir = dirname(socketPath);
  let file: Deno.FsFile | undefined;
  try {
    Deno.mkdirSync(runDir, { recursive: true, mode: 0o755 });
    file = Deno.openSync(`${socketPath}.lock`, { read: true, write: true, create: true, mode: 0o644 });
    if (!file.tryLockSync(true)) throw anotherDirector(runDir, readPid(file));
    file.truncateSync();
    file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
    return file;
  } catch (cause) {
    file?.close();
    throw cause instanceof OperatorError ? cause : refuseRunDirectory(cause, runDir);
  }
}

/** What whoever holds the lock has written into its file. */
function readPid(file: Deno.FsFile): string {
  const text = new Uint8Array(32);
  const length = file.readSync(text) ?? 0;
  return new TextDecoder().decode(text.subarray(0, length)).trim();
}

/** Removes a socket nobody listens on. Something that does listen, without holding the lock, is left alone. */
async function removeDeadSocket(socketPath: string): Promise<void> {
  try {
    (await Deno.connect({ transport: "unix", path: socketPath })).close();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.ConnectionRefused) {
      if (Deno.lstatSync(socketPath).isSocket) return Deno.removeSync(socketPath);
      throw new OperatorError(`"${socketPath}" is in the way: it is not a socket`, ExitCode.UNAVAILABLE, {
        remedy: "Remove it, or choose another run directory with --run-dir",
      });
    }
    throw refuseRunDirectory(error, dirname(socketPath));
  }
  throw anotherDirector(dirname(socketPath), "");
}

type Door = Deno.HttpServer<Deno.NetAddr> | Deno.HttpServer<Deno.UnixAddr>;

function openSocket(app: StatusApp, path: string, signal: AbortSignal): Door {
  const umask = Deno.umask(SOCKET_UMASK);
  try {
    return Deno.serve(
      { path, signal, onListen: () => {} },
      (request) => app.fetch(request, { isLocalSocket: true }),
    );
  } finally {
    Deno.umask(umask);
  }
}

function openPort(app: StatusApp, listen: ListenAddress, signal: AbortSignal): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(
      { hostname: listen.host, port: listen.port, signal, onListen: () => {} },
      (request) => app.fetch(request, { isLocalSocket: false }),
    );
  } catch (cause) {
    throw describePortFailure(cause, listen);
  }
}

function describePortFailure(cause: unknown, listen: ListenAddress): OperatorError {
  const where = endpointText(listen.host, listen.port);
  if (cause instanceof Deno.errors.AddrInUse) {
    return new OperatorError(`Cannot open the status port ${where}: it is taken`, ExitCode.UNAVAILABLE, {
      cause,
      remedy: `See who has it: ss -ltnp 'sport = :${listen.port}'; or change status.listen`,
    });
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new OperatorError(`Cannot open the status port ${where}: not allowed`, ExitCode.NO_PERMISSION, {
      cause,
      remedy: "Run as root, or choose a port from 1024 on in status.listen",
    });
  }
  const reason = cause instanceof Deno.errors.AddrNotAvailable
    ? "this machine does not have that address"
    : cause instanceof Error
    ? cause.message
    : String(cause);
  return new OperatorError(`Cannot open the status port ${where}: ${reason}`, ExitCode.UNAVAILABLE, {
    cause,
    remedy: "See the addresses there are: ip -br address; or change status.listen",
  });
}

/**
 * Opens both doors or, if one cannot be opened, none.
 *
 * @throws {OperatorError} If another director runs on the run directory, if the port is taken or not allowed, or if
 * it could be reached from other machines without a token.
 */
export async function serveStatus({ app, listen, token, socketPath }: ServeOptions): Promise<StatusServer> {
  if (listen !== null && token === null && !isLoopback(listen.host)) {
    throw new OperatorError(
      `Cannot open the status port ${
        endpointText(listen.host, listen.port)
      } without a token: other machines could reach it`,
      ExitCode.CONFIG,
      { remedy: "Set status.token, or listen on 127.0.0.1" },
    );
  }
  if (new TextEncoder().encode(socketPath).length > LONGEST_SOCKET_PATH) {
    throw new OperatorError(
      `Cannot use socket "${socketPath}": the path is longer than ${LONGEST_SOCKET_PATH} bytes`,
      ExitCode.UNAVAILABLE,
      { remedy: "Choose a shorter run directory with --run-dir" },
    );
  }

  const lock = lockRunDirectory(socketPath);
  // An abort, not shutdown(), which would wait for listeners of /events for ever.
  const stop = new AbortController();
  const doors: Door[] = [];
  // The socket's file goes with its listener.
  const close = async (): Promise<void> => {
    stop.abort();
    await Promise.all(doors.map((door) => door.finished));
    lock.close();
  };

  try {
    await removeDeadSocket(socketPath);
    doors.push(openSocket(app, socketPath, stop.signal));
    if (listen === null) return { address: null, close };
    const port = openPort(app, listen, stop.signal);
    doors.push(port);
    return { address: { host: listen.host, port: port.addr.port }, close };
  } catch (error) {
    await close();
    throw error;
  }
}
