import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { ExportOptions } from "../../src/observe/exporter.ts";
import { openLog } from "../../src/observe/log.ts";
import { Observer } from "../../src/observe/observer.ts";
import { description, EVENTS } from "./events.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";
import { SampleView, SMALL } from "./sample-view.ts";

let receiver: OtlpReceiver | null = null;
afterEach(async () => {
  await receiver?.stop();
  receiver = null;
});

const lines: string[] = [];

function open(otlp: Partial<ExportOptions> & { readonly endpoint: string }): Promise<Observer> {
  const to = new PassThrough();
  to.setEncoding("utf8").on("data", (text: string) => lines.push(text));
  return Observer.open({
    ...{ tool: "bulk-archiver", version: "1.2.3", group: "g", pipelines: 1 },
    ...{ perPartition: true, http: null },
    log: openLog({ level: "warn", to, secrets: [], version: "1" }),
    otlp: { headers: {}, metrics: true, traces: true, intervalMs: 1_000, attributes: {}, ...otlp },
  });
}

test("metrics: the same names and values as a scrape, with the resource and the headers", async () => {
  receiver = await OtlpReceiver.start();
  const observer = await open({
    ...{ endpoint: receiver.url, headers: { authorization: "Bearer x" } },
    attributes: { "deployment.environment.name": "test" },
  });
  observer.publish(new SampleView(SMALL).view());
  for (const event of EVENTS) observer.emit(event);
  await observer.close();
  const paths = new Set(receiver.requests.map((r) => r.path));
  expect(paths).toEqual(new Set(["/v1/metrics", "/v1/traces"]));
  expect(receiver.requests[0]?.headers["authorization"]).toBe("Bearer x");
  expect(receiver.resources[0]).toMatchObject({
    "service.name": "bulk-archiver",
    "service.version": "1.2.3",
    "deployment.environment.name": "test",
  });
  const metric = (name: string) => receiver?.metrics.findLast((m) => m.name === name);
  expect(metric("bulk_archiver_records_total")).toMatchObject({
    kind: 7,
    points: [{ attributes: { topic: "logs" }, value: 10 }],
  });
  expect(metric("bulk_archiver_memory_limit_bytes")).toMatchObject({
    ...{ kind: 5, unit: "By", points: [{ value: 256 * 1024 ** 2 }] },
  });
  const stages = metric("bulk_archiver_stage_seconds");
  expect(stages).toMatchObject({ kind: 9, unit: "s" });
  const seal = stages?.points.find((p) => p.attributes["stage"] === "seal");
  expect(seal?.bounds.slice(0, 3)).toEqual([0.005, 0.02, 0.05]);
  // 12 ms: in the second bucket, and counted once.
  expect(seal?.counts).toEqual([0, 1, ...Array<number>(12).fill(0)]);
  expect(seal?.value).toBeCloseTo(0.012);
  expect(metric("bulk_archiver_partition_lag_offsets")?.points.length).toBe(22);
  expect(metric("process_resident_memory_bytes")?.kind).toBe(5);
});

test("a trace a batch: sealed, then delivered, each with its time", async () => {
  receiver = await OtlpReceiver.start();
  const observer = await open({ endpoint: receiver.url, metrics: false });
  const batch = description();
  observer.emit({ what: "batch-sealed", batch, rawBytes: 5000, ms: 120, reason: "bytes" });
  await sleep(60);
  observer.emit({ what: "batch-confirmed", batch, ms: 50 });
  const scope = { topic: "logs", topicId: "_", partition: 3, branch: 0 };
  observer.emit({ what: "partition-stopped", scope, code: "sink-conflict", text: "other bytes" });
  await observer.close();
  const span = (name: string) => receiver?.spans.find((s) => s.name === name);
  const [root, seal, deliver] = [span("archive batch"), span("seal"), span("deliver")];
  expect(root?.parentId).toBe("");
  expect([seal?.parentId, deliver?.parentId]).toEqual([root?.spanId, root?.spanId]);
  expect([seal?.traceId, deliver?.traceId]).toEqual([root?.traceId, root?.traceId]);
  expect(root?.attributes).toMatchObject({
    "messaging.system": "kafka",
    "messaging.destination.name": "logs",
    "messaging.destination.partition.id": "3",
    "bulk_archiver.start": "9007199254740993",
    "bulk_archiver.raw_bytes": "5000",
  });
  expect((seal?.endMs ?? 0) - (seal?.startMs ?? 0)).toBe(120);
  expect((deliver?.endMs ?? 0) - (deliver?.startMs ?? 0)).toBe(50);
  expect(root?.startMs).toBe(seal?.startMs);
  expect(root?.endMs).toBe(deliver?.endMs);
  expect(span("partition stopped")).toMatchObject({ failed: true });
  expect(receiver.metrics).toEqual([]);
});

test("a collector that is away: the archiver goes on, the log says so once, the end is not held up", async () => {
  const observer = await open({ endpoint: "http://127.0.0.1:9", intervalMs: 1_000 });
  lines.length = 0;
  for (let i = 0; i < 20_000; i++) {
    const batch = { ...description(), start: BigInt(i) };
    observer.emit({ what: "batch-sealed", batch, rawBytes: 1, ms: 1, reason: "age" });
    if (i % 2 === 0) observer.emit({ what: "batch-confirmed", batch, ms: 1 });
  }
  await sleep(2_500);
  const began = Date.now();
  await observer.close();
  expect(Date.now() - began).toBeLessThan(7_000);
  const said = lines
    .join("")
    .split("\n")
    .filter((l) => l.includes("OpenTelemetry"));
  expect(said.length).toBeGreaterThan(0);
  expect(said.length).toBeLessThan(10);
}, 30_000);
