import type { Config } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import type { Emit } from "../observe/events.ts";
import type { Log } from "../observe/log.ts";

export interface ReloadOptions {
  /** Reads the configuration file again. @throws ConfigError */
  readonly load: () => Promise<Config>;
  readonly log: Log;
  /** Those that the log cuts out; what a new configuration brings is added before anything is said. */
  readonly secrets: Secret[];
  /** `--log-level` goes before the file. */
  readonly fixedLevel: boolean;
  readonly emit: Emit;
  /** Before and after, for whoever started the daemon. */
  readonly on?: (state: "reloading" | "done") => void;
}

/** Reads the configuration again at each SIGHUP, one after another; what is wrong changes nothing. */
export class ReloadSignal {
  readonly #o: ReloadOptions;
  readonly #onSignal = (): void => this.#ask();
  #take: ((next: Config) => Promise<readonly string[]>) | null = null;
  #busy = false;
  #again = false;

  constructor(o: ReloadOptions) {
    this.#o = o;
    process.on("SIGHUP", this.#onSignal);
  }

  /** Until then a signal is answered with a refusal. */
  takenBy(take: (next: Config) => Promise<readonly string[]>): void {
    this.#take = take;
  }

  close(): void {
    process.off("SIGHUP", this.#onSignal);
  }

  #ask(): void {
    if (this.#busy) this.#again = true;
    else void this.#reload();
  }

  async #reload(): Promise<void> {
    const { on } = this.#o;
    this.#busy = true;
    do {
      this.#again = false;
      on?.("reloading");
      await this.#once();
      on?.("done");
    } while (this.#again);
    this.#busy = false;
  }

  async #once(): Promise<void> {
    const { load, log, secrets, fixedLevel, emit } = this.#o;
    try {
      const next = await load();
      secrets.push(...next.secrets);
      if (this.#take === null)
        throw new ArchiverError("interrupted", "the daemon is still starting");
      const changed = await this.#take(next);
      if (!fixedLevel) log.level = next.log.level;
      emit({ what: "config-reloaded", changed });
    } catch (error) {
      if (!(error instanceof ArchiverError)) throw error;
      emit({ what: "reload-refused", code: error.code, text: error.message });
    }
  }
}
