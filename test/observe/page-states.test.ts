import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "playwright-core";
import { openBrowser, openPage, useTheme, violations } from "./browser.ts";
import { type Running, startHttp } from "./http-server.ts";
import { MANY, SampleView, SMALL } from "./sample-view.ts";

/** States of the page that a run on a quiet Kafka does not come to, and a thousand partitions. */
let browser: Browser;
const running: Running[] = [];
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  for (const { server, streams } of running) {
    streams.close();
    await server.close();
  }
});

interface Shown {
  readonly sample: SampleView;
  readonly http: Running;
  readonly page: Page;
  readonly complaints: readonly string[];
  /** Sends what changed and waits until the page has it. */
  readonly update: () => Promise<void>;
}

async function show(sample: SampleView, width = 1440): Promise<Shown> {
  const http = await startHttp(() => sample.view());
  running.push(http);
  http.live.tick(true, AbortSignal.timeout(1000));
  await new Promise((resolve) => setImmediate(resolve));
  const { page, complaints } = await openPage(browser, `${http.server.url}/`, { width });
  await page.locator("#map .cell").first().waitFor();
  const update = async (): Promise<void> => {
    await page.waitForTimeout(300);
    http.live.take({ what: "warned", code: "test", text: `mark ${Math.random()}` });
    const mark = http.live.report().events.at(-1)?.text ?? "";
    http.streams.send();
    await page.locator("#events", { hasText: mark }).waitFor();
  };
  return { sample, http, page, complaints, update };
}

/** As few cells as show every state: axe-core looks at each. */
const FEW = {
  ...SMALL,
  alone: true,
  topics: [
    ["logs.web", 9],
    ["logs.app", 3],
  ],
} as const;

/** Seconds go by between what the page says and what the daemon says next. */
const timeless = (text: string): string => text.replaceAll(/\d\d:\d\d:\d\d|\d+\s(?:s|min)\b/g, "…");

const scope = { topic: "logs.web", topicId: "_", partition: 7, branch: 0 };

/** Each makes the page say something else. */
const STATES: Readonly<Record<string, (s: Shown) => void>> = {
  stopped: ({ sample, http }) => {
    const text = "ceph holds other bytes at 48210334 than planned";
    http.live.take({ what: "partition-stopped", scope, code: "sink-conflict", text });
    sample.set(7, { state: "stopped", waiting: `stopped: ${text}` });
  },
  parked: ({ http }) =>
    http.live.take({
      ...{ what: "sink-state", sink: "ceph", state: "parked" },
      ...{ code: "sink-unauthorized", text: "403 InvalidAccessKeyId" },
    }),
  "changing owner": ({ sample }) => {
    for (const i of [1, 2, 3, 4]) sample.set(i, { state: "locating" });
  },
  paused: ({ sample }) => sample.set(3, { state: "paused", waiting: "paused by operator" }),
  behind: ({ sample }) => sample.set(3, { oldestUnconfirmedMs: 900_000 }),
  stopping: ({ http }) => http.live.take({ what: "daemon-stopping", deadlineMs: 1 }),
};

test.each(Object.entries(STATES))(
  "%s: in words, and nothing that axe-core objects to in both themes",
  async (_name, make) => {
    const shown = await show(new SampleView(FEW));
    const { page, http, complaints, update } = shown;
    make(shown);
    await update();
    const said = await page.locator("#sentence").innerText();
    expect(timeless(said)).toBe(timeless(http.live.report().verdict.sentence));
    expect(await page.locator(".bound:visible").allInnerTexts()).toEqual(["limit 3\u00a0min"]);
    for (const theme of ["light", "dark"] as const) {
      await useTheme(page, theme);
      expect(await violations(page)).toEqual([]);
    }
    expect(complaints).toEqual([]);
    await page.close();
  },
);

test("on a phone nothing is wider than the window", async () => {
  const { page } = await show(new SampleView(SMALL), 390);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  expect(await violations(page)).toEqual([]);
});

test("with a token: the browser asks for it, and then page, files and stream have it", async () => {
  const token = "correct-horse-battery-staple";
  const sample = new SampleView(SMALL);
  const http = await startHttp(() => sample.view(), { token: () => token });
  running.push(http);
  const url = `${http.server.url}/`;
  const { page, complaints } = await openPage(browser, url, { password: token });
  await page.locator("#live[data-on=on]").waitFor();
  expect(await page.locator("#map .cell").count()).toBeGreaterThan(0);
  expect(complaints).toEqual([]);
  await expect(openPage(browser, url)).rejects.toThrow("AUTH");
});

test("a partition's details say how far it is: in every sink, planned, only in Kafka", async () => {
  const sample = new SampleView({ ...SMALL, topics: [["logs", 2]] });
  const pendingPlans = [{ start: 1_000n, end: 1_400n }];
  sample.set(0, { committed: 1_000n, end: 2_000n, lag: 1_000n, pendingPlans });
  sample.set(1, { committed: 2_000n, end: 2_000n, lag: 0n, pendingPlans: [] });
  const { page } = await show(sample);
  const parts = page.locator("#detail .progress i");
  const shown = async (): Promise<(string | null)[]> => {
    const names = await parts.all();
    return Promise.all(names.map((part) => part.getAttribute("data-part")));
  };
  await page.locator("#map .cell").first().click();
  expect(await page.locator("#detail .parts dd").allInnerTexts()).toEqual([
    "1,000",
    "400 offsets",
    "600 offsets",
  ]);
  expect(await shown()).toEqual(["done", "planned", "kafka"]);
  const widths = await Promise.all(
    [1, 2].map(async (i) => (await parts.nth(i).boundingBox())?.width),
  );
  expect((widths[1] ?? 0) / (widths[0] ?? 1)).toBeCloseTo(1.5, 0);
  for (const theme of ["light", "dark"] as const) {
    await useTheme(page, theme);
    expect(await violations(page)).toEqual([]);
  }
  await page.locator("#next").click();
  await expect.poll(shown).toEqual(["done"]);
});

