import { spawn } from "node:child_process";
import type { Clock } from "../core/ports.ts";
import type { Log } from "../observe/log.ts";
import type { StatusReport } from "../observe/status-report.ts";
import { STOPPING } from "../observe/verdict.ts";
import { StallWatch } from "./stall-watch.ts";

/**
 * Node has no datagram sockets in the file system, so systemd's own program sends (9 ms each): the unit
 * says `NotifyAccess=all`, because the message then comes from a child.
 */
const PROGRAM = "systemd-notify";

const STATUS_MS = 10_000;
/** A start that waits for a sink is a start: else the supervisor would end it, again and again. */
const READY_AT_LAST_MS = 20_000;

export interface NotifierOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly clock: Clock;
  /** Null while the daemon cannot say. */
  readonly status: () => StatusReport | null;
  /** What the page says at its head. */
  readonly sentence: () => string;
  /** After so long without progress, where nothing is away, the watchdog is no longer fed. */
  readonly stallMs: number;
}

/** Tells whoever started the process how it is: sd_notify(3). Does nothing without `NOTIFY_SOCKET`. */
export class ServiceNotifier {
  readonly #o: NotifierOptions;
  readonly #stalls: StallWatch;
  readonly #beginMs: number;
  readonly #timer: NodeJS.Timeout | null;
  readonly #watchdog: boolean;
  #state: "starting" | "ready" | "reloading" | "stopping" = "starting";
  /** Messages go one after another: systemd counts the last. */
  #sending: Promise<void> = Promise.resolve();
  #waiting = 0;
  #failed = false;

  constructor(o: NotifierOptions) {
    this.#o = o;
    this.#stalls = new StallWatch(o.stallMs);
    this.#beginMs = o.clock.now();
    const everyMs = watchdogMs(o.env);
    this.#watchdog = everyMs !== null;
    const active = (o.env["NOTIFY_SOCKET"] ?? "") !== "";
    const tickMs = Math.min(STATUS_MS, (everyMs ?? 4 * STATUS_MS) / 3);
    this.#timer = active ? setInterval(() => this.#tick(), tickMs) : null;
    this.#timer?.unref();
  }

  /** It can answer: what a start waits for is over. */
  ready(): void {
    if (this.#state === "starting") this.#say("ready", "READY=1");
  }

  reload(state: "reloading" | "done"): void {
    // What is read anew while it starts is a part of the start.
    if (this.#state === "starting") return;
    const usec = process.hrtime.bigint() / 1000n;
    if (state === "done") this.#say("ready", "READY=1");
    else this.#say("reloading", "RELOADING=1", `MONOTONIC_USEC=${usec}`);
  }

  stopping(): void {
    this.#say("stopping", "STOPPING=1");
  }

  /** Waits for what was said. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#sending;
  }

  #tick(): void {
    // One that is not sent yet says it as well.
    if (this.#waiting > 1) return;
    const { clock } = this.#o;
    if (clock.now() - this.#beginMs > READY_AT_LAST_MS) this.ready();
    const status = this.#o.status();
    const stalled = status === null ? null : this.#stalls.look(status, clock.now());
    const feed = this.#watchdog && stalled === null ? ["WATCHDOG=1"] : [];
    if (stalled !== null) this.#o.log.error({ stalled }, "no progress: the watchdog is not fed");
    this.#send([...feed, `STATUS=${stalled ?? this.#line()}`]);
  }

  /** The page's own words; its no-break spaces are nothing for a terminal. */
  #line(): string {
    const sentence = this.#state === "stopping" ? STOPPING : this.#o.sentence();
    return sentence.replaceAll(/\s/g, " ");
  }

  #say(state: "ready" | "reloading" | "stopping", ...fields: readonly string[]): void {
    if (this.#timer === null) return;
    this.#state = state;
    this.#send([...fields, `STATUS=${this.#line()}`]);
  }

  #send(fields: readonly string[]): void {
    this.#waiting += 1;
    this.#sending = this.#sending.then(async () => {
      try {
        await sent(fields, this.#o.env);
        this.#failed = false;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!this.#failed) this.#o.log.warn({ error: text }, "the service manager cannot be told");
        this.#failed = true;
      }
      this.#waiting -= 1;
    });
  }
}

/** `WATCHDOG_USEC` for this process, in milliseconds; null: nobody watches. */
function watchdogMs(env: NodeJS.ProcessEnv): number | null {
  const pid = env["WATCHDOG_PID"];
  if (pid !== undefined && pid !== String(process.pid)) return null;
  const usec = Number(env["WATCHDOG_USEC"]);
  return Number.isFinite(usec) && usec > 0 ? Math.max(300, usec / 1000) : null;
}

const SEND_MS = 10_000;

function sent(fields: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(PROGRAM, [...fields], { env, stdio: "ignore", timeout: SEND_MS });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${PROGRAM} ended with ${code ?? signal}`));
    });
  });
}
