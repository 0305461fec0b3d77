import type { Emit } from "./events.ts";
import type { Log } from "./log.ts";
import type { StatusReport } from "./status-report.ts";

/** What the daemon lets others see while it runs. Called at any time and never throws. */
export interface DaemonView {
  status(): StatusReport;
  /** Null: ready; else why not, in words. */
  notReady(): string | null;
}

/** What the daemon gets from the command that runs it. */
export interface DaemonHost {
  readonly tool: string;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly emit: Emit;
  /** Once, as soon as it can answer. */
  publish(view: DaemonView): void;
}
