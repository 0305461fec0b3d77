import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type LifecycleRule,
} from "@aws-sdk/client-s3";
import type { Finding } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { answered } from "./s3-error.ts";
import type { Honoured } from "./s3-if-match.ts";
import type { CreateOnlyProof } from "./s3-probe.ts";
import type { S3Config } from "./s3-schema.ts";

export interface CheckParts {
  readonly bucket: S3Bucket;
  readonly proof: CreateOnlyProof;
  /** What the store makes of `If-Match`. */
  readonly replaces: (signal: AbortSignal) => Promise<Honoured>;
  readonly config: S3Config;
}

/** What `check` says of a bucket besides the write that it tries. */
export async function s3Findings(
  { bucket, proof, replaces, config }: CheckParts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  try {
    return [
      ...transport(config),
      await conditions(proof, config, signal),
      ...(config.createOnly === "oldest-version" ? [] : [replacing(await replaces(signal))]),
      ...(await versions(bucket, config, signal)),
      ...(await locks(bucket, config, signal)),
      ...(await lifecycle(bucket, config, signal)),
    ];
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    return [{ level: "error", code: error.code, text: error.message }];
  }
}

const ok = (code: string, text: string): Finding => ({ level: "ok", code, text });
const warning = (code: string, text: string): Finding => ({ level: "warning", code, text });
const failure = (code: string, text: string): Finding => ({ level: "error", code, text });

function transport({ endpoint = "https:" }: S3Config): readonly Finding[] {
  if (endpoint.startsWith("https:")) return [];
  return [warning("s3-plain-http", "http: whoever is on the way reads what is not encrypted")];
}

async function conditions(
  proof: CreateOnlyProof,
  config: S3Config,
  signal: AbortSignal,
): Promise<Finding> {
  const proven = await proof.proven(signal);
  if (proven === "refused") {
    return ok("s3-create-only", "If-None-Match is honoured: a second PUT is answered 412");
  }
  if (proven === "not-asked") {
    const text = "createOnly: head-then-put: two writers at once may replace each other's batch";
    return warning("s3-head-then-put", text);
  }
  const text =
    "the store ignores If-None-Match here: the oldest version of each object is the batch, later " +
    "ones stay as they are";
  if (!config.primaryByOldestVersion) return warning("s3-oldest-version", text);
  const loud =
    "; and it may be the PRIMARY by primaryByOldestVersion: every batch then rests on the order " +
    "in which this store lists versions, and on nobody ever removing one";
  return warning("s3-primary-oldest-version", text + loud);
}

/** `rewrap` replaces files on this condition (docs/decisions/0018-a-file-is-replaced-in-one-step.md). */
function replacing(honoured: Honoured): Finding {
  if (honoured === "yes") {
    const text = "If-Match is honoured: a PUT replaces the object with its etag and no other";
    return ok("s3-replace", text);
  }
  const why =
    honoured === "ignored"
      ? "the store ignores If-Match: a PUT with another etag was answered success"
      : "the store answers 412 to the etag that it shows itself, with and without quotes, as Ceph 16 does in a bucket with versions";
  const follows =
    "; so rewrap refuses to replace a file here, and old recipients still open it; archiving, reading and the other " +
    "commands are as ever. To rewrap, copy the archive into a store that honours it (docs/sinks/s3.md)";
  return warning("s3-replace", why + follows);
}

async function versions(
  bucket: S3Bucket,
  config: S3Config,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const command = new GetBucketVersioningCommand({ Bucket: bucket.name });
  const found = await asked(() =>
    bucket.send("ask for versioning", (c, o) => c.send(command, o), signal),
  );
  if (found === undefined) return [unasked("versioning")];
  const status = found.Status ?? "off";
  if (config.createOnly === "oldest-version" && status !== "Enabled") {
    return [failure("s3-versioning", `versioning is ${status}; oldest-version needs it enabled`)];
  }
  return [ok("s3-versioning", `versioning is ${status.toLowerCase()}`)];
}

