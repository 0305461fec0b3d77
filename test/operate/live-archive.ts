import { rmSync } from "node:fs";
import { join } from "node:path";
import { configDir } from "../config/load.ts";
import { type ConfigOptions, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { groupsAreReady, sharedKafka } from "../kafka/live-kafka.ts";
import { batchesOf, type StoredBatch } from "./archive-damage.ts";
import { cli, type Ended, killedWhen, start, type Started } from "./cli-process.ts";

export interface LiveArchiveOptions extends Partial<Omit<ConfigOptions, "bootstrap">> {
  /** Of the topic and the group. */
  readonly word: string;
  readonly partitions: number;
  /** Made before, where a configuration names files. @default a new one */
  readonly dir?: string;
  /** So many times 300 records are archived before anything else happens. */
  readonly rounds: number;
}

/** A topic that a daemon archives, in a folder of its own, and the commands on that archive. */
export class LiveArchive {
  readonly name: string;
  readonly dir: string;
  readonly topic: LiveTopic;
  readonly #options: Omit<ConfigOptions, "sinks">;
  readonly #sinks: readonly string[];
  config: string;
  #daemon: Started;

  private constructor(o: LiveArchiveOptions, dir: string, topic: LiveTopic) {
    const { word: _, partitions: __, dir: ___, rounds: ____, sinks, ...more } = o;
    this.name = topic.topic;
    this.dir = dir;
    this.topic = topic;
    this.#sinks = sinks ?? ["files", "copy"];
    this.#options = {
      ...{ bootstrap: sharedKafka(), group: this.name, topics: [this.name] },
      ...{ batchBytes: "16KiB", age: "300ms", ...more },
    };
    this.config = this.written("archive.yaml");
    this.#daemon = start(["run", "--config", this.config]);
  }

  /** The daemon runs, and has archived the first rounds. */
  static async begin(o: LiveArchiveOptions): Promise<LiveArchive> {
    const bootstrap = sharedKafka();
    await groupsAreReady(bootstrap);
    const topic = await LiveTopic.create(bootstrap, `${o.word}-${process.pid}`, o.partitions);
    const archive = new LiveArchive(o, o.dir ?? configDir(), topic);
    await archive.#daemon.said("partitions assigned");
    for (let i = 0; i < o.rounds; i += 1) await archive.more(300);
    return archive;
  }

  /** Where a sink of files keeps its archive. */
  folder(sink: string): string {
    return join(this.dir, sink);
  }

  /** A batch of a sink of files, by partition and start; `partition` left out: of all. */
  batch(sink: string, at: number, partition?: number): StoredBatch {
    const all = batchesOf(this.folder(sink));
    const found = all.filter((b) => partition === undefined || b.partition === partition)[at];
    if (found === undefined) throw new Error(`the archive has no batch ${at}`);
    return found;
  }

  /** Another configuration of the same archive, in the same folder. */
  written(file: string, more: Partial<ConfigOptions> = {}): string {
    return writeConfig(this.dir, file, { sinks: this.#sinks, ...this.#options, ...more });
  }

  async more(records: number): Promise<void> {
    await this.topic.produce(records);
    await this.archived();
  }

  /** Resolves when everything that the topic has is committed. */
  archived(): Promise<void> {
    return this.topic.archived(this.name, 60_000, () =>
      this.#daemon.child.exitCode === null ? null : "the daemon ended",
    );
  }

  /** SIGTERM, and the exit code 0 that it owes. */
  async drain(): Promise<void> {
    this.#daemon.child.kill("SIGTERM");
    const { code, stderr } = await this.#daemon.ended;
    if (code !== 0) throw new Error(`drained with ${code}: ${stderr.slice(-4_000)}`);
  }

  async again(): Promise<void> {
    this.#daemon = start(["run", "--config", this.config]);
    await this.#daemon.said("partitions assigned");
  }

  argv(command: string, ...more: readonly string[]): readonly string[] {
    return [command, "--config", this.config, ...more];
  }

  run(command: string, ...more: readonly string[]): Promise<Ended> {
    return cli(this.argv(command, ...more));
  }

  /** Its `--json` with its exit code; rejects when it ended without having reported. */
  async reported<R>(
    command: string,
    ...more: readonly string[]
  ): Promise<R & { readonly code: number }> {
    const { code, stdout, stderr } = await this.run(command, "--json", ...more);
    if (!stdout.startsWith("{") || !stdout.includes('"tool"')) {
      throw new Error(`${command} ended with ${code}: ${stderr}${stdout}`);
    }
    return { ...(JSON.parse(stdout) as R), code: code ?? -1 };
  }

  /** "ok", or what `verify --deep --across-sinks --against-kafka` said. */
  async verified(...more: readonly string[]): Promise<string> {
    const how = ["--deep", "--across-sinks", "--against-kafka", ...more];
    const { code, stdout, stderr } = await this.run("verify", ...how);
    return code === 0 ? "ok" : `${code}: ${stdout}${stderr}`;
  }

  killed(due: () => boolean, argv: readonly string[]): Promise<void> {
    return killedWhen(due, argv);
  }

  async close(): Promise<void> {
    this.#daemon.child.kill("SIGKILL");
    await this.#daemon.ended;
    await this.topic.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
