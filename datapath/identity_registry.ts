/**
 * Small numbers for the things a connection refers to (a VIP, a service, a real server of a service), kept in the
 * same memory as the connections: after a restart, maybe under another configuration, a number still means the same.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";

const RECORD_BYTES = 192;
const TEXT_BYTES = RECORD_BYTES - 2;

/** What a registry must know of its numbers before it gives one to another text. */
export interface IdentityUse {
  /** Whether anything refers to a number. */
  isReferred(number: number): boolean;
  /** The number is going to stand for something else. */
  forget(number: number): void;
}

/** Maps texts to numbers from 1 to {@linkcode IdentityRegistry.LIMIT} − 1. */
export class IdentityRegistry {
  /** Numbers there are; 0 is never given. */
  static readonly LIMIT = 16_384;
  /** Bytes of memory it needs. */
  static readonly BYTES = IdentityRegistry.LIMIT * RECORD_BYTES;

  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #numbers = new Map<string, number>();
  readonly #texts: (string | undefined)[] = [];
  #next = 1;
  #reclaimAt = 1;

  /** @param memory {@linkcode BYTES} bytes, zeroed. Owned by the caller. */
  constructor(memory: Uint8Array) {
    this.#memory = memory;
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  }

  /** Texts by number in memory that an earlier process left; broken records are left out. */
  static read(memory: Uint8Array): Map<number, string> {
    const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const texts = new Map<number, string>();
    for (let number = 1; number < IdentityRegistry.LIMIT; number++) {
      const at = number * RECORD_BYTES;
      const bytes = view.getUint16(at, true);
      if (bytes === 0 || bytes > TEXT_BYTES) continue;
      try {
        texts.set(number, decoder.decode(memory.slice(at + 2, at + 2 + bytes)));
      } catch {
        continue;
      }
    }
    return texts;
  }

  /**
   * Number of `text`, a new one if need be.
   *
   * @param use Once every number has been given, those that nothing refers to are given anew.
   * @throws {OperatorError} If every number is referred to.
   * @throws {RangeError} If the text has more than 190 bytes of UTF-8.
   */
  numberOf(text: string, use: IdentityUse): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > TEXT_BYTES) {
      throw new RangeError(`Cannot name "${text}": it is longer than ${TEXT_BYTES} bytes`);
    }
    const number = this.#next < IdentityRegistry.LIMIT ? this.#next++ : this.#reclaim(use);
    const at = number * RECORD_BYTES;
    this.#view.setUint16(at, 0, true);
    this.#memory.set(bytes, at + 2);
    this.#view.setUint16(at, bytes.length, true);
    this.#numbers.set(text, number);
    this.#texts[number] = text;
    return number;
  }

  /** Text of a number that has been given, or `undefined`. */
  textOf(number: number): string | undefined {
    return this.#texts[number];
  }

  #reclaim(use: IdentityUse): number {
    for (let looked = 1; looked < IdentityRegistry.LIMIT; looked++) {
      const number = this.#reclaimAt;
      this.#reclaimAt = number + 1 === IdentityRegistry.LIMIT ? 1 : number + 1;
      if (use.isReferred(number)) continue;
      this.#numbers.delete(this.#texts[number]!);
      use.forget(number);
      return number;
    }
    throw new OperatorError(
      `Cannot tell more than ${
        IdentityRegistry.LIMIT - 1
      } services, VIPs and real servers of services apart, ` +
        "those that connections are still with among them",
      ExitCode.CONFIG,
      {
        remedy: "Use fewer, or replace them in several steps, each when the connections before it have ended",
      },
    );
  }
}
