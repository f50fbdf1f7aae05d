/**
 * The interfaces that VIPs are watched on, as the host has them now: each is opened as soon as it can be, and anew when
 * it has become another one. What is known of those who claim VIPs outlasts that.
 *
 * @module
 */

import { requireCommand } from "../host/command.ts";
import { type Link, readLinks } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { inOneLine, OperatorError } from "../model/operator_error.ts";
import { Watch, type WatchOptions } from "../sentinel/watch.ts";
import { findWatchPlaces, watchFilter, type WatchPlace } from "../sentinel/watch_place.ts";
import type { Alarm } from "../sentinel/watch_suspect.ts";
import { Wire } from "../sentinel/wire.ts";

/** The watch on one interface. */
interface Post {
  readonly watch: Watch;
  readonly place: WatchPlace;
  /** The configuration that the place was found for. */
  readonly config: Config;
  /** Those of its VIPs that are watched here, or were and nowhere else since. */
  readonly vips: readonly string[];
  /** `null` while the interface cannot be listened on. */
  readonly wire: Wire | null;
}

export class WatchPosts implements Disposable {
  readonly #options: Pick<WatchOptions, "serverOf" | "defend">;
  /** MACs of this host's interfaces. */
  readonly #ownMacs = new Set<string>();
  /** By name of the interface. */
  readonly #posts = new Map<string, Post>();
  /** Totals of wires and watches that are gone. */
  readonly #past = { defences: 0, missed: 0 };
  #unwatched: ReadonlyMap<string, string> = new Map();

  constructor(options: Pick<WatchOptions, "serverOf" | "defend">) {
    this.#options = options;
  }

  /**
   * Brings the posts in line with a configuration and with the host. Never to be called twice at a time.
   *
   * @param device Interface of the VIPs.
   * @returns Whether all went well. A VIP whose interface is down, or is not there, is nothing to try again.
   * @throws {OperatorError} If the host cannot be looked at; see {@linkcode excuse}.
   */
  async settle(config: Config, device: string): Promise<boolean> {
    return this.#occupy(config, device, await readLinks(), await kernelNeighbors());
  }

  /** Takes note of why those of these VIPs that nobody watches over yet are not. */
  excuse(vips: readonly string[], reason: string): void {
    const heard = new Set([...this.#open()].flatMap((post) => post.vips));
    this.#unwatched = reasons(vips.filter((vip) => !heard.has(vip)), reason);
  }

  /**
   * Listens and asks on all interfaces.
   *
   * @returns Whether all of them could be used; one that could not is closed.
   */
  step(nowMs: number): boolean {
    let isInOrder = true;
    for (const { wire, watch, place, vips } of this.#open()) {
      try {
        wire.step([watch], nowMs);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        this.#close(place.link.name);
        this.#unwatched = new Map([...this.#unwatched, ...reasons(vips, inOneLine(error))]);
        isInOrder = false;
      }
    }
    return isInOrder;
  }

  /** VIPs that nobody watches over, and why. */
  get unwatched(): ReadonlyMap<string, string> {
    return this.#unwatched;
  }

  /** Alarms that stand. Those of an interface that cannot be listened on do: nobody has seen them end. */
  get alarms(): Alarm[] {
    return [...this.#posts.values()].flatMap(({ watch, vips }) =>
      watch.alarms.filter(({ vip }) => vips.includes(vip))
    );
  }

  /** Times a VIP was announced because of a claim. */
  get defences(): number {
    return [...this.#posts.values()].reduce((sum, { watch }) => sum + watch.defences, this.#past.defences);
  }

  /** Frames that came too fast to be looked at. */
  get missed(): number {
    return [...this.#open()].reduce((sum, { wire }) => sum + wire.missed, this.#past.missed);
  }

  [Symbol.dispose](): void {
    for (const name of this.#posts.keys()) this.#close(name);
  }

  #occupy(config: Config, device: string, links: readonly Link[], taken: ReadonlySet<string>): boolean {
    const { places, unseen } = findWatchPlaces(config, device, links, taken);
    this.#ownMacs.clear();
    for (const { mac } of links) if (mac !== null) this.#ownMacs.add(mac);
    const unwatched = reasons(unseen, "this host has no address of its subnet in the VLAN");
    for (const name of [...this.#posts.keys()]) {
      if (!places.some(({ link }) => link.name === name)) this.#vacate(name, unseen);
    }
    let isInOrder = true;
    for (const place of places) {
      const { name, index } = place.link;
      if (!links.find((link) => link.index === index)!.isUp) {
        this.#close(name);
        reasons(place.watched.vips, `${name} is down (ip link set ${name} up)`, unwatched);
        continue;
      }
      try {
        this.#man(place, config);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        this.#close(name);
        reasons(place.watched.vips, inOneLine(error), unwatched);
        isInOrder = false;
      }
    }
    this.#unwatched = unwatched;
    return isInOrder;
  }

  /** Opens the interface of a place, unless it is open for the same. */
  #man(place: WatchPlace, config: Config): void {
    const { link, watched } = place;
    const post = this.#posts.get(link.name);
    const isSame = post?.config === config && isAlike(post.place, place);
    // The decoys of a place are others every time, and the filter knows those it was made for.
    const lasting = isSame ? { link, watched: { ...watched, decoys: post.place.watched.decoys } } : place;
    let wire = isSame ? post.wire : null;
    if (wire === null) {
      wire = Wire.open(link, watchFilter(lasting.watched));
      this.#close(link.name);
    }
    const watch = post?.watch ?? new Watch(wire, { ...this.#options, ownMacs: this.#ownMacs });
    watch.adopt(wire, lasting.watched, performance.now());
    this.#posts.set(link.name, { watch, wire, config, place: lasting, vips: watched.vips });
  }

  /** Gives up an interface that is no place for a VIP any more, but not what is known of VIPs that have no other. */
  #vacate(name: string, unseen: readonly string[]): void {
    this.#close(name);
    const post = this.#posts.get(name)!;
    const vips = post.vips.filter((vip) => unseen.includes(vip));
    if (vips.length > 0) {
      this.#posts.set(name, { ...post, vips });
      return;
    }
    this.#past.defences += post.watch.defences;
    this.#posts.delete(name);
  }

  /** Posts that can listen. */
  *#open(): Generator<Post & { readonly wire: Wire }> {
    for (const post of this.#posts.values()) {
      if (post.wire !== null) yield { ...post, wire: post.wire };
    }
  }

  /** Lets go of an interface, if it is open. */
  #close(name: string): void {
    const post = this.#posts.get(name);
    if (post === undefined || post.wire === null) return;
    this.#past.missed += post.wire.missed;
    post.wire[Symbol.dispose]();
    this.#posts.set(name, { ...post, wire: null });
  }
}

/** Adds the reason why they are not watched for some VIPs. */
function reasons(vips: readonly string[], reason: string, into = new Map<string, string>()) {
  for (const vip of vips) into.set(vip, reason);
  return into;
}

/** Whether the same VIPs are watched on the same interface. */
function isAlike(one: WatchPlace, other: WatchPlace): boolean {
  return one.link.index === other.link.index && one.link.mac === other.link.mac &&
    one.watched.vips.join() === other.watched.vips.join();
}

/** Addresses that this host's kernel has to do with: asking for one of them might mislead it. */
async function kernelNeighbors(): Promise<Set<string>> {
  const json = await requireCommand("ip", ["-json", "neighbor", "show"]);
  return new Set((JSON.parse(json || "[]") as readonly { readonly dst: string }[]).map(({ dst }) => dst));
}
