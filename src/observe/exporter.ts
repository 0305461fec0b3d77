import type { ArchiverEvent } from "./events.ts";

/** Where metrics and traces go. Headers may hold secrets. */
export interface ExportOptions {
  /** Base URL; `/v1/metrics` and `/v1/traces` are added. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metrics: boolean;
  readonly traces: boolean;
  readonly intervalMs: number;
  /** Of the resource, beside service.name and service.version. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Sends what it takes somewhere; never throws, and holds a bounded amount of what it cannot send. */
export interface Exporter {
  take(event: ArchiverEvent): void;
  /** Sends what is left, within some seconds. */
  close(): Promise<void>;
}
