import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "playwright-core";
import { configDir } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { cli } from "../operate/cli-process.ts";
import { freePorts } from "../servers/server-process.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";
import { openBrowser, openPage, useTheme, violations } from "./browser.ts";

/** The page as a person sees it: a real daemon on a real Kafka, in a real browser. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `live-page-${process.pid}`;
const dir = configDir();
let topic: LiveTopic;
let collector: OtlpReceiver;
let daemon: Daemon;
let second: Daemon | null = null;
let browser: Browser;
let page: Page;
let url = "";
let complaints: readonly string[] = [];
let alone = 0;

const text = (selector: string): Promise<string> => page.locator(selector).innerText();

/** Waits until the element's text matches; the page is never loaded again. */
async function says(selector: string, expected: RegExp, ms = 15_000): Promise<string> {
  let last = "";
  for (const until = Date.now() + ms; Date.now() < until;) {
    last = await text(selector);
    if (expected.test(last)) return last;
    await page.waitForTimeout(100);
  }
  throw new Error(`${selector} says ${JSON.stringify(last)}, not ${expected}`);
}

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}/`;
  collector = await OtlpReceiver.start();
  topic = await LiveTopic.create(bootstrap, name, 4);
  const config = writeConfig(dir, "page.yaml", {
    bootstrap,
    group: name,
    topics: [name],
    batchBytes: "64KiB",
    sinks: ["files", "copy"],
    instanceId: `${name}-1`,
    extra: `http: { listen: "127.0.0.1:${port}" }\ntelemetry: { otlp: { endpoint: "${collector.url}", interval: 1s } }`,
  });
  const member = readFileSync(config, "utf8").replace(`${name}-1`, `${name}-2`);
  writeFileSync(join(dir, "second.yaml"), member.replace(/^http:.*$/m, ""));
  daemon = Daemon.start(config, join(dir, "page.log"));
  topic.begin(40, 100);
  browser = await openBrowser();
  for (let tries = 0; ; tries++) {
    const up = await fetch(`${url}readyz`).then(
      (r) => r.status === 200,
      (error: unknown) => {
        if (error instanceof TypeError) return false;
        throw error;
      },
    );
    if (up) break;
    if (tries > 300 || !daemon.running) throw new Error(`not ready: ${daemon.logTail()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  ({ page, complaints } = await openPage(browser, url));
  await page.evaluate(`window.loadedOnce = true`);
}, 120_000);

afterAll(async () => {
  await browser.close();
  await topic.close();
  await Promise.all([daemon.kill(), second?.kill()]);
  await collector.stop();
  rmSync(dir, { recursive: true, force: true });
});

test("at a glance: everything is safe, and how far", async () => {
  await says("#sentence", /^All 2 sinks have confirmed up to \d\d:\d\d:\d\d, nothing is pending/);
  expect(await page.title()).toMatch(/^✓ all safe/);
  expect(await text("#about")).toContain(`group ${name}`);
  await says("#partitions-sum", /^4 in 1 topic$/);
  expect(await page.locator("#map .cell").count()).toBe(4);
  await says("#sinks tr[data-sink=copy]", /Healthy[\s\S]*No error yet/);
  expect(await text("#sinks tr[data-sink=copy] small")).toBe(`Folder, ${join(dir, "copy")}`);
  await says("#members", new RegExp(`${name}-1[\\s\\S]*this one[\\s\\S]*4`));
  await says("#events", /Owns 4 partitions of group/);
});

test("it moves without being loaded again, and the history grows", async () => {
  const confirmed = async (): Promise<string> => text("#figures div:nth-child(2) .value");
  await says("#figures div:nth-child(2) .value", /^[1-9][\d,]* records\/s$/);
  const before = await text("#about");
  await says("#about", new RegExp(`^(?!${before.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$)`));
  expect(await confirmed()).toMatch(/records\/s/);
  await says(".chart:first-child .read", /^confirmed \d\S*.*\/s\s*produced \d\S*.*\/s$/, 45_000);
  expect(await page.locator(".chart:first-child .line").count()).toBeGreaterThan(0);
  expect(await page.evaluate("window.loadedOnce")).toBe(true);
});

test("a partition's details: what Kafka has committed and what the primary holds", async () => {
  await page.locator("#map .cell").first().focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await says("#drawer-title", new RegExp(`^${name} 1$`));
  await says("#detail", /No gap, no overlap; each link follows from the one before\./);
  await says("#detail", /The same link is in files\./);
  await page.locator("#detail summary", { hasText: ".log" }).click();
  expect(await text("#detail pre >> nth=-1")).toContain('"prevLink"');
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("Escape");
  expect(await page.evaluate("document.activeElement.dataset.key")).toBe(`${name}/${name}/1`);
});

test("what verify --tell found is the last proof, and a part proves nothing", async () => {
  const figure = "#figures div:nth-child(6)";
  await says(figure, /^Last proof\s+–\s+none told/);
  const argv = ["verify", "--across-sinks", "--tell", "--config", join(dir, "page.yaml")];
  expect((await cli([...argv, "--partition", "1"])).code).toBe(2);
  const { code, stdout, stderr } = await cli(argv);
  expect(code, stdout + stderr).toBe(0);
  await says(figure, /^Last proof\s+\d+\ss\s+ago\s+chains and files whole, sinks equal$/);
}, 60_000);