test("beside the map: it keeps its place, the cell is marked, Escape gives the focus back", async () => {
  const { page } = await show(new SampleView(SMALL));
  const cell = page.locator("#map .cell").nth(3);
  // Room to scroll: what is above the map grows when it gets narrower.
  await page.setViewportSize({ width: 1240, height: 500 });
  await cell.focus();
  const before = await cell.boundingBox();
  await page.keyboard.press("Enter");
  await page.locator("#detail table").waitFor();
  expect(await page.evaluate("document.body.classList.contains('beside')")).toBe(true);
  const after = await cell.boundingBox();
  // Windows scroll by whole pixels.
  expect(Math.abs((after?.y ?? 0) - (before?.y ?? 0))).toBeLessThan(1);
  expect({ ...after, y: 0 }).toEqual({ ...before, y: 0 });
  const drawer = await page.locator("#drawer").boundingBox();
  expect((before?.x ?? 0) + (before?.width ?? 0)).toBeLessThan(drawer?.x ?? 0);
  expect(await page.locator("#map .cell[data-open]").count()).toBe(1);
  // It is no modal dialog: the next cell opens by a click.
  await page.locator("#map .cell").nth(4).click();
  await expect.poll(() => page.locator("#drawer-title").innerText()).toMatch(/ 4$/);
  for (const theme of ["light", "dark"] as const) {
    await useTheme(page, theme);
    expect(await violations(page)).toEqual([]);
  }
  await page.keyboard.press("Escape");
  expect(await page.locator("#drawer").isVisible()).toBe(false);
  expect(await page.locator("#map .cell[data-open]").count()).toBe(0);
  expect(await page.evaluate("document.body.classList.contains('beside')")).toBe(false);
});

test("two pipelines that read one topic are told apart by their groups", async () => {
  const sample = new SampleView({ ...SMALL, alone: true, topics: [["logs", 4]] });
  for (const i of [2, 3]) sample.set(i, { group: "audit", partition: i - 2 });
  const { page } = await show(sample);
  expect(await page.locator("#map .topic > p span").allInnerTexts()).toEqual([
    "logs (archiver)",
    "logs (audit)",
  ]);
  await page.locator("#filter").fill("audit");
  expect(await page.locator("#partitions-sum").innerText()).toContain("2 shown");
});

test("names from outside are text and never markup", async () => {
  const name = "<img src=x onerror=alert(1)>";
  const { page, complaints, http, update } = await show(
    new SampleView({ ...SMALL, topics: [[name, 2]], sinks: [[name, name]] }),
  );
  http.live.take({ what: "warned", code: name, text: name });
  await update();
  expect(await page.locator("#events").innerText()).toContain(name);
  expect(await page.locator("img").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("a thousand partitions: an update takes a fraction of a second, the keys reach every cell", async () => {
  const { sample, page, update } = await show(new SampleView({ ...MANY, alone: true }));
  expect(await page.locator("#map .cell").count()).toBe(1000);
  await page.evaluate(`
    window.longest = 0;
    new PerformanceObserver((l) => {
      for (const e of l.getEntries()) window.longest = Math.max(window.longest, e.duration);
    }).observe({ type: "longtask" });
  `);
  for (let i = 0; i < 5; i++) {
    sample.tick();
    await update();
  }
  // Measured at 40 to 90 ms on two busy cores; what a person notices begins far above.
  expect(Number(await page.evaluate("window.longest"))).toBeLessThan(1000);
  expect(await violations(page)).toEqual([]);
  await page.locator("#map .cell").first().focus();
  await page.keyboard.press("End");
  expect(await page.evaluate("document.activeElement.dataset.key")).toBe(
    "archiver/payments.ledger/31",
  );
  await page.keyboard.press("ArrowUp");
  expect(await page.evaluate("document.activeElement.classList.contains('cell')")).toBe(true);
  await page.locator("#as-table").click();
  expect(await page.locator("#table tr").count()).toBe(1000);
  await page.locator("#sort").selectOption("lag");
  const lag = await page.locator("#table tr td:nth-child(5)").allInnerTexts();
  const numbers = lag.map((t) => Number(t.replaceAll(",", "")));
  expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
}, 120_000);

test("paused it stands still and loses nothing; resumed it is up to date", async () => {
  const { sample, page, http, update } = await show(new SampleView(SMALL));
  await page.locator("#pause").click();
  const before = await page.locator("#sentence").innerText();
  sample.set(3, { oldestUnconfirmedMs: 900_000 });
  await page.waitForTimeout(300);
  http.streams.send();
  await page.waitForTimeout(300);
  http.streams.send();
  expect(await page.locator("#sentence").innerText()).toBe(before);
  await page.locator("#pause").click();
  expect(await page.locator("#sentence").innerText()).toContain("15\u00a0min old");
  await update();
  expect(await page.locator("#live-word").innerText()).toBe("Live");
});
