import assert from "node:assert/strict";
import type { HealthCheck } from "../../model/config.ts";
import { type CheckResult, HealthMonitor, type HealthTarget, type Timers } from "../../health/mod.ts";

/** A clock that stands still until it is told to go on; runs what is due in order. */
class ManualTimers implements Timers {
  #nowMs = 0;
  #timers = new Map<number, { atMs: number; run: () => void }>();
  #last = 0;

  monotonicMs(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return Date.UTC(2030, 0, 1) + this.#nowMs;
  }

  start(delayMs: number, run: () => void): number {
    this.#timers.set(++this.#last, { atMs: this.#nowMs + delayMs, run });
    return this.#last;
  }

  cancel(timer: number): void {
    this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs)
        .sort(([a, { atMs: aMs }], [b, { atMs: bMs }]) => aMs - bMs || a - b)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#nowMs = due[1].atMs;
      due[1].run();
      // Lets the promises of a check that ends at once run their course.
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
    this.#nowMs = endMs;
  }
}

const CHECK: HealthCheck = { type: "tcp", port: 80, intervalMs: 1_000, timeoutMs: 500, rise: 2, fall: 3 };

function target(key: string, address: string, check: HealthCheck = CHECK): HealthTarget {
  return { key, address, vip: "192.0.2.10", check };
}

/** A monitor under a manual clock, over servers that answer what the test says. */
class Rig {
  readonly timers = new ManualTimers();
  readonly failing = new Set<string>();
  readonly asked: string[] = [];
  readonly transitions: string[] = [];
  readonly results: string[] = [];
  /** Set to make checks wait. */
  answer: Promise<void> | null = null;
  aborted = 0;

  readonly monitor = new HealthMonitor({
    timers: this.timers,
    onTransition: ({ key }, state, result) =>
      this.transitions.push(`${key} ${state} ${result.at.slice(17, 23)}`),
    onResult: ({ key }, { passed }) => this.results.push(`${key} ${passed}`),
    createChecker: ({ address }) => ({
      check: async (_timeoutMs: number, signal: AbortSignal): Promise<CheckResult> => {
        this.asked.push(`${address} at ${this.timers.monotonicMs()}`);
        signal.addEventListener("abort", () => this.aborted++);
        if (this.answer) await this.answer;
        return { passed: !this.failing.has(address), message: `TEST ${address}`, durationMs: 1 };
      },
    }),
  });
}

Deno.test("HealthMonitor brings a new target up with its first success and down after `fall` failures", async () => {
  const rig = new Rig();
  rig.monitor.reconcile([target("a", "10.0.0.1")]);
  assert.equal(rig.monitor.state("a"), "down");
  assert.equal(rig.monitor.lastResult("a"), null);
  await rig.timers.advance(0);
  assert.equal(rig.monitor.state("a"), "up");
  assert.deepEqual(rig.monitor.lastResult("a"), {
    passed: true,
    message: "TEST 10.0.0.1",
    durationMs: 1,
    at: "2030-01-01T00:00:00.000Z",
  });
  rig.failing.add("10.0.0.1");
  await rig.timers.advance(2_000);
  assert.equal(rig.monitor.state("a"), "up");
  await rig.timers.advance(1_000);
  assert.equal(rig.monitor.state("a"), "down");
  rig.failing.clear();
  await rig.timers.advance(2_000);
  assert.deepEqual(rig.transitions, ["a up 00.000", "a down 03.000", "a up 05.000"]);
  assert.deepEqual(rig.results.map((result) => result === "a true"), [true, false, false, false, true, true]);
});

Deno.test("HealthMonitor says nothing of a target that is down from the start", async () => {
  const rig = new Rig();
  rig.failing.add("10.0.0.1");
  rig.monitor.reconcile([target("a", "10.0.0.1")]);
  await rig.timers.advance(5_000);
  assert.deepEqual(rig.transitions, []);
  assert.equal(rig.monitor.lastResult("a")?.passed, false);
});

