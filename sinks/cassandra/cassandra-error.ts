import { errors, types } from "cassandra-driver";
import { messageOf } from "../../src/core/message.ts";
import { SinkError, type SinkErrorCode } from "../../src/sdk/sink-error.ts";

const codes = types.responseErrorCodes;

/** Of a request that a node refused; everything else a node may answer is worth another try. */
const REFUSED: ReadonlyMap<number, SinkErrorCode> = new Map<number, SinkErrorCode>([
  [codes.badCredentials, "sink-unauthorized"],
  [codes.unauthorized, "sink-unauthorized"],
  [codes.protocolError, "sink-permanent"],
  [codes.syntaxError, "sink-permanent"],
  [codes.invalid, "sink-permanent"],
  [codes.configError, "sink-permanent"],
  [codes.functionFailure, "sink-permanent"],
]);

const NO_SCHEMA =
  /unconfigured table|keyspace \S+ (?:does not|doesn't) exist|table \S+ does not exist/i;

/** The keyspace or one of its tables is not there. */
export class SchemaMissingError extends SinkError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("sink-permanent", message, options);
    this.name = "SchemaMissingError";
  }
}

/**
 * Whether a statement could not be prepared again where it was forgotten: the driver does not say
 * why, and a table that is gone is the usual reason.
 */
export function isForgotten(error: unknown): boolean {
  const cause = error instanceof SinkError ? error.cause : undefined;
  return (
    cause instanceof errors.NoHostAvailableError &&
    inner(cause).some(([, e]) => e instanceof errors.ResponseError && e.code === codes.unprepared)
  );
}

/** What the driver raised, as an error of a sink; `doing` names the keyspace and the step. */
export function sinkErrorOf(cause: unknown, doing: string): SinkError {
  if (cause instanceof SinkError) return cause;
  const text = `${doing}: ${textOf(cause)}`;
  if (cause instanceof errors.ResponseError) {
    if (cause.code === codes.invalid && NO_SCHEMA.test(cause.message)) {
      return new SchemaMissingError(text, { cause });
    }
    return new SinkError(REFUSED.get(cause.code) ?? "sink-transient", text, { cause });
  }
  if (refusesUs(cause)) return new SinkError("sink-unauthorized", text, { cause });
  const ours = cause instanceof errors.ArgumentError || cause instanceof errors.NotSupportedError;
  return new SinkError(ours ? "sink-permanent" : "sink-transient", text, { cause });
}

/** A log-in that failed on any node is an answer about the credentials, not about the network. */
function refusesUs(error: unknown): boolean {
  if (error instanceof errors.AuthenticationError) return true;
  return error instanceof errors.NoHostAvailableError && inner(error).some(([, e]) => refusesUs(e));
}

const inner = (error: errors.NoHostAvailableError): [string, unknown][] =>
  Object.entries((error.innerErrors ?? {}) as Record<string, unknown>);

/** Every node with what went wrong there: the driver's own text has only the first. */
function textOf(error: unknown): string {
  if (!(error instanceof errors.NoHostAvailableError)) return messageOf(error);
  const nodes = inner(error).map(([node, e]) => `${node}: ${messageOf(e)}`);
  return nodes.length === 0 ? error.message : `no node answers (${nodes.join("; ")})`;
}