async function locks(
  bucket: S3Bucket,
  config: S3Config,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const command = new GetObjectLockConfigurationCommand({ Bucket: bucket.name });
  const doing = "ask for object lock";
  const found = await asked(() => bucket.send(doing, (c, o) => c.send(command, o), signal), 404);
  if (found === undefined) return [unasked("object lock")];
  const enabled =
    found !== "absent" && found.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
  if (!enabled && config.objectLock !== undefined) {
    const text = "objectLock is set, and the bucket was made without object lock";
    return [failure("s3-object-lock", text)];
  }
  if (!enabled) return [];
  const rule = found.ObjectLockConfiguration?.Rule?.DefaultRetention;
  const { Mode = "none", Days, Years } = rule ?? {};
  const length = Days === undefined ? (Years === undefined ? "" : ` ${Years} y`) : ` ${Days} d`;
  const text = `object lock is on, its default retention ${Mode.toLowerCase()}${length}`;
  if (rule !== undefined || config.objectLock?.mode !== undefined) {
    return [ok("s3-object-lock", text)];
  }
  return [warning("s3-object-lock", `${text}: without objectLock nothing is locked`)];
}

async function lifecycle(
  bucket: S3Bucket,
  config: S3Config,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const command = new GetBucketLifecycleConfigurationCommand({ Bucket: bucket.name });
  const doing = "ask for lifecycle rules";
  const found = await asked(() => bucket.send(doing, (c, o) => c.send(command, o), signal), 404);
  if (found === undefined) return [unasked("lifecycle rules")];
  const rules = found === "absent" ? [] : (found.Rules ?? []);
  return rules.flatMap((rule) => lifecycleFinding(bucket, config, rule));
}

function lifecycleFinding(
  bucket: S3Bucket,
  config: S3Config,
  rule: LifecycleRule,
): readonly Finding[] {
  const prefix = rule.Filter?.Prefix ?? rule.Filter?.And?.Prefix ?? rule.Prefix ?? "";
  const touches = (...paths: readonly string[]): boolean =>
    paths
      .map((path) => bucket.key(path))
      .some((root) => root.startsWith(prefix) || prefix.startsWith(root));
  const proof = touches("manifests/", "archive.json");
  if (rule.Status !== "Enabled" || !(proof || touches("data/"))) return [];
  const name = `lifecycle rule ${rule.ID ?? prefix}`;
  const findings: Finding[] = [];
  if (rule.Expiration !== undefined && rule.Expiration.ExpiredObjectDeleteMarker !== true) {
    const text = proof
      ? "removes manifests by their age: without them nobody can tell what expired from what was lost; let it touch data/ only"
      : "removes data by its age: say the same time, or a shorter one, as `retention`, so that it counts as expired";
    findings.push(warning(proof ? "s3-lifecycle-manifests" : "s3-lifecycle", `${name} ${text}`));
  }
  if (rule.NoncurrentVersionExpiration !== undefined && config.createOnly === "oldest-version") {
    const text = `${name} removes older versions, and the oldest version is the batch`;
    findings.push(failure("s3-lifecycle", text));
  }
  return findings;
}

const unasked = (what: string): Finding =>
  warning("s3-not-asked", `the store does not tell these keys about ${what}`);

/** Undefined where the keys may not ask or the store lacks the question; that stops no archive. */
async function asked<T>(ask: () => Promise<T>): Promise<T | undefined>;
async function asked<T>(ask: () => Promise<T>, absent: 404): Promise<T | "absent" | undefined>;
async function asked<T>(ask: () => Promise<T>, absent?: 404): Promise<T | "absent" | undefined> {
  try {
    return await ask();
  } catch (error) {
    const none = answered(error, 404) && !answered(error, 404, "NoSuchBucket");
    if (absent !== undefined && none) return "absent";
    if ([400, 403, 405, 501].some((status) => answered(error, status))) return undefined;
    throw error;
  }
}
