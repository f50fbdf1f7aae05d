/**
 * Real requests of a lab's client, all made by curl(1).
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { LabDirectory } from "./lab_directory.ts";
import { deterministicBytes, digest } from "./server.ts";
import { Process } from "./namespace.ts";
import { hostOfUrl } from "../model/ip_address.ts";
import { HTTP_PORT, INTERFACE, type LabHost } from "./topology.ts";

/** Every request a connection of its own. */
const CURL = ["--silent", "--header", "Connection: close"];
/** None that hangs, and none that is given up because the machine is busy. */
const PATIENCE = ["--connect-timeout", "10", "--max-time", "60"];
/** Enough on a network of one machine, for who expects to be disappointed. */
const LITTLE_PATIENCE = ["--connect-timeout", "1", "--max-time", "2"];

/** The same for a transfer, which takes two seconds. */
const LONG_LITTLE_PATIENCE = ["--connect-timeout", "1", "--max-time", "8"];
const SLOW_BYTES = 800_000;
const FORGET_INTERVAL_MS = 100;

const REQUESTS_AT_A_TIME = 8;

/** Failures from the very first request on after which the rest is not tried. */
const HOPELESS_FAILURES = 3 * REQUESTS_AT_A_TIME;

/** What is asked for. */
export interface RequestPlan {
  readonly vip: string;
  readonly count: number;
  /** Whether a request that is not answered is given up after a second or two. */
  readonly isHasty: boolean;
}

/** What became of one request. */
export interface RequestResult {
  /** The name the answer carries, or `null` if there was no good answer. */
  readonly server: string | null;
  /** The client's TCP port. */
  readonly port: number;
}

/**
 * Sends requests to the VIP, each on a new connection, and reports each one when it is done. Gives up if none at all
 * is answered.
 *
 * @param signal Ends the traffic early.
 */
export async function sendRequests(
  client: LabHost,
  { vip, count, isHasty }: RequestPlan,
  signal: AbortSignal,
  onResult: (result: RequestResult) => void,
): Promise<void> {
  const args = [
    ...CURL,
    ...(isHasty ? LITTLE_PATIENCE : PATIENCE),
    ...["--parallel", "--parallel-immediate", "--parallel-max", String(REQUESTS_AT_A_TIME)],
    "--no-progress-meter",
    // Standard error is not buffered: results arrive one by one, as they happen.
    ...[
      "--output",
      "/dev/null",
      "--write-out",
      "%{stderr}%{http_code} %{local_port} %header{x-real-server}\n",
    ],
    `${urlOf(vip)}/?request=[1-${count}]`,
  ];
  const child = client.namespace.open("curl", args, "null");
  const process = new Process(child);
  const stop = () => process.signal("SIGTERM");
  signal.addEventListener("abort", stop);
  try {
    let rest = "";
    let failuresAtFirst: number | null = 0;
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const result of lines.map(requestResult)) {
        onResult(result);
        if (failuresAtFirst !== null) failuresAtFirst = result.server === null ? failuresAtFirst + 1 : null;
      }
      if (failuresAtFirst !== null && failuresAtFirst >= HOPELESS_FAILURES) stop();
    }
    await process.ended;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  signal.throwIfAborted();
}

function requestResult(line: string): RequestResult {
  const [status, port, server] = line.split(" ");
  return { server: status === "200" && server ? server : null, port: Number(port) };
}

/** The MAC address a client learns for the VIP when it has to ask anew, or `null` if nobody answers. */
export async function learnMacOfVip(client: LabHost, vip: string): Promise<string | null> {
  await client.namespace.ip([`neigh flush dev ${INTERFACE}`]);
  // Asking is what counts; an answer that takes longer than this is judged elsewhere.
  await client.namespace.run("curl", [
    ...CURL,
    ...LITTLE_PATIENCE,
    "--output",
    "/dev/null",
    `${urlOf(vip)}/`,
  ]);
  return await believedMacOfVip(client, vip);
}

/** The MAC address a client takes for the VIP's, or `null` if it knows none. */
export async function believedMacOfVip(client: LabHost, vip: string): Promise<string | null> {
  const entries = await client.namespace.ip([`neigh show to ${vip} dev ${INTERFACE}`]);
  return /lladdr (\S+)/.exec(entries)?.[1] ?? null;
}

/** What both ends say of one large transfer. */
export interface Transfer {
  /** Bytes that should have arrived. */
  readonly bytes: number;
  readonly sentSha256: string;
  /** `null` if the transfer failed. */
  readonly receivedSha256: string | null;
}

/** Downloads `bytes` bytes through the VIP; the client's sha256sum(1) says what arrived. */
export async function download(client: LabHost, vip: string, bytes: number): Promise<Transfer> {
  const { sha256 } = await digest(deterministicBytes(bytes));
  const url = `${urlOf(vip)}/bytes/${bytes}`;
  const script = 'url=$1; shift; curl "$@" "$url" | sha256sum';
  const { stdout } = await client.namespace.run("sh", ["-c", script, "sh", url, ...CURL, ...PATIENCE]);
  return { bytes, sentSha256: sha256, receivedSha256: /^[0-9a-f]{64}/.exec(stdout)?.[0] ?? null };
}

/**
 * Downloads slowly through the VIP while the client forgets, ten times a second, who has it.
 *
 * @returns Whether everything arrived.
 */
export async function transferWhileForgetting(client: LabHost, vip: string): Promise<boolean> {
  const args = ["--limit-rate", "400k", "--output", "/dev/null", `${urlOf(vip)}/bytes/${SLOW_BYTES}`];
  let isOver = false;
  const transfer = async () => {
    try {
      return await client.namespace.run("curl", [...CURL, ...LONG_LITTLE_PATIENCE, ...args]);
    } finally {
      isOver = true;
    }
  };
  const forget = async () => {
    while (!isOver) {
      await client.namespace.ip([`neigh flush dev ${INTERFACE}`]);
      await delay(FORGET_INTERVAL_MS);
    }
  };
  const [{ code }] = await Promise.all([transfer(), forget()]);
  return code === 0;
}

/** Uploads `bytes` bytes through the VIP; the real server says what arrived. */
export async function upload(
  client: LabHost,
  vip: string,
  bytes: number,
  directory: LabDirectory,
): Promise<Transfer> {
  const path = directory.file("upload");
  await Deno.writeFile(path, deterministicBytes(bytes));
  const { sha256 } = await digest(deterministicBytes(bytes));
  const { stdout } = await client.namespace.run("curl", [
    ...CURL,
    ...PATIENCE,
    ...["--upload-file", path, `${urlOf(vip)}/sha256`],
  ]);
  await Deno.remove(path);
  const [received, length] = stdout.trim().split(" ");
  return { bytes, sentSha256: sha256, receivedSha256: Number(length) === bytes ? received! : null };
}

/** Address of the VIP's web server, without a path. */
export function urlOf(vip: string): string {
  return `http://${hostOfUrl(vip)}:${HTTP_PORT}`;
}
