import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import "./patience.ts";
import { parse } from "../../src/core/json.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { type AuditOptions, type AuditResult, auditTopic } from "../audit/audit-topic.ts";
import { Daemon } from "../faults/daemon.ts";
import { groupsAreReady } from "../kafka/live-kafka.ts";
import { cli, type Ended } from "../operate/cli-process.ts";
import { freePorts } from "../servers/server-process.ts";
import { committed, type Offsets, stableEnds } from "./offsets.ts";

/** One pipeline of the daemon under test: a group of its own and folders of its own. */
export interface Lane {
  readonly name: string;
  /** As YAML: names, or `{ regex: … }`. */
  readonly topics: readonly string[];
  readonly format?: "segment" | "ndjson";
  /** As YAML, such as `{ codec: gzip }`. */
  readonly compression?: string;
  readonly encrypted?: boolean;
  readonly batch?: string;
  /** Another line of the pipeline, as YAML. */
  readonly more?: string;
  /** @default one, named as the lane */
  readonly sinks?: readonly string[];
}

export interface LanesOptions {
  readonly bootstrap: string;
  readonly lanes: readonly Lane[];
  readonly memory?: string;
  readonly instanceId?: string;
  /** Each sink in a folder that can be taken away like a mount, not directly beside the configuration. */
  readonly mounted?: boolean;
  /** More of a sink's settings, as YAML, by its name. */
  readonly sinkSettings?: Readonly<Record<string, string>>;
  readonly sessionTimeout?: string;
}

/** A daemon with several pipelines, its folders and keys, and the two ways to check what it archived. */
export class Lanes {
  readonly dir: string;
  readonly config: string;
  readonly identity: string;
  readonly url: string;
  readonly #o: LanesOptions;
  #daemon: Daemon | null = null;

  private constructor(dir: string, port: number, o: LanesOptions) {
    this.dir = dir;
    this.#o = o;
    this.config = join(dir, "daemon.yaml");
    this.identity = join(dir, "identity");
    this.url = `http://127.0.0.1:${port}`;
  }

