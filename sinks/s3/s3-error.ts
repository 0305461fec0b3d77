import { ArchiverError } from "../../src/core/errors.ts";
import { messageOf } from "../../src/core/message.ts";
import { SinkError, type SinkErrorCode } from "../../src/sdk/sink-error.ts";

/** What the store, the network or the SDK said about one request that failed. */
interface Refusal {
  /** 0: there was no answer. */
  readonly status: number;
  /** The store's error code, or the name of the error. */
  readonly code: string;
  readonly text: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

type Verdict = readonly [SinkErrorCode, string];

/** Codes whose meaning is not that of their status, or that need a word on what to do. */
const CODES: Readonly<Record<string, Verdict>> = {
  NoSuchBucket: ["sink-permanent", "create the bucket, or correct `bucket` or `endpoint`"],
  InvalidBucketName: ["sink-permanent", "correct `bucket`"],
  PermanentRedirect: ["sink-permanent", "the bucket is elsewhere: correct `region` or `endpoint`"],
  TemporaryRedirect: ["sink-transient", "a new bucket's name is still being spread"],
  AuthorizationHeaderMalformed: ["sink-permanent", "correct `region`"],
  IllegalLocationConstraintException: ["sink-permanent", "correct `region`"],
  RequestTimeTooSkewed: [
    "sink-transient",
    "this machine's clock is wrong: set it; the next request allows for the difference",
  ],
  QuotaExceeded: ["sink-transient", "the quota is used up: raise it or free space"],
  ExpiredToken: ["sink-unauthorized", "bring new temporary keys"],
  InvalidToken: ["sink-unauthorized", "check `sessionToken`"],
  InvalidAccessKeyId: ["sink-unauthorized", "check `accessKeyId`: the store knows no such key"],
  SignatureDoesNotMatch: ["sink-unauthorized", "check `secretAccessKey`"],
  UserSuspended: ["sink-unauthorized", "the store suspended this user"],
  AccessDenied: ["sink-unauthorized", "check the keys and their rights on bucket and prefix"],
  CredentialsProviderError: [
    "sink-unauthorized",
    "no keys were found: give accessKeyId and secretAccessKey, or set up the SDK's chain",
  ],
  MetadataTooLarge: ["sink-permanent", "the store takes less metadata than 2 KB"],
  BadDigest: ["sink-transient", "the bytes were damaged on their way"],
  XAmzContentSHA256Mismatch: ["sink-transient", "the bytes were damaged on their way"],
  InvalidDigest: ["sink-transient", "the bytes were damaged on their way"],
  IncompleteBody: ["sink-transient", "the request ended early"],
  RequestTimeout: ["sink-transient", "the request took too long"],
  OperationAborted: ["sink-transient", "another request for this name is under way"],
  ConditionalRequestConflict: ["sink-transient", "another request for this name is under way"],
  InvalidObjectState: ["sink-permanent", "the object was archived: restore it in the store first"],
};

const STATUS: Readonly<Record<number, Verdict>> = {
  301: CODES["PermanentRedirect"] as Verdict,
  307: CODES["TemporaryRedirect"] as Verdict,
  401: ["sink-unauthorized", "check the keys"],
  403: ["sink-unauthorized", "check the keys and their rights on bucket and prefix"],
  408: ["sink-transient", "the request took too long"],
  409: ["sink-transient", "another request is in the way"],
  429: ["sink-transient", "the store asks for fewer requests"],
  501: ["sink-permanent", "the store lacks this function"],
  507: ["sink-transient", "the store is full: free space, nothing is lost meanwhile"],
};

/** Certificates are mended without us, so this is tried again like any outage. */
const TLS = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS|ERR_SSL|EPROTO/;

/**
 * A failed request as a `SinkError`; errors of our own and aborts stay as they are, and what is no
 * answer of a store or a network at all is a bug and stays as well.
 */
export function s3Error(error: unknown, doing: string): unknown {
  if (error instanceof ArchiverError) return error;
  const seen = refusalOf(error);
  if (seen === undefined) return error;
  const [code, next] = verdict(seen);
  const region = seen.headers["x-amz-bucket-region"];
  const where = region === undefined || code !== "sink-permanent" ? "" : ` (it is in ${region})`;
  const status = seen.status === 0 ? "" : ` ${seen.status}`;
  const text = `cannot ${doing}:${status} ${seen.code}: ${seen.text}; ${next}${where}`;
  const retryAfterMs = retryAfter(seen.headers["retry-after"]);
  return new SinkError(code, text, {
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function verdict({ status, code }: Refusal): Verdict {
  // A name that every object has is none of ours.
  const named = Object.hasOwn(CODES, code) ? CODES[code] : undefined;
  if (named !== undefined) return named;
  if (status === 0 && TLS.test(code)) {
    return ["sink-transient", "check the store's certificate, and `ca` and `endpoint`"];
  }
  if (status === 0) return ["sink-transient", "check `endpoint` and the network"];
  const known = STATUS[status];
  if (known !== undefined) return known;
  if (status >= 500 || status < 300) return ["sink-transient", "the store failed"];
  return ["sink-permanent", "the store refuses this request"];
}

/** Undefined where the error says nothing of a store or a network. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error)) return undefined;
  const { $metadata, $response, Code, code, errno } = error as {
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Record<string, string>; statusCode?: number };
    Code?: unknown;
    code?: unknown;
    errno?: unknown;
  };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode ?? 0;
  const isNetwork = typeof code === "string" && (errno !== undefined || /^[A-Z_]{4,}$/.test(code));
  const isSdks = /^(?:TimeoutError|CredentialsProviderError|TokenProviderError)$/.test(error.name);
  if (status === 0 && !isNetwork && !isSdks) return undefined;
  const name = error.name === "Error" || error.name === "TimeoutError" ? undefined : error.name;
  return {
    status,
    code: [Code, name, code, error.name].find((c) => typeof c === "string") as string,
    text: textOf(error),
    headers: $response?.headers ?? {},
  };
}

/** Node's error for several addresses has no text of its own. */
function textOf(error: Error): string {
  // The SDK's word for an answer without a body, as every answer to a HEAD is.
  if (error.message === "UnknownError") return "the store gives no reason";
  if (error.message !== "") return error.message;
  return error instanceof AggregateError ? error.errors.map(messageOf).join(", ") : "no text";
}

/** The two forms of the header: seconds, or a date. */
function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** True where nothing answered, or the answer does not tell whether the request was done. */
export function isDoubtful(error: unknown): boolean {
  if (!(error instanceof SinkError) || error.code !== "sink-transient") return false;
  const status = refusalOf(error.cause)?.status ?? 0;
  return status < 400 || status === 409 || (status >= 500 && status !== 501 && status !== 503);
}

/** Whether the store said this very code, or status where there is no body to hold one. */
export function answered(error: unknown, status: number, ...codes: readonly string[]): boolean {
  const seen = refusalOf(error instanceof SinkError ? error.cause : error);
  if (seen?.status !== status) return false;
  return codes.length === 0 || codes.includes(seen.code);
}
