import type { Writable } from "node:stream";
import cliProgress from "cli-progress";
import { sizeText } from "../config/units.ts";

const LINE_EVERY_MS = 10_000;
const FRAMES_PER_SECOND = 4;

export interface ProgressOptions {
  /** What is done, in one word: the command's name. */
  readonly title: string;
  /** What is counted: `offsets`, `batches`. */
  readonly unit: string;
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * How far a command is, on stderr: a bar with rate and time left on a terminal, else a plain line every ten
 * seconds, so that short runs say nothing.
 */
export class Progress {
  readonly #o: ProgressOptions;
  readonly #bar: cliProgress.SingleBar | undefined;
  readonly #began: number;
  #said: number;
  #total = 0;
  #done = 0;
  #bytes = 0;
  #shown = false;

  constructor(o: ProgressOptions) {
    this.#o = o;
    this.#began = o.now();
    this.#said = this.#began;
    if (o.stderr.isTTY !== true) return;
    this.#bar = new cliProgress.SingleBar({
      stream: o.stderr as NodeJS.WritableStream,
      format: `${o.title} {bar} {percentage}%  {note}`,
      hideCursor: true,
      clearOnComplete: true,
      fps: FRAMES_PER_SECOND,
      formatBar: cliProgress.Format.BarFormat,
    });
  }

  /** More is to be done than was known. */
  expect(units: number): void {
    this.#total += units;
    this.#show();
  }

  /** `bytes`: what the rate is of. */
  done(units: number, bytes: number): void {
    this.#done += units;
    this.#bytes += bytes;
    this.#show();
  }

  stop(): void {
    this.#bar?.stop();
    this.#shown = false;
  }

  #show(): void {
    const [bar, note] = [this.#bar, this.#note()];
    if (bar !== undefined) {
      if (!this.#shown) bar.start(this.#most, this.#done, { note });
      this.#shown = true;
      bar.setTotal(this.#most);
      bar.update(this.#done, { note });
      return;
    }
    const now = this.#o.now();
    if (now - this.#said < LINE_EVERY_MS) return;
    this.#said = now;
    this.#o.stderr.write(`${this.#o.title}: ${note}\n`);
  }

  /** Who cannot say how much there is shows what is done. */
  get #most(): number {
    return Math.max(1, this.#total, this.#done);
  }

  #note(): string {
    const seconds = (this.#o.now() - this.#began) / 1000;
    const rate = seconds > 0 ? this.#bytes / seconds : 0;
    const left = this.#done > 0 ? (seconds * (this.#total - this.#done)) / this.#done : Number.NaN;
    const time = Number.isFinite(left) ? `, ${durationText(Math.max(0, left))} left` : "";
    if (this.#total === 0) return `${this.#done} ${this.#o.unit}`;
    const of = `${this.#done} of ${this.#total} ${this.#o.unit}`;
    return `${of}, ${sizeText(Math.round(rate))}/s${time}`;
  }
}

function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
