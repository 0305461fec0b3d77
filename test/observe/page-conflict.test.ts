import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { named, sharedKafka, until } from "../kafka/live-kafka.ts";
import { freePorts } from "../servers/server-process.ts";
import { openBrowser, openPage, useTheme, violations } from "./browser.ts";

/** Two sinks that hold different batches of one start: a real daemon stops, and the page shows both copies. */
const dir = mkdtempSync(join(tmpdir(), "archiver-conflict-"));
const topic = named("conflict");
let live: LiveTopic;
let browser: Browser;
let daemon: Daemon;
let url = "";

/** An archive of all that the topic has by now, in one batch. */
async function archive(folder: string): Promise<void> {
  const group = `${topic}-${folder}`;
  const config = writeConfig(join(dir, folder), "c.yaml", {
    ...{ bootstrap: sharedKafka(), group, topics: [topic], age: "500ms" },
  });
  const once = Daemon.start(config, `${config}.log`);
  await live.archived(group, 60_000, () => (once.running ? null : once.logTail()));
  await once.drain();
}

beforeAll(async () => {
  live = await LiveTopic.create(sharedKafka(), topic, 1);
  await live.produce(300);
  await archive("short");
  await live.produce(300);
  // One archive, by its id: as if a restored copy had gone on by itself.
  cpSync(join(dir, "short/files/archive.json"), join(dir, "long/files/archive.json"));
  await archive("long");
  cpSync(join(dir, "short/files"), join(dir, "both/files"), { recursive: true });
  cpSync(join(dir, "long/files"), join(dir, "both/copy"), { recursive: true });
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}/`;
  const config = writeConfig(join(dir, "both"), "c.yaml", {
    ...{ bootstrap: sharedKafka(), group: topic, topics: [topic], sinks: ["files", "copy"] },
    extra: `http: { listen: "127.0.0.1:${port}" }`,
  });
  daemon = Daemon.start(config, `${config}.log`);
  browser = await openBrowser();
  await until("the partition has stopped", 60_000, () => {
    if (!daemon.running) throw new Error(daemon.logTail());
    return daemon.said(/"code":"sink-conflict".*partition stopped/);
  });
}, 180_000);

afterAll(async () => {
  await browser.close();
  await daemon.kill();
  await live.close();
  rmSync(dir, { recursive: true, force: true });
});

test("the sink's own row says that it is in conflict, for how many partitions, and what to do", async () => {
  const { page, complaints } = await openPage(browser, url);
  const copy = page.locator("#sinks tr[data-sink=copy]");
  await copy.and(page.locator("[data-level=human]")).waitFor();
  expect(await copy.locator(".state").innerText()).toBe("In conflict");
  expect(await copy.locator(".error").innerText()).toMatch(
    /^1 partition waits for an operator\.\s*To do: .*`verify --across-sinks`, then `reconcile`/,
  );
  expect(await page.locator("#sinks tr[data-sink=files] .state").innerText()).toBe("Healthy");
  expect(await page.locator("#sinks-sum").innerText()).toBe("1 of 2 healthy");
  expect(complaints).toEqual([]);
  await page.close();
}, 60_000);

test("both copies are shown side by side, with what tells them apart and the way out", async () => {
  const { page, complaints } = await openPage(browser, url);
  await page.locator("#verdict[data-level=human]").waitFor();
  await page.locator("#map .cell[data-state=stopped]").click();
  await page.locator(".copies").waitFor();
  const rows = await page.locator(".copies tbody tr").allInnerTexts();
  expect(rows.map((r) => r.split(/\s+/).slice(0, 2))).toEqual([
    ["files", "300"],
    ["copy", "600"],
  ]);
  const digests = await page.locator(".copies td.mono").allInnerTexts();
  for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{12}…$/);
  expect(new Set(digests).size).toBe(2);
  const levels = page.locator(".copies tbody tr[data-level=human]");
  expect(await levels.allInnerTexts()).toEqual([expect.stringContaining("copy")]);
  expect(await page.locator(".copies code").allInnerTexts()).toEqual([
    `bulk-archiver list --sink copy --topic ${topic} --partition 0`,
    `bulk-archiver reconcile --source files --target copy --topic ${topic} --partition 0 --dry-run`,
  ]);
  for (const theme of ["light", "dark"] as const) {
    await useTheme(page, theme);
    expect(await violations(page)).toEqual([]);
  }
  expect(complaints).toEqual([]);
}, 60_000);
