import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { auditTopic } from "../audit/audit-topic.ts";
import { Daemon } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { cli, type Ended } from "../operate/cli-process.ts";
import type { CephServer } from "../servers/ceph.ts";
import type { KafkaServer } from "../servers/kafka.ts";
import type { BucketKind } from "../sinks/s3/server.ts";
import { Dice } from "../soak/dice.ts";
import { Bucket } from "./bucket.ts";
import { type Door, heal } from "./doors.ts";
import type { Promised } from "./promises.ts";
import { differences } from "./same-files.ts";
import { configText, type Settings } from "./settings.ts";

const SETTLE_MS = 90_000;

/** What a stage may use besides its Kafka. */
export interface Around {
  /** Ways to Kafka that are this stage's alone. */
  readonly doors?: readonly Door[];
  /** @default 2026 */
  readonly seed?: number;
  ceph?(): Promise<CephServer>;
}

/** Where one case plays: a topic under live production, daemons, folders, and everything that was said. */
export class Stage {
  readonly name: string;
  readonly dir: string;
  readonly kafka: KafkaServer;
  readonly live: LiveTopic;
  /** The same throws for the same seed and case. */
  readonly dice: Dice;
  readonly injected: string[] = [];
  readonly reported: string[] = [];
  readonly wrong: string[] = [];
  readonly #daemons: Daemon[] = [];
  readonly #buckets: Bucket[] = [];
  readonly #around: Around;
  readonly #admin: Admin;

  private constructor(
    name: string,
    dir: string,
    kafka: KafkaServer,
    live: LiveTopic,
    around: Around,
  ) {
    this.name = name;
    this.dir = dir;
    this.kafka = kafka;
    this.live = live;
    this.#around = around;
    this.dice = new Dice((around.seed ?? 2026) + crc32(Buffer.from(name)));
    const client = new Kafka({ brokers: kafka.bootstrap.split(","), logLevel: logLevel.NOTHING });
    this.#admin = client.admin();
  }

  static async open(
    name: string,
    dir: string,
    kafka: KafkaServer,
    partitions: number,
    around: Around = {},
  ): Promise<Stage> {
    mkdirSync(dir, { recursive: true });
    const topic = `m-${randomBytes(4).toString("hex")}`;
    const live = await LiveTopic.create(kafka.bootstrap, topic, partitions);
    const stage = new Stage(name, dir, kafka, live, around);
    await stage.#admin.connect();
    execFileSync("age-keygen", ["-o", stage.identity], { stdio: "pipe" });
    stage.seed("seed", "k1");
    return stage;
  }

  get topic(): string {
    return this.live.topic;
  }

  get identity(): string {
    return join(this.dir, "identity");
  }

  get admin(): Admin {
    return this.#admin;
  }

  /** A way to Kafka that can fail. */
  door(i: number): Door {
    const found = this.#around.doors?.[i];
    if (found === undefined) throw new Error(`${this.name} has no door ${i}`);
    return found;
  }