Deno.test("HealthMonitor spreads first checks over 200 ms and counts intervals from start to start", async () => {
  const rig = new Rig();
  rig.monitor.reconcile(["1", "2", "3", "4"].map((n) => target(n, `10.0.0.${n}`)));
  await rig.timers.advance(1_100);
  assert.deepEqual(rig.asked, [
    "10.0.0.1 at 0",
    "10.0.0.2 at 50",
    "10.0.0.3 at 100",
    "10.0.0.4 at 150",
    "10.0.0.1 at 1000",
    "10.0.0.2 at 1050",
    "10.0.0.3 at 1100",
  ]);
});

Deno.test("HealthMonitor shares a check through the VIP only among targets with the same VIP", async () => {
  const rig = new Rig();
  const check: HealthCheck = { ...CHECK, type: "dr" };
  const through = (key: string, vip: string) => ({ key, address: "10.0.0.1", vip, check });
  rig.monitor.reconcile([through("a", "192.0.2.10"), through("b", "192.0.2.11"), through("c", "192.0.2.10")]);
  await rig.timers.advance(200);
  assert.equal(rig.asked.length, 2);
  assert.equal(rig.results.length, 3);
});

Deno.test("HealthMonitor makes no check through the VIP by itself", () => {
  const monitor = new HealthMonitor({ onTransition: () => {} });
  const check: HealthCheck = { ...CHECK, type: "dr" };
  assert.throws(() => monitor.reconcile([target("a", "10.0.0.1", check)]), /of its owner's/);
});

Deno.test("HealthMonitor never runs two checks of one target at a time, and catches up at once", async () => {
  const rig = new Rig();
  const slow = Promise.withResolvers<void>();
  rig.answer = slow.promise;
  rig.monitor.reconcile([target("a", "10.0.0.1")]);
  await rig.timers.advance(2_500);
  assert.deepEqual(rig.asked, ["10.0.0.1 at 0"]);
  rig.answer = null;
  slow.resolve();
  await slow.promise;
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  await rig.timers.advance(1_000);
  assert.deepEqual(rig.asked, ["10.0.0.1 at 0", "10.0.0.1 at 2500", "10.0.0.1 at 3500"]);
});

Deno.test("HealthMonitor keeps state and schedule of a target that stays", async () => {
  const rig = new Rig();
  rig.monitor.reconcile([target("a", "10.0.0.1")]);
  await rig.timers.advance(600);
  rig.monitor.reconcile([target("b", "10.0.0.2"), target("a", "10.0.0.1")]);
  assert.equal(rig.monitor.state("a"), "up");
  await rig.timers.advance(400);
  assert.deepEqual(rig.asked, ["10.0.0.1 at 0", "10.0.0.2 at 600", "10.0.0.1 at 1000"]);
  assert.deepEqual(rig.transitions.filter((line) => line.startsWith("a")), ["a up 00.000"]);
});

Deno.test("HealthMonitor keeps the state of a target whose check changes, and asks anew at once", async () => {
  const rig = new Rig();
  rig.monitor.reconcile([target("a", "10.0.0.1")]);
  await rig.timers.advance(500);
  rig.failing.add("10.0.0.1");
  rig.monitor.reconcile([target("a", "10.0.0.1", { ...CHECK, port: 81, fall: 2 })]);
  await rig.timers.advance(0);
  assert.deepEqual(rig.asked, ["10.0.0.1 at 0", "10.0.0.1 at 500"]);
  assert.equal(rig.monitor.state("a"), "up");
  await rig.timers.advance(1_000);
  assert.equal(rig.monitor.state("a"), "down");
});

Deno.test("HealthMonitor starts from down when the address under a key changes", async () => {
  const rig = new Rig();
  rig.monitor.reconcile([target("a", "10.0.0.1")]);
  await rig.timers.advance(0);
  rig.monitor.reconcile([target("a", "10.0.0.2")]);
  assert.equal(rig.monitor.state("a"), "down");
  assert.equal(rig.monitor.lastResult("a"), null);
});

Deno.test("HealthMonitor runs identical checks of several services once, with each one's rise and fall", async () => {
  const rig = new Rig();
  rig.monitor.reconcile([target("web/1", "10.0.0.1"), target("api/1", "10.0.0.1", { ...CHECK, fall: 1 })]);
  await rig.timers.advance(500);
  rig.failing.add("10.0.0.1");
  await rig.timers.advance(2_500);
  assert.equal(rig.asked.length, 4);
  assert.deepEqual(rig.transitions, [
    "web/1 up 00.000",
    "api/1 up 00.000",
    "api/1 down 01.000",
    "web/1 down 03.000",
  ]);
});

Deno.test("HealthMonitor lets a new target take over the result of an identical check", async () => {
  const rig = new Rig();
  rig.monitor.reconcile([target("web/1", "10.0.0.1")]);
  await rig.timers.advance(500);
  rig.monitor.reconcile([target("web/1", "10.0.0.1"), target("api/1", "10.0.0.1")]);
  assert.equal(rig.monitor.state("api/1"), "up");
  assert.deepEqual(rig.transitions, ["web/1 up 00.000", "api/1 up 00.000"]);
  rig.monitor.reconcile([target("api/1", "10.0.0.1")]);
  await rig.timers.advance(500);
  assert.deepEqual(rig.asked, ["10.0.0.1 at 0", "10.0.0.1 at 1000"]);
});

Deno.test("HealthMonitor forgets a removed target and stops its check", async () => {
  const rig = new Rig();
  rig.monitor.reconcile([target("a", "10.0.0.1"), target("b", "10.0.0.2")]);
  await rig.timers.advance(500);
  rig.monitor.reconcile([target("b", "10.0.0.2")]);
  assert.equal(rig.monitor.state("a"), "down");
  assert.equal(rig.timers.pending, 1);
  await rig.timers.advance(1_000);
  assert.equal(rig.asked.filter((line) => line.startsWith("10.0.0.1")).length, 1);
});

Deno.test("HealthMonitor.stop() aborts the check under way and lets nothing be called back", async () => {
  const rig = new Rig();
  const slow = Promise.withResolvers<void>();
  rig.answer = slow.promise;
  rig.monitor.reconcile([target("a", "10.0.0.1")]);
  await rig.timers.advance(0);
  const stopped = rig.monitor.stop();
  assert.equal(rig.aborted, 1);
  slow.resolve();
  await stopped;
  await rig.timers.advance(10_000);
  assert.deepEqual(rig.results, []);
  assert.equal(rig.timers.pending, 0);
});

Deno.test("HealthMonitor may be reconciled from a call back", async () => {
  const timers = new ManualTimers();
  const ups: string[] = [];
  const monitor: HealthMonitor = new HealthMonitor({
    timers,
    onTransition: ({ key }) => {
      ups.push(key);
      monitor.reconcile([target("a", "10.0.0.1")]);
    },
    createChecker: () => ({ check: () => Promise.resolve({ passed: true, message: "", durationMs: 0 }) }),
  });
  monitor.reconcile([target("a", "10.0.0.1"), target("b", "10.0.0.1")]);
  await timers.advance(0);
  assert.deepEqual(ups, ["a"]);
  assert.equal(monitor.state("b"), "down");
});

Deno.test("HealthMonitor follows a real server that stops and comes back", async () => {
  const options = { hostname: "127.0.0.1", onListen() {} };
  let server = Deno.serve({ ...options, port: 0 }, () => new Response());
  const { port } = server.addr;
  const changes: { state: string; message: string }[] = [];
  let changed = Promise.withResolvers<void>();
  const checked = Promise.withResolvers<void>();
  await using monitor = {
    health: new HealthMonitor({
      onTransition: (_target, state, { message }) => {
        changes.push({ state, message });
        changed.resolve();
        changed = Promise.withResolvers();
      },
      onResult: () => checked.resolve(),
    }),
    [Symbol.asyncDispose]: () => monitor.health.stop(),
  };
  const check: HealthCheck = {
    type: "http",
    port,
    path: "/",
    status: 200,
    intervalMs: 10,
    timeoutMs: 5_000,
    rise: 2,
    fall: 2,
  };
  monitor.health.reconcile([target("a", "127.0.0.1", check)]);
  await checked.promise;
  assert.equal(monitor.health.state("a"), "up");
  await Promise.all([changed.promise, server.shutdown()]);
  assert.equal(monitor.health.state("a"), "down");
  const returned = changed.promise;
  server = Deno.serve({ ...options, port }, () => new Response());
  await returned;
  await monitor.health.stop();
  await server.shutdown();
  assert.deepEqual(changes.map(({ state }) => state), ["up", "down", "up"]);
  assert.match(changes[1]!.message, /refused|reset|closed/);
});