test("filter, sort and table", async () => {
  await page.locator("#filter").fill(`${name} 2`);
  await says("#partitions-sum", /1 shown$/);
  expect(await page.locator("#map .cell:not(.off)").count()).toBe(1);
  await page.locator("#as-table").click();
  await says("#table", new RegExp(`^${name} 2\\t`));
  await page.locator("#filter").fill("");
  await page.locator("#sort").selectOption("age");
  expect(await page.locator("#table tr").count()).toBe(4);
  expect(await violations(page)).toEqual([]);
  await page.locator("#as-map").click();
});

test.each(["light", "dark"] as const)("nothing that axe-core objects to: %s", async (theme) => {
  await useTheme(page, theme);
  expect(await violations(page)).toEqual([]);
});

test("a sink that is killed shows within seconds, and so does its return", async () => {
  renameSync(join(dir, "copy"), join(dir, "copy.away"));
  symlinkSync(join(dir, "nowhere", "at", "all"), join(dir, "copy"));
  const killedAt = Date.now();
  await says(
    "#sentence",
    /^copy \(fs\) has been away for \d+\u00a0s: .*nothing is lost\.$/,
    15_000,
  );
  alone = Date.now() - killedAt;
  expect(await page.title()).toMatch(/^▲ copy away/);
  await says("#sinks tr[data-sink=copy]", /Away[\s\S]*To do: .*copy/);
  await says("#todo", /bulk-archiver check --sink copy/);
  await says("#chips", /Waiting for a sink/);
  await says("#events", /copy does not answer as it should/);
  for (const theme of ["light", "dark"] as const) {
    await useTheme(page, theme);
    expect(await violations(page)).toEqual([]);
  }
  rmSync(join(dir, "copy"));
  renameSync(join(dir, "copy.away"), join(dir, "copy"));
  await says("#sentence", /^All 2 sinks have confirmed/, 30_000);
  await says("#sinks tr[data-sink=copy]", /Healthy/);
  await says("#events", /copy is well again/);
  expect(alone).toBeLessThan(15_000);
});

test("promtool objects to nothing of ours in a scrape of this run", async () => {
  const scrape = await (await fetch(`${url}metrics`)).text();
  const { stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: scrape,
    encoding: "utf8",
  });
  const said = `${stdout}${stderr}`.split("\n").filter((l) => l.includes("bulk_archiver"));
  expect(said).toEqual([]);
  const value = (name: string): number =>
    Number(new RegExp(`^bulk_archiver_${name} (\\S+)$`, "m").exec(scrape)?.[1]);
  expect(value("ready")).toBe(1);
  expect(value("http_event_streams")).toBe(1);
  expect(value("unconfirmed_limit_seconds")).toBe(62);
  expect(
    value(`partition_lag_offsets{group="${name}",topic="${name}",partition="3"}`),
  ).toBeGreaterThanOrEqual(0);
  expect(value('sink_retries_total{sink="copy",code="sink-transient"}')).toBeGreaterThan(0);
  expect(value("confirmed_age_seconds_count")).toBeGreaterThan(0);
});

test("another member shows with its partitions, through Kafka alone", async () => {
  second = Daemon.start(join(dir, "second.yaml"), join(dir, "second.log"));
  await says("#members", new RegExp(`${name}-1[^]*2[^]*${name}-2[^]*2`), 40_000);
  await says("#members-sum", /^2 members, seen through Kafka$/);
  await says("#sentence", /^All 2 sinks have confirmed/, 30_000);
  await page.locator("#filter").fill(`${name}-2`);
  await says("#partitions-sum", /^4 in 1 topic, 2 shown$/);
  await page.locator("#map .cell:not(.off)").first().click();
  await says("#detail", new RegExp(`Owner\\s+${name}-2`));
  await says("#detail", /The same link is in files\./);
  await page.keyboard.press("Escape");
}, 90_000);

test("a collector of OpenTelemetry has the run's metrics and a trace for each batch", () => {
  // The second member's, which comes last, has none yet.
  const records = collector.metrics.findLast(
    ({ name: of, points }) => of === "bulk_archiver_records_total" && points.length > 0,
  );
  expect(records?.points[0]?.attributes["topic"]).toBe(name);
  expect(records?.points[0]?.value).toBeGreaterThan(100);
  const roots = collector.spans.filter((s) => s.name === "archive batch");
  expect(roots.length).toBeGreaterThan(2);
  for (const root of roots) {
    expect(root.attributes["messaging.destination.name"]).toBe(name);
    const below = collector.spans.filter((s) => s.parentId === root.spanId).map((s) => s.name);
    expect(below).toEqual(["seal", "deliver"]);
  }
});

test("nothing was asked from elsewhere, nothing was refused by the page's own policy", async () => {
  expect(complaints).toEqual([]);
  expect(await page.evaluate("window.loadedOnce")).toBe(true);
});

test("the daemon ends: the page says that what it shows is old", async () => {
  await topic.stop();
  await daemon.drain();
  await says(
    "#sentence",
    /^No word from the daemon\. What you see is from \d\d:\d\d:\d\d\.$/,
    15_000,
  );
});
