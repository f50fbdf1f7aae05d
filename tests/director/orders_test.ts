import assert from "node:assert/strict";
import { Orders } from "../../director/orders.ts";
import { ExitCode } from "../../model/exit_code.ts";

/** Runs an action on orders; signals alone do not keep a program running, as a director's sockets do. */
async function withOrders(action: (orders: Orders) => Promise<void>): Promise<void> {
  using orders = new Orders();
  const timer = setInterval(() => {}, 1_000);
  try {
    await action(orders);
  } finally {
    clearInterval(timer);
  }
}

Deno.test("Orders.next() hands a signal out that came before anybody asked", () =>
  withOrders(async (orders) => {
    Deno.kill(Deno.pid, "SIGHUP");
    assert.deepEqual(await orders.next(), { kind: "reload" });
    const next = orders.next();
    Deno.kill(Deno.pid, "SIGTERM");
    assert.deepEqual(await next, { kind: "end", code: ExitCode.OK });
  }));

/** Resolves when this process has got a signal: one that comes after the orders are disposed of would end it. */
function arrival(signal: Deno.Signal): Promise<void> {
  return new Promise((resolve) => {
    const onSignal = () => {
      Deno.removeSignalListener(signal, onSignal);
      resolve();
    };
    Deno.addSignalListener(signal, onSignal);
  });
}

Deno.test("Orders.next() puts the end before a reload and keeps to the first code", () =>
  withOrders(async (orders) => {
    const arrivals = Promise.all([arrival("SIGHUP"), arrival("SIGTERM")]);
    Deno.kill(Deno.pid, "SIGHUP");
    orders.end(ExitCode.FAILED);
    Deno.kill(Deno.pid, "SIGTERM");
    for (let asked = 0; asked < 3; asked++) {
      assert.deepEqual(await orders.next(), { kind: "end", code: ExitCode.FAILED });
    }
    await arrivals;
    assert.deepEqual(await orders.next(), { kind: "end", code: ExitCode.FAILED });
  }));

Deno.test("Orders.next() waits for another signal after a reload", () =>
  withOrders(async (orders) => {
    Deno.kill(Deno.pid, "SIGHUP");
    assert.deepEqual(await orders.next(), { kind: "reload" });
    let isHandedOut = false;
    const next = orders.next().then((order) => {
      isHandedOut = true;
      return order;
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(isHandedOut, false);
    orders.end(ExitCode.OK);
    assert.equal((await next).kind, "end");
  }));

Deno.test("Orders.next() hands out a change of the interface once, however often it was noticed", () =>
  withOrders(async (orders) => {
    orders.interfaceChanged();
    orders.interfaceChanged();
    Deno.kill(Deno.pid, "SIGHUP");
    assert.deepEqual(await orders.next(), { kind: "interface" });
    assert.deepEqual(await orders.next(), { kind: "reload" });
    orders.end(ExitCode.OK);
    assert.equal((await orders.next()).kind, "end");
  }));
