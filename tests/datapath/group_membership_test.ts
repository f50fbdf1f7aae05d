/**
 * What kernel and switch know of the groups that lvsdr joins: a bridge of the kernel listens to MLD as a switch does.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect, Namespace } from "../../lab/namespace.ts";

const ignore = Deno.uid() !== 0;
const needing = ignore ? " (skipped: needs root)" : "";

const VIPS = ["2001:db8::dead:beef", "2001:db8::1:2"];
const GROUPS = ["ff02::1:ffad:beef", "ff02::1:ff01:2"];

/** A host and the bridge it is connected to. */
class Network implements AsyncDisposable {
  readonly host: Namespace;
  readonly bridge: Namespace;

  private constructor(host: Namespace, bridge: Namespace) {
    this.host = host;
    this.bridge = bridge;
  }

  static async create(): Promise<Network> {
    const network = new Network(
      await Namespace.create(`lvgh${Deno.pid}`),
      await Namespace.create(`lvgb${Deno.pid}`),
    );
    const { host, bridge } = network;
    await bridge.ip(["link add br0 type bridge mcast_snooping 1", "link set br0 up"]);
    // The kernel must not be left to choose: it would take the first of two.
    await connect({ namespace: host, interface: "other0" }, { namespace: bridge, interface: "other0" });
    await connect({ namespace: host, interface: "lvg0" }, { namespace: bridge, interface: "port0" });
    await bridge.ip(["link set port0 master br0"]);
    return network;
  }

  /** Groups of {@linkcode GROUPS} that the host's kernel listens to. */
  async joined(): Promise<string[]> {
    const listing = await this.host.require("ip", ["-6", "maddr", "show", "dev", "lvg0"]);
    return GROUPS.filter((group) => listing.includes(`${group}\n`) || listing.includes(`${group} `));
  }

  /** Returns when the bridge delivers every group to the host. */
  async bridgeKnows(groups: readonly string[]): Promise<void> {
    let listing = "";
    for (let tries = 0; tries < 200; tries++) {
      listing = await this.bridge.require("bridge", ["mdb", "show", "dev", "br0"]);
      if (groups.every((group) => listing.includes(`port port0 grp ${group} `))) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`the bridge does not know all of ${groups.join(", ")}:\n${listing}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Namespace.remove(this.host.name);
    await Namespace.remove(this.bridge.name);
  }
}

/** group_member.ts in a namespace. */
class Member implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  constructor(namespace: Namespace) {
    const script = new URL("./group_member.ts", import.meta.url).pathname;
    this.#child = new Deno.Command("ip", {
      args: ["netns", "exec", namespace.name, Deno.execPath(), "run", "-q", "-A", script],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** What {@linkcode GroupMembership.set} has to say about the addresses. */
  set(addresses: readonly string[]): Promise<unknown> {
    return this.#ask(addresses);
  }

  /** What {@linkcode VipGroups} reports when it is to follow the addresses, or at a tick. */
  at(nowMs: number, follow?: readonly string[]): Promise<unknown> {
    return this.#ask({ nowMs, follow });
  }

  async #ask(order: unknown): Promise<unknown> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
    const { value = "" } = await this.#lines.read();
    assert.match(value, /\n$/, "the answer is not whole");
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#lines.cancel();
    await this.#child.status;
  }
}

Deno.test(
  `a switch that listens to MLD delivers solicitations for the VIPs${needing}`,
  { ignore },
  async () => {
    await using network = await Network.create();
    {
      await using member = new Member(network.host);
      assert.equal(await member.set([...VIPS, "192.0.2.10"]), null);
      assert.deepEqual(await network.joined(), GROUPS);
      await network.bridgeKnows(GROUPS);
      assert.equal(await member.set([...VIPS.slice(1), "2001:db8:1::1:2"]), null);
      assert.deepEqual(await network.joined(), GROUPS.slice(1));
      assert.equal(await member.set(VIPS), null);
      assert.deepEqual(await network.joined(), GROUPS);
    }
    assert.deepEqual(await network.joined(), []);
  },
);

Deno.test(
  `IPv6 VIPs on an interface without IPv6 are refused with the remedy${needing}`,
  { ignore },
  async () => {
    await using network = await Network.create();
    await using member = new Member(network.host);
    await network.host.setSysctls({ "net.ipv6.conf.lvg0.disable_ipv6": 1 });
    assert.equal(await member.set(["192.0.2.10"]), null);
    const refusal = {
      message: 'The services have IPv6 addresses, but IPv6 is switched off on "lvg0"',
      remedy: "sysctl -w net.ipv6.conf.lvg0.disable_ipv6=0",
    };
    assert.deepEqual(await member.set(VIPS), refusal);
    const [program, ...args] = refusal.remedy.split(" ");
    await network.host.require(program!, args);
    assert.equal(await member.set(VIPS), null);
    assert.deepEqual(await network.joined(), GROUPS);
  },
);

Deno.test(`more groups than the kernel lets one socket join are refused with the remedy${needing}`, {
  ignore,
}, async () => {
  await using network = await Network.create();
  await using member = new Member(network.host);
  const many = Array.from({ length: 60_000 }, (_, index) => `2001:db8::1:${(index + 1).toString(16)}`);
  const refusal = await member.set(many) as { message: string; remedy: string };
  assert.match(
    refusal.message,
    /^Cannot join the multicast groups .* "lvg0": setsockopt 41\/20: Cannot allocate/,
  );
  assert.match(refusal.remedy, /^sysctl -w net\.core\.optmem_max=\d+/);
  // What was joined before the refusal is not joined again.
  assert.equal(await member.set(many.slice(0, 20)), null);
  assert.equal(await member.set(VIPS), null);
  assert.deepEqual(await network.joined(), GROUPS);
});

Deno.test(`VIPs that come while IPv6 is off have their groups joined when it is back${needing}`, {
  ignore,
}, async () => {
  await using network = await Network.create();
  await using member = new Member(network.host);
  assert.deepEqual(await member.at(0, VIPS.slice(1)), []);
  await network.host.setSysctls({ "net.ipv6.conf.lvg0.disable_ipv6": 1 });
  assert.deepEqual(await member.at(0, VIPS), [{
    kind: "groupsRefused",
    message: 'The services have IPv6 addresses, but IPv6 is switched off on "lvg0"',
    remedy: "sysctl -w net.ipv6.conf.lvg0.disable_ipv6=0",
  }]);
  assert.deepEqual(await member.at(1_000), [], "the same reason is no news");
  await network.host.setSysctls({ "net.ipv6.conf.lvg0.disable_ipv6": 0 });
  assert.deepEqual(await member.at(1_999), [], "it is tried once a second");
  assert.deepEqual(await member.at(2_000), [{ kind: "groupsJoined" }]);
  assert.deepEqual(await network.joined(), GROUPS);
  assert.deepEqual(await member.at(9_000), []);
});