  /** A new bucket of a new user, behind a network of its own. */
  async bucket(kind: BucketKind = "plain"): Promise<Bucket> {
    const ceph = await this.#around.ceph?.();
    if (ceph === undefined) throw new Error(`${this.name} has no Ceph`);
    const bucket = await Bucket.open(ceph, this.topic, kind);
    this.#buckets.push(bucket);
    return bucket;
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /** A seed file with a fresh key in front of those of another one. */
  seed(file: string, keyId: string, before?: string): void {
    const old = before === undefined ? "" : readFileSync(this.path(before), "utf8");
    writeFileSync(this.path(file), `${keyId}:${randomBytes(32).toString("hex")}\n${old}`);
  }

  config(file: string, settings: Settings = {}): string {
    const recipient = execFileSync("age-keygen", ["-y", this.identity], {
      encoding: "utf8",
    }).trim();
    const path = this.path(file);
    const { topic, kafka } = this;
    writeFileSync(path, configText({ topic, recipient, bootstrap: kafka.bootstrap, ...settings }));
    return path;
  }

  start(config: string, env: Readonly<Record<string, string>> = {}): Daemon {
    const daemon = Daemon.start(config, this.path(`daemon-${this.#daemons.length}.log`), env);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Produces this many records now. */
  async put(records = 300): Promise<void> {
    for (let left = records; left > 0; left -= 100) await this.live.produce(Math.min(left, 100));
  }

  /** Starts a daemon that dies at a step of the protocol, and waits for that. */
  async diesAt(config: string, step: string): Promise<void> {
    const daemon = this.start(config, { BULK_ARCHIVER_FAILPOINT: step });
    const { signal } = await daemon.exited(60_000);
    if (signal !== "SIGKILL") this.wrong.push(`the daemon did not die at ${step}`);
  }

  /** Everything that Kafka has is committed by the group. */
  async settled(group = this.topic): Promise<void> {
    await this.live.archived(group, SETTLE_MS, () => {
      if (this.#daemons.some((d) => d.running)) return null;
      return `no daemon runs; its log ends:\n${this.#daemons.at(-1)?.logTail()}`;
    });
  }

  /** Some more is committed than was at this moment. */
  async archivesSome(group = this.topic): Promise<void> {
    const sum = async (): Promise<bigint> =>
      (await this.live.committed(group)).reduce((n, offset) => n + (offset < 0n ? 0n : offset), 0n);
    const before = await sum();
    const until = Date.now() + SETTLE_MS;
    while ((await sum()) <= before) {
      if (Date.now() > until) throw new Error(`nothing was archived for ${SETTLE_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Archives something and stops; the configuration's path. */
  async archivedOnce(): Promise<string> {
    const config = this.config("c.yaml");
    this.start(config);
    await this.put(600);
    await this.settled();
    await this.drained();
    return config;
  }

  /** Archives more, stops, and everything is right. */
  async goesOn(config: string): Promise<void> {
    this.start(config);
    await this.put(300);
    await this.settled();
    await this.drained();
    await this.audited();
    await this.verified(config);
  }

  /** Every daemon that runs is drained. */
  async drained(): Promise<void> {
    for (const d of this.#daemons) if (d.running) await d.drain();
  }

  /** Lines of all daemons' logs that match; the first is reported. */
  said(pattern: RegExp): readonly string[] {
    const found = this.heard(pattern);
    const [first] = found;
    if (first === undefined) this.wrong.push(`nothing was said of ${pattern}`);
    else this.reported.push(textOf(first));
    return found;
  }

  unsaid(pattern: RegExp): void {
    const [found] = this.heard(pattern);
    if (found !== undefined) this.wrong.push(`it was said: ${textOf(found)}`);
  }

  /** Waits until a log has it. */
  async says(pattern: RegExp, ms = 40_000): Promise<void> {
    for (const until = Date.now() + ms; Date.now() < until;) {
      if (this.heard(pattern).length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    this.said(pattern);
  }

  /** Lines of all daemons' logs so far. */
  heard(pattern: RegExp): readonly string[] {
    const all = this.#daemons.flatMap((d) => readFileSync(d.logPath, "utf8").split("\n"));
    return all.filter((line) => pattern.test(line));
  }

  cli(...argv: readonly string[]): Promise<Ended> {
    return cli(argv);
  }

  async verified(config: string, ...more: readonly string[]): Promise<void> {
    const sinks = readFileSync(config, "utf8").match(/^  - \{ name:/gm) ?? [];
    const across = sinks.length > 1 ? ["--across-sinks"] : [];
    const all = ["verify", "--config", config, "--deep", "--against-kafka", ...across];
    const { code, stdout, stderr } = await cli([...all, "--identity", this.identity, ...more]);
    if (code !== 0) this.wrong.push(`verify ends with ${code}: ${stdout}${stderr}`);
  }

  /** By librdkafka's view of the topic and the auditor's own reading of each folder. */
  async audited(
    folders: readonly string[] = ["files", "copy"],
    o: { readonly vanished?: boolean; readonly topicId?: string; readonly lost?: number } = {},
  ): Promise<void> {
    const { bootstrap } = this.kafka;
    for (const folder of folders) {
      const found = await auditTopic({
        ...{ bootstrap, topic: this.topic, archiveDir: this.path(folder), identity: this.identity },
        ...(o.vanished === true ? { vanishedAllowed: true } : {}),
        ...(o.topicId === undefined ? {} : { topicId: o.topicId }),
      });
      const { records, lost, duplicated, different, problems } = found;
      const extra = o.vanished === true ? 0 : found.extra;
      const good = lost === (o.lost ?? 0) && duplicated + different + extra === 0;
      if (records === 0) this.wrong.push(`${folder}: the topic is empty, which proves nothing`);
      if (!good || (problems.length > 0 && o.lost === undefined))
        this.wrong.push(
          `${folder}: lost ${lost}, duplicated ${duplicated}, different ${different}, extra ${extra}; ${problems.slice(0, 3).join("; ")}`,
        );
      else this.reported.push(`${folder}: ${records} records, each once and equal`);
    }
    this.wrong.push(...differences(folders.map((folder) => this.path(folder))));
  }

  /** Kafka refuses changes of a group's offsets while it has members. */
  async kafkaGroupIsEmpty(): Promise<void> {
    for (let i = 0; i < 100; i += 1) {
      const { groups } = await this.#admin.describeGroups([this.topic]);
      if (["Empty", "Dead"].includes(groups[0]?.state ?? "")) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`group ${this.topic} still has members`);
  }

  expect(holds: boolean, what: string): void {
    if (!holds) this.wrong.push(`expected: ${what}`);
  }

  async close(): Promise<void> {
    for (const d of this.#daemons) if (d.running) await d.kill();
    for (const door of this.#around.doors ?? []) heal(door);
    for (const bucket of this.#buckets) await bucket.close();
    await this.live.close();
    await this.#admin.disconnect();
  }
}

/** A log line's own words; an error that ends the daemon is said in plain text. */
export function textOf(line: string): string {
  if (!line.startsWith("{")) return line.slice(0, 200);
  const { code, text, msg, reason } = JSON.parse(line) as Readonly<Record<string, string>>;
  return [msg, code, text ?? reason]
    .filter((t) => t !== undefined)
    .join(": ")
    .slice(0, 200);
}

export interface FaultCase {
  readonly name: string;
  /** Which promises do not hold when it fails. */
  readonly shows: readonly Promised[];
  /** @default 3 */
  readonly partitions?: number;
  run(stage: Stage): Promise<void>;
}
