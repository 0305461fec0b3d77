import { ArchiverError } from "../../src/core/errors.ts";
import { SinkError, type SinkErrorCode } from "../../src/sdk/sink-error.ts";

/** What HDFS answered, with the class name of the exception it names. */
export class HdfsError extends SinkError {
  readonly exception: string;
  constructor(
    code: SinkErrorCode,
    exception: string,
    message: string,
    options?: { cause?: unknown; retryAfterMs?: number },
  ) {
    super(code, message, options);
    this.name = "HdfsError";
    this.exception = exception;
  }
}

const QUOTA = "the quota is used up; raise it or free space, nothing is lost meanwhile";
const DENIED = "permission denied; the user must own the archive's folder or may write in it";
const CREDENTIALS = "the credentials are refused; renew the token or correct user and password";
const BAD_NAME = "HDFS takes no such name; choose another path";

/** What the operator does about an exception of HDFS, and whether a retry can help. */
const EXCEPTIONS: Readonly<Record<string, readonly [SinkErrorCode, string]>> = {
  AccessControlException: ["sink-unauthorized", DENIED],
  SecurityException: ["sink-unauthorized", CREDENTIALS],
  AuthenticationException: ["sink-unauthorized", CREDENTIALS],
  AuthorizationException: ["sink-unauthorized", "this user may not act for the one named"],
  InvalidToken: ["sink-unauthorized", CREDENTIALS],
  SafeModeException: [
    "sink-transient",
    "the NameNode is in safe mode; it leaves it by itself, or `hdfs dfsadmin -safemode leave`",
  ],
  StandbyException: ["sink-transient", "this NameNode is on standby; name the other in `url` too"],
  RetriableException: ["sink-transient", "the NameNode is not ready yet"],
  NSQuotaExceededException: ["sink-transient", QUOTA],
  DSQuotaExceededException: ["sink-transient", QUOTA],
  QuotaByStorageTypeExceededException: ["sink-transient", QUOTA],
  MaxDirectoryItemsExceededException: [
    "sink-transient",
    "a folder is full; raise dfs.namenode.fs-limits.max-directory-items",
  ],
  BlockMissingException: ["sink-transient", "no DataNode that lives has this part of the file"],
  ParentNotDirectoryException: ["sink-permanent", "a part of the path is no folder; move it away"],
  InvalidPathException: ["sink-permanent", BAD_NAME],
  PathComponentTooLongException: ["sink-permanent", BAD_NAME],
  IllegalArgumentException: ["sink-permanent", "HDFS takes no such request"],
  UnsupportedOperationException: ["sink-permanent", "this HDFS does not know the call"],
  FileAlreadyExistsException: ["sink-transient", "something is there already"],
  AlreadyBeingCreatedException: ["sink-transient", "another writer has it open"],
};

/** Plain IOExceptions, told apart by what they say. */
const TEXTS: readonly (readonly [RegExp, SinkErrorCode, string])[] = [
  [/\(is not a directory\)/, "sink-permanent", "a part of the path is no folder; move it away"],
  [/safe ?mode/i, ...(EXCEPTIONS["SafeModeException"] as readonly [SinkErrorCode, string])],
  [
    /could only be (?:written|replicated) to|Failed to find datanode|No space left|Not enough space|out of space/i,
    "sink-transient",
    "no DataNode takes it: their disks are full or they are away; nothing is lost meanwhile",
  ],
  [/quota/i, "sink-transient", QUOTA],
  [/xattrs\.enabled/, "sink-permanent", "set dfs.namenode.xattrs.enabled to true"],
  [/attributes? .*limit|xattr.*limit|max-xattr/i, "sink-permanent", "raise the limit on xattrs"],
  [/name.*reserved|Invalid (?:file )?path/i, "sink-permanent", BAD_NAME],
];

export interface Refusal {
  readonly doing: string;
  readonly path: string;
  /** host:port that answered. */
  readonly host: string;
  readonly status: number;
  /** Class name without its package; empty when the body named none. */
  readonly exception: string;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

/** An answer that is no success, as the error to raise. */
export function hdfsError(r: Refusal): HdfsError {
  const [code, next] = judge(r);
  const said = [r.exception, firstLine(r.message)].filter((s) => s !== "").join(": ");
  const text = `cannot ${r.doing} ${r.path} (${r.host}): ${said || `HTTP ${r.status}`}; ${next}`;
  const wait = r.retryAfterMs === undefined ? {} : { retryAfterMs: r.retryAfterMs };
  return new HdfsError(code, r.exception, text, wait);
}

function judge({ status, exception, message }: Refusal): readonly [SinkErrorCode, string] {
  // A path below a file is answered as missing rights by some versions: the text knows better.
  for (const [pattern, code, next] of TEXTS) if (pattern.test(message)) return [code, next];
  // A name that every object has is none of ours.
  const known = Object.hasOwn(EXCEPTIONS, exception) ? EXCEPTIONS[exception] : undefined;
  if (known !== undefined) return known;
  if (status === 401) return ["sink-unauthorized", CREDENTIALS];
  if (exception !== "") return ["sink-transient", "it is tried again"];
  if (status === 403) return ["sink-unauthorized", "the gateway refuses this user"];
  if (status === 404) return ["sink-transient", "no WebHDFS answers there; check `url`"];
  return ["sink-transient", "it is tried again"];
}

/** Java appends stack traces to some messages. */
const firstLine = (text: string): string => (text.split("\n", 1)[0] ?? "").slice(0, 500);

export const isMissing = (error: unknown): boolean =>
  error instanceof HdfsError && error.exception === "FileNotFoundException";

/** This NameNode cannot, another one may. */
export const isStandby = (error: unknown): boolean =>
  error instanceof HdfsError &&
  (error.exception === "StandbyException" || error.exception === "RetriableException");

/** A connection that failed; `asked` is false when no request can have arrived. */
export class TransportError extends SinkError {
  readonly asked: boolean;
  constructor(message: string, asked: boolean, cause: unknown) {
    super("sink-transient", message, { cause });
    this.name = "TransportError";
    this.asked = asked;
  }
}

/** What node's http raised as a `SinkError`; errors of our own stay as they are. */
export function transportError(error: unknown, doing: string, host: string): unknown {
  if (error instanceof ArchiverError || !(error instanceof Error)) return error;
  const { code = "", syscall = "" } = error as NodeJS.ErrnoException;
  const asked = !(syscall === "connect" || syscall === "getaddrinfo" || isCertificate(code));
  const why = isCertificate(code) ? `its certificate is not trusted (${code})` : error.message;
  return new TransportError(`cannot ${doing}: ${host}: ${why}`, asked, error);
}

const isCertificate = (code: string): boolean => /CERT|ERR_TLS|SIGNATURE|ERR_SSL/.test(code);
