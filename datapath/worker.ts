/**
 * The program of a Worker: between the messages of the control plane and the {@linkcode WorkerDatapath} that they are
 * for.
 *
 * @module
 */

import { OperatorError } from "../model/operator_error.ts";
import type { FromDatapath, ToDatapath } from "./messages.ts";
import { type BetweenBreaths, WorkerDatapath } from "./worker_datapath.ts";

declare const self: DedicatedWorkerGlobalScope;

function post(message: FromDatapath): void {
  self.postMessage(message);
}

function postFault(error: unknown): void {
  if (error instanceof OperatorError) {
    post({ kind: "fault", message: error.message, remedy: error.remedy, exitCode: error.exitCode });
  } else {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    post({ kind: "fault", message, remedy: null, exitCode: null });
  }
}

const inbox: BetweenBreaths[] = [];
let datapath: WorkerDatapath | null = null;
self.onmessage = async ({ data: message }: MessageEvent<ToDatapath>) => {
  switch (message.kind) {
    case "start":
      try {
        datapath = new WorkerDatapath(message.start, post);
      } catch (error) {
        postFault(error);
      }
      break;
    case "forward":
      await datapath?.run(inbox).catch(postFault);
      post({ kind: "halted" });
      break;
    case "close":
      datapath?.close();
      post({ kind: "stopped" });
      self.close();
      break;
    default:
      inbox.push(message);
  }
};
