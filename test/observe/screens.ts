import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openBrowser, openPage, useTheme } from "./browser.ts";
import { description } from "./events.ts";
import { startHttp } from "./http-server.ts";
import { MANY, type SampleOptions, SampleView, SMALL } from "./sample-view.ts";

/** Takes the pictures of docs/page.md: `node test/observe/screens.ts`. */
const FOLDER = fileURLToPath(new URL("../../docs/screens/", import.meta.url));
mkdirSync(FOLDER, { recursive: true });
const HOUR_S = 3600;
const browser = await openBrowser();
/** Among the partitions of the sample. */
const STOPPED = 7;

interface Picture {
  readonly name: string;
  readonly theme: "light" | "dark";
  readonly sample: SampleOptions;
  readonly width: number;
  readonly down: boolean;
  /** A partition has stopped over a conflict, and its details are open. */
  readonly detail?: boolean;
}

const PICTURES: readonly Picture[] = [
  { name: "safe", theme: "light", sample: SMALL, width: 1440, down: false },
  { name: "sink-away", theme: "dark", sample: SMALL, width: 1440, down: true },
  { name: "thousand", theme: "light", sample: MANY, width: 1440, down: false },
  { name: "detail", theme: "dark", sample: SMALL, width: 1440, down: false, detail: true },
  { name: "phone", theme: "dark", sample: SMALL, width: 390, down: true },
];

for (const { name, theme, sample: options, width, down, detail } of PICTURES) {
  const sample = new SampleView(options);
  // An hour goes by in a moment.
  const real = Date.now.bind(Date);
  const began = real() - HOUR_S * 1000;
  let shift = -HOUR_S * 1000;
  Date.now = () => real() + shift;
  const http = await startHttp(() => sample.view());
  const sinks = options.sinks.map(([sink, kind], i) => ({ name: sink, kind, primary: i === 0 }));
  const named = { what: "daemon-started", clusterId: "prod-eu1", archiveId: "a" } as const;
  http.live.take({ ...named, pipelines: [{ name: "main", group: "archiver" }], sinks });
  const assigned = { generation: 7, partitions: 22, added: 22 };
  http.live.take({ what: "partitions-assigned", group: "archiver", ...assigned });
  for (let s = 0; s < HOUR_S; s++) {
    shift += 1000;
    const batch = {
      ...description(),
      records: BigInt(90_000 + Math.round(12_000 * Math.sin(s / 300)) + (s % 17) * 900),
    };
    const waits = down && s > HOUR_S - 420;
    if (!waits)
      http.live.take({
        what: "batch-confirmed",
        batch: { ...batch, seal: { ...batch.seal, size: 3_900_000 } },
        ms: 40,
      });
    http.live.take({ what: "batch-sealed", batch, rawBytes: 18_000_000, ms: 20, reason: "bytes" });
    for (const [sink] of options.sinks)
      http.live.take({
        what: "sink-called",
        sink,
        op: "publish",
        outcome: "created",
        ms: 90 + ((s * 37) % 240),
        bytes: 3_900_000,
      });
    if (down && s === HOUR_S - 420) away(http, sample);
    for (let i = 0; i < 22; i++) {
      if (waits)
        sample.set(i, {
          oldestUnconfirmedMs: (s - HOUR_S + 450) * 1000,
          waitsFor: ["lake"],
          waiting: "delivers to the sinks",
        });
      else sample.set(i, { oldestUnconfirmedMs: ((s + i * 7) % 60) * 1000 });
    }
    if (detail === true && s === HOUR_S - 9) stopped(http, sample);
    sample.produce(s);
    http.live.tick(s > HOUR_S - 10, AbortSignal.timeout(1000));
    if (s > HOUR_S - 10) sample.tick();
    if (s % 15 === 0 || s > HOUR_S - 10) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  Date.now = real;
  const { page } = await openPage(browser, `${http.server.url}/`, { width });
  await useTheme(page, theme);
  await page.locator("#map .cell").first().waitFor();
  await page.waitForTimeout(500);
  if (detail === true) {
    await page.locator("#map .cell[data-state=stopped]").click();
    await page.locator("#detail .copies").waitFor();
  }
  await page.screenshot({ path: `${FOLDER}${name}.png`, fullPage: width > 400 && detail !== true });
  console.log(name, Math.round((real() - began) / 1000 - HOUR_S), "s");
  http.streams.close();
  await http.server.close();
}
await browser.close();

function stopped(http: Awaited<ReturnType<typeof startHttp>>, sample: SampleView): void {
  const { topic, partition, topicId, branch } = sample.own[STOPPED] ?? {};
  if (topic === undefined || partition === undefined) throw new Error("no such partition");
  const scope = { topic, partition, topicId: topicId ?? "_", branch: branch ?? 0 };
  const text = "ceph holds other bytes than planned";
  http.live.take({ what: "partition-stopped", scope, code: "sink-conflict", text });
  const committed = sample.own[STOPPED]?.committed ?? 0n;
  sample.set(STOPPED, {
    ...{ state: "stopped", waiting: `stopped: ${text}`, waitsFor: ["ceph"] },
    ...{ committed, end: committed + 61_300n, lag: 61_300n },
    pendingPlans: [{ start: committed, end: committed + 42_000n }],
  });
}

function away(http: Awaited<ReturnType<typeof startHttp>>, sample: SampleView): void {
  const text = "cannot reach nn1:9870 and nn2:9870: connection refused";
  http.live.take({
    what: "sink-state",
    sink: "lake",
    state: "retrying",
    code: "sink-transient",
    text,
  });
  sample.sink("lake", {
    state: "retrying",
    behind: 25_172_000n,
    next: new Date(Date.now() + 435_000).toISOString(),
  });
}
