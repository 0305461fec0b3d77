import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import "./patience.ts";
import { parse } from "../../src/core/json.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";
import { type ConfigOptions, Daemon, writeConfig } from "../faults/daemon.ts";
import { freePorts } from "../servers/server-process.ts";

/** One of several daemons that share a group, a folder of sinks and nothing else. */
export class Member {
  readonly name: string;
  readonly #config: string;
  readonly #url: string;
  readonly #logPath: string;
  #daemon: Daemon | null = null;

  private constructor(name: string, config: string, url: string, logPath: string) {
    this.name = name;
    this.#config = config;
    this.#url = url;
    this.#logPath = logPath;
  }

  static async prepare(
    dir: string,
    name: string,
    o: Omit<ConfigOptions, "extra">,
  ): Promise<Member> {
    const [port = 0] = await freePorts(1);
    const extra = `http: { listen: "127.0.0.1:${port}" }`;
    const config = writeConfig(dir, `${name}.yaml`, { ...o, extra });
    return new Member(name, config, `http://127.0.0.1:${port}`, join(dir, `${name}.log`));
  }

  start(): void {
    this.#daemon = Daemon.start(this.#config, this.#logPath);
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error(`${this.name} was not started`);
    return this.#daemon;
  }

  /** Null until it is a member of the group and answers. */
  async status(): Promise<StatusReport | null> {
    const answer = await fetch(`${this.#url}/api/status`).catch((error: unknown) => {
      if (error instanceof TypeError) return null;
      throw error;
    });
    if (answer?.status !== 200) return null;
    const report = parse(await answer.text()) as StatusReport;
    return report.member === null ? null : report;
  }

  /** Waits until it owns so many partitions, all of them past the reading of positions. */
  async owns(count: number, ms = 60_000): Promise<{ generation: number; owned: string[] }> {
    for (const until = Date.now() + ms; ; await sleep(50)) {
      const status = await this.status();
      const running = status?.partitions.filter((p) => p.state === "running") ?? [];
      if (status?.partitions.length === count && running.length === count) {
        const owned = running.map((p) => `${p.topic}/${p.partition}`).sort();
        return { generation: status.member?.generation ?? -1, owned };
      }
      if (this.daemon.running && Date.now() < until) continue;
      const has = `${running.length} of ${count} partitions run`;
      throw new Error(`${this.name}: ${has}; log ends:\n${this.daemon.logTail()}`);
    }
  }

  /** The sum of a metric over its labels, since the process began. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.#url}/metrics`)).text();
    const found = text.matchAll(new RegExp(`^bulk_archiver_${name}(?:\\{.*\\})? (\\S+)$`, "gm"));
    return [...found].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /**
   * Of each batch that it confirmed, over all its lives, the partition and the time. Of a partition under
   * steady production, the longest time between two of them less the usual one is its stall.
   */
  confirmations(): { readonly partition: number; readonly atMs: number }[] {
    const lines = readFileSync(this.#logPath, "utf8").split("\n").slice(0, -1);
    return lines
      .map((l) => JSON.parse(l) as { msg?: string; partition?: number; time?: string })
      .filter((l) => l.msg === "batch confirmed by every sink")
      .map((l) => ({ partition: l.partition ?? -1, atMs: Date.parse(l.time ?? "") }));
  }

  /** Generations of the assignments that it received, over all its lives. */
  generations(): number[] {
    const lines = readFileSync(this.#logPath, "utf8").split("\n").slice(0, -1);
    return lines
      .map((l) => JSON.parse(l) as { msg?: string; generation?: number })
      .filter((l) => l.msg === "partitions assigned")
      .map((l) => l.generation ?? -1);
  }

  async close(): Promise<void> {
    if (this.#daemon?.running === true) await this.#daemon.kill();
  }
}