  static async prepare(o: LanesOptions): Promise<Lanes> {
    await groupsAreReady(o.bootstrap);
    const [port = 0] = await freePorts(1);
    const lanes = new Lanes(mkdtempSync(join(tmpdir(), "archiver-lanes-")), port, o);
    mkdirSync(lanes.dir, { recursive: true });
    execFileSync("age-keygen", ["-o", lanes.identity], { stdio: "pipe" });
    writeFileSync(join(lanes.dir, "seed"), `${randomBytes(32).toString("hex")}\n`);
    writeFileSync(lanes.config, lanes.#yaml());
    const sinks = o.lanes.flatMap((l) => l.sinks ?? [l.name]);
    if (o.mounted === true) for (const s of sinks) mkdirSync(join(lanes.dir, s));
    return lanes;
  }

  start(env: Readonly<Record<string, string>> = {}): Daemon {
    this.#daemon = Daemon.start(this.config, join(this.dir, "daemon.log"), env);
    return this.#daemon;
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error("the daemon was not started");
    return this.#daemon;
  }

  group(lane: string): string {
    return `${lane}-${this.dir.slice(-6)}`;
  }

  archive(sink: string): string {
    return this.#o.mounted === true ? join(this.dir, sink, "archive") : join(this.dir, sink);
  }

  async status(): Promise<StatusReport> {
    const answer = await fetch(`${this.url}/api/status`);
    if (answer.status !== 200) throw new Error(`/api/status: ${answer.status}`);
    return parse(await answer.text()) as StatusReport;
  }

  /** Waits until the group has committed up to the last stable offset of the named partitions. */
  async archived(
    lane: string,
    topics: readonly string[],
    o: { readonly ms?: number; readonly except?: ReadonlySet<string> } = {},
  ): Promise<Offsets> {
    const { ms = 60_000, except } = o;
    const until = Date.now() + ms;
    for (;;) {
      const ends = await stableEnds(this.#o.bootstrap, topics);
      const reached = await committed(this.#o.bootstrap, this.group(lane), topics);
      const behind = [...ends].filter(
        ([at, end]) => (reached.get(at) ?? -1n) < end && except?.has(at) !== true,
      );
      if (behind.length === 0) return ends;
      const log = (): string => `${behind.slice(0, 9).join("; ")}; log:\n${this.daemon.logTail()}`;
      if (!this.daemon.running) throw new Error(`the daemon ended: ${log()}`);
      if (Date.now() > until) throw new Error(`lane ${lane}: not archived in ${ms} ms: ${log()}`);
      await sleep(200);
    }
  }

  /** By the auditor, which shares nothing with the product. */
  async audit(
    sink: string,
    topic: string,
    more: Pick<AuditOptions, "vanishedAllowed" | "topicId" | "partition"> = {},
  ): Promise<AuditResult> {
    const { bootstrap } = this.#o;
    const found = await auditTopic({
      ...{ bootstrap, topic, archiveDir: this.archive(sink), identity: this.identity },
      ...more,
    });
    expect(found.problems).toEqual([]);
    expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
    if (more.vanishedAllowed !== true) expect(found.extra).toBe(0);
    return found;
  }

  cli(...argv: readonly string[]): Promise<Ended> {
    return cli([...argv, "--config", this.config]);
  }

  /** By the product's own command, for every sink of one lane or of all; every problem is shown. */
  async verified(lane?: string, ...argv: readonly string[]): Promise<VerifyReport> {
    const lanes = this.#o.lanes.filter((l) => lane === undefined || l.name === lane);
    const names = lanes.flatMap((l) => l.sinks ?? [l.name]);
    const together = names.length > lanes.length ? ["--across-sinks"] : [];
    const report = await this.verify(...names.flatMap((s) => ["--sink", s]), ...together, ...argv);
    const { sinks, againstKafka, across } = report;
    const problems = [
      ...sinks.flatMap((s) => [...(s.problems ?? []), ...s.partitions.flatMap((p) => p.problems)]),
      ...(againstKafka?.partitions.flatMap((p) => p.problems) ?? []),
      ...(across?.problems ?? []),
    ];
    expect(problems).toEqual([]);
    expect(report.ok).toBe(true);
    return report;
  }

  async verify(...argv: readonly string[]): Promise<VerifyReport> {
    const all = ["verify", "--deep", "--against-kafka", "--json", "--identity", this.identity];
    const { code, stdout, stderr } = await this.cli(...all, ...argv);
    if (code !== 0 && code !== 3) throw new Error(`verify ended with ${code}: ${stderr}`);
    return parse(stdout) as VerifyReport;
  }

  async close(): Promise<void> {
    if (this.#daemon?.running === true) await this.#daemon.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  #yaml(): string {
    const { bootstrap, lanes, memory, instanceId, sessionTimeout, sinkSettings } = this.#o;
    const kafka = [
      `brokers: [${JSON.stringify(bootstrap)}]`,
      `sessionTimeout: ${sessionTimeout ?? "6s"}`,
      "heartbeat: 500ms",
      ...(instanceId === undefined ? [] : [`instanceId: ${instanceId}`]),
    ];
    const recipient = execFileSync("age-keygen", ["-y", this.identity], { encoding: "utf8" });
    const encryption = `{ recipients: [${recipient.trim()}], seedFile: ./seed }`;
    const pipelines = lanes.map((l) => [
      `  - name: ${l.name}`,
      `    group: ${this.group(l.name)}`,
      `    topics: [${l.topics.join(", ")}]`,
      `    batch: ${l.batch ?? "{ bytes: 256KiB, age: 1s }"}`,
      `    format: ${l.format ?? "segment"}`,
      `    compression: ${l.compression ?? "{ codec: zstd }"}`,
      ...(l.more === undefined ? [] : [`    ${l.more}`]),
      ...(l.encrypted === true ? [`    encryption: ${encryption}`] : []),
      `    sinks: [${(l.sinks ?? [l.name]).join(", ")}]`,
    ]);
    const sinks = [...new Set(lanes.flatMap((l) => l.sinks ?? [l.name]))];
    const lines = [
      `kafka: { ${kafka.join(", ")} }`,
      `memory: ${memory ?? "64MiB"}`,
      `http: { listen: "${this.url.slice("http://".length)}" }`,
      "sinks:",
      ...sinks.map((s) => {
        const more = sinkSettings?.[s];
        const rest = more === undefined ? "" : `, ${more}`;
        return `  - { name: ${s}, kind: fs, path: ${this.archive(s)}${rest} }`;
      }),
      "pipelines:",
      ...pipelines.flat(),
    ];
    return `${lines.join("\n")}\n`;
  }
}
