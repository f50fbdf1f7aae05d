/** The status page in a real browser. */

import assert from "node:assert/strict";
import { type Browser, chromium, type Page } from "playwright-core";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { createApp } from "../../status/app.tsx";
import { alarm, CLAIMED, EMPTY, HOSTILE, NOW, ONE, server, service, TROUBLED } from "./snapshots.ts";

const CHROMIUM = "/usr/bin/chromium";
const TOKEN = "a-long-enough-secret";

function isMissing(path: string): boolean {
  try {
    return !Deno.statSync(path).isFile;
  } catch {
    return true;
  }
}

interface Stage {
  readonly browser: Browser;
  readonly url: string;
  /** Changes what the director shows. */
  show(snapshot: StatusSnapshot): void;
  /** Takes the director away, or brings it back on the same port. */
  stop(): Promise<void>;
  start(): void;
}

async function onStage(token: string | null, play: (stage: Stage) => Promise<void>): Promise<void> {
  let current = ONE;
  let port = 0;
  const app = createApp({ snapshot: () => current, token, isReady: () => true });
  let abort = new AbortController();
  let door: Deno.HttpServer<Deno.NetAddr>;
  const start = (): void => {
    abort = new AbortController();
    door = Deno.serve(
      { hostname: "127.0.0.1", port, signal: abort.signal, onListen: () => {} },
      (request) => app.fetch(request),
    );
    port = door.addr.port;
  };
  const stop = async (): Promise<void> => {
    abort.abort();
    await door.finished;
  };
  start();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const url = `http://127.0.0.1:${port}/`;
    await play({ browser, url, show: (snapshot) => current = snapshot, stop, start });
  } finally {
    await browser.close();
    await stop();
  }
}

/** Everything the browser complains about on `page`, for example violations of the content security policy. */
function listenForComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    if (!request.url().endsWith("/events")) complaints.push(`failed: ${request.url()}`);
  });
  page.on("dialog", async (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  return complaints;
}

/** Playwright keeps sockets and processes of its own, which Deno would take for leaks of the test. */
function browserTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: isMissing(CHROMIUM), sanitizeOps: false, sanitizeResources: false });
}

browserTest(
  "the page shows every snapshot without a complaint of the browser",
  () =>
    onStage(null, async ({ browser, url, show }) => {
      for (const snapshot of [EMPTY, ONE, TROUBLED, CLAIMED, HOSTILE]) {
        show(snapshot);
        const page = await browser.newPage();
        const complaints = listenForComplaints(page);
        await page.goto(url);
        await page.locator("main").waitFor();
        assert.deepEqual(complaints, []);
        await page.close();
      }
    }),
);

browserTest(
  "the style sheet applies and follows the colour scheme",
  () =>
    onStage(null, async ({ browser, url }) => {
      const grounds: string[] = [];
      for (const colorScheme of ["light", "dark"] as const) {
        const page = await browser.newPage({ colorScheme });
        await page.goto(url);
        grounds.push(await page.locator("body").evaluate((body) => getComputedStyle(body).backgroundColor));
        await page.close();
      }
      assert.deepEqual(grounds, ["rgb(243, 245, 248)", "rgb(12, 18, 25)"]);
    }),
);

/** Numbers with a unit, and rates. */
const SHORTENED = /([\d,.]+)(?: ([kMGT])\b| ([KMGT])iB| new conn\/s|\/s)/g;

browserTest(
  "no number is shortened without the exact one in its title",
  () =>
    onStage(null, async ({ browser, url, show }) => {
      show({
        ...TROUBLED,
        services: [
          service("web", [
            server("192.0.2.21", {
              connections: 8_123_456,
              connectionsPerSecond: 100 / 3,
              bytes: 123_456_789_012,
            }),
            server("192.0.2.22", {
              connections: 8_123_456,
              connectionsPerSecond: 1830.4,
              packets: 912_345_678,
            }),
          ], { connections: 16_246_912 }),
        ],
      });
      const page = await browser.newPage();
      await page.goto(url);
      const places = await page.locator(
        "main .number:is(td), .tile dd > *, header.service .right, svg .detail",
      )
        .evaluateAll((elements) =>
          elements.map((element) => ({
            text: element.textContent! + (element.getAttribute("data-label") === "New conn/s" ? "/s" : ""),
            title: element.closest("[title]")?.getAttribute("title") ||
              element.parentElement!.querySelector("title")?.textContent || "",
          }))
        );
      let count = 0;
      for (const { text, title } of places) {
        for (const [, digits, si = "", iec = ""] of text.matchAll(SHORTENED)) {
          const unit = (iec === "" ? 1000 : 1024) ** "_kMGT".indexOf((si + iec).replace("K", "k") || "_");
          const value = Number(digits!.replaceAll(",", "")) * unit;
          const exact = [...title.matchAll(/[\d,]+(?:\.\d+)?/g)].map(([number]) =>
            Number(number.replaceAll(",", ""))
          );
          assert.ok(
            exact.some((number) => Math.abs(number - value) <= Math.max(0.5, value / 100)),
            `${text}: ${title}`,
          );
          assert.doesNotMatch(title, /\.\d{4}/, "no more decimals than anybody measures");
          count += 1;
        }
      }
      assert.ok(count > 15, `only ${count} numbers were looked at`);
    }),
);

