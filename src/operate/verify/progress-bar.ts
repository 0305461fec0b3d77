import type { Writable } from "node:stream";
import cliProgress from "cli-progress";
import type { VerifyProgress } from "./verify-archive.ts";

const MIB = 1 << 20;

/** How far a run is, on stderr and only on a terminal. */
export class VerifyBar implements VerifyProgress {
  readonly #bar: cliProgress.SingleBar | undefined;
  #total = 0;
  #done = 0;
  #records = 0n;
  #started = false;

  constructor(stderr: Writable & { readonly isTTY?: boolean }) {
    if (stderr.isTTY !== true) return;
    const format = "verify {bar} {value}/{total} MiB  {note}";
    this.#bar = new cliProgress.SingleBar({
      stream: stderr as NodeJS.WritableStream,
      format,
      hideCursor: true,
      clearOnComplete: true,
      ...{
        fps: 4,
        formatBar: cliProgress.Format.BarFormat,
      },
    });
  }

  total(_batches: number, bytes: number): void {
    this.#total += bytes;
    this.#show();
  }

  done(_batches: number, bytes: number): void {
    this.#done += bytes;
    this.#show();
  }

  compared(records: bigint): void {
    this.#records += records;
    this.#show();
  }

  stop(): void {
    this.#bar?.stop();
    this.#started = false;
  }

  #show(): void {
    const bar = this.#bar;
    if (bar === undefined) return;
    const [done, total] = [this.#done, this.#total].map((bytes) => Math.ceil(bytes / MIB)) as [
      number,
      number,
    ];
    const note = this.#records > 0n ? `${this.#records} records compared with Kafka` : "";
    if (!this.#started) bar.start(total, done, { note });
    this.#started = true;
    bar.setTotal(total);
    bar.update(done, { note });
  }
}
