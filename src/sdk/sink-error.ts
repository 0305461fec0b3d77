import { ArchiverError } from "../core/errors.ts";

export type SinkErrorCode = "sink-transient" | "sink-unauthorized" | "sink-permanent";

/** What a sink raises. `retryAfterMs` is what the store asked for, when it asked. */
export class SinkError extends ArchiverError {
  readonly retryAfterMs: number | undefined;
  constructor(
    code: SinkErrorCode,
    message: string,
    options?: { cause?: unknown; retryAfterMs?: number },
  ) {
    super(code, message, options);
    this.name = "SinkError";
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** A store says that it replaces nothing on condition, so that a late request could do harm; nothing was changed. */
export class CannotReplace extends SinkError {
  constructor(message: string) {
    super("sink-permanent", message);
    this.name = "CannotReplace";
  }
}