browserTest("no width makes the page scroll sideways", () =>
  onStage(null, async ({ browser, url, show }) => {
    const wordy = "x".repeat(300);
    const unkind = service(wordy, [
      server("192.0.2.21", { lastCheck: { passed: false, message: wordy, durationMs: 1, at: NOW } }),
    ]);
    const page = await browser.newPage();
    const alarms = [alarm({ command: wordy }), alarm({ sentence: wordy })];
    for (const snapshot of [TROUBLED, { ...TROUBLED, services: [unkind], alarms }]) {
      show(snapshot);
      for (const width of [320, 400, 601, 768, 900, 961, 1024, 1920]) {
        await page.setViewportSize({ width, height: 800 });
        await page.goto(url);
        const content = await page.locator("html").evaluate((root) => root.scrollWidth);
        assert.ok(content <= width, `${content} pixels of content at a width of ${width}`);
        assert.equal(await page.locator("svg.drawing:visible").count(), 1);
      }
    }
  }));

browserTest(
  "the page updates itself and leaves alone what the reader has opened",
  () =>
    onStage(null, async ({ browser, url, show }) => {
      const page = await browser.newPage();
      const complaints = listenForComplaints(page);
      await page.goto(url);
      await page.locator("h1", { hasText: "All services are well" }).waitFor();
      await page.locator("summary").click();
      show(TROUBLED);
      await page.locator("h1", { hasText: "Service dns has no usable server" }).waitFor();
      await page.locator(".badge.error").first().waitFor();
      assert.equal(await page.locator("details").getAttribute("open"), "");
      assert.match(await page.title(), /^✖ Service dns has no usable server/);
      show(ONE);
      await page.locator("h1", { hasText: "All services are well" }).waitFor();
      assert.equal(await page.locator("section.card table.servers").count(), 1);
      assert.deepEqual(complaints, []);
    }),
);

browserTest(
  "the page says when it has lost the director, and recovers when it is back",
  () =>
    onStage(null, async ({ browser, url, stop, start }) => {
      const page = await browser.newPage();
      await page.goto(url);
      await page.locator("#stale").waitFor({ state: "hidden" });
      await stop();
      await page.locator("#stale", { hasText: "No contact with the director" }).waitFor();
      assert.match(await page.title(), /^No contact · /);
      start();
      await page.locator("#stale").waitFor({ state: "hidden" });
      assert.match(await page.title(), /^All services are well/);
    }),
);

browserTest(
  "without JavaScript the page is complete and asks to be reloaded",
  () =>
    onStage(null, async ({ browser, url, show }) => {
      const page = await browser.newPage({ javaScriptEnabled: false });
      await page.goto(url);
      await page.locator("h1", { hasText: "All services are well" }).waitFor();
      show(TROUBLED);
      await page.locator("h1", { hasText: "Service dns has no usable server" }).waitFor();
    }),
);

browserTest(
  "a browser that is asked for the token gets in with it as the password, and stays current",
  () =>
    onStage(TOKEN, async ({ browser, url, show }) => {
      const context = await browser.newContext({
        httpCredentials: { username: "operator", password: TOKEN },
      });
      const page = await context.newPage();
      await page.goto(url);
      await page.locator("h1", { hasText: "All services are well" }).waitFor();
      show(TROUBLED);
      await page.locator("h1", { hasText: "Service dns has no usable server" }).waitFor();
    }),
);

browserTest(
  "screen readers find landmarks, headings and the table also on a phone",
  () =>
    onStage(null, async ({ browser, url }) => {
      const page = await browser.newPage({ viewport: { width: 400, height: 800 } });
      await page.goto(url);
      for (const role of ["banner", "main", "contentinfo", "navigation"] as const) {
        assert.equal(await page.getByRole(role).count(), 1, role);
      }
      assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
      assert.equal(await page.getByRole("table", { name: "web" }).count(), 1);
      assert.equal(await page.getByRole("columnheader", { name: "Last check" }).count(), 1);
      assert.equal(await page.getByRole("rowheader", { name: /192\.0\.2\.21/ }).count(), 1);
      assert.equal(await page.getByRole("img", { name: /answers go straight/ }).count(), 1);
    }),
);
