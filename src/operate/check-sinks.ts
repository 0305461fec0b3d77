import { within } from "../batch/policy.ts";
import type { Config, PipelineConfig, SinkConfig } from "../config/config.ts";
import { sizeText } from "../config/units.ts";
import { ArchiverError, type ErrorCode, ERRORS } from "../core/errors.ts";
import { type LeavableSink, primaryAmong, unfillable } from "../daemon/primary.ts";
import type { Finding, Sink } from "../sdk/sink.ts";
import { failure, type Found, ok, warning } from "./check-report.ts";
import type { TriedSink } from "./open-sinks.ts";

/** Probes every sink as a real write would, and that it belongs to this archive. */
export async function checkSinks(
  config: Config,
  tried: readonly TriedSink[],
  clusterId: string | null,
  signal: AbortSignal,
): Promise<Found[]> {
  const found = await Promise.all(tried.map((t) => checkSink(config, t, clusterId, signal)));
  return [
    ...found.flat(),
    ...config.pipelines.flatMap((p) => [...checkPrimary(p, tried), ...checkSizes(p, tried)]),
  ];
}

async function checkSink(
  config: Config,
  tried: TriedSink,
  clusterId: string | null,
  signal: AbortSignal,
): Promise<Found[]> {
  const about = `sink ${tried.config.name}`;
  if (tried.sink === null) return [raised(about, tried.error)];
  const found: Found[] = [capabilitiesOf(about, tried.sink)];
  try {
    for (const finding of await tried.sink.check(signal)) found.push(graded(about, finding));
    found.push(...(await checkIdentity(config, about, tried.sink, clusterId, signal)));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ArchiverError)) throw error;
    // What the sink found says more than what then failed for the same reason.
    if (!found.some((f) => f.code === error.code)) found.push(raised(about, error));
  }
  return [...found, ...checkPlaintext(config, about, tried)];
}

/** What it promises; what the store keeps of that is what the findings after it say. */
function capabilitiesOf(about: string, { capabilities: c }: Sink): Found {
  const wrong = [c.setAside ? "set aside" : "", c.remove ? "removed" : ""].filter((w) => w !== "");
  const said = [
    c.accepts === "sealed" ? "sealed files" : "records",
    c.createOnly === "atomic" ? "created once" : "looked for and then put",
    ...(c.maxBatchBytes < Number.MAX_SAFE_INTEGER ? [`${sizeText(c.maxBatchBytes)} at most`] : []),
    c.evidence === "server-hash" ? "equal by the store's own hash" : "equal by reading back",
    c.backfill === "anywhere" ? "filled anywhere" : "filled at the end only",
    wrong.length === 0 ? "wrong ones stay" : `wrong ones can be ${wrong.join(" and ")}`,
  ];
  return ok(about, "capabilities", said.join(", "));
}

/** Batches are never split: `run` cuts them smaller than it was told to. */
function checkSizes(pipeline: PipelineConfig, tried: readonly TriedSink[]): Found[] {
  const { batch, format, name } = pipeline;
  return tried.flatMap(({ config, sink }) => {
    if (sink === null || !pipeline.sinks.includes(config)) return [];
    const { maxBatchBytes } = sink.capabilities;
    const { bytes } = within(batch, maxBatchBytes, format);
    if (bytes >= batch.bytes) return [];
    const text = `batch.bytes is ${sizeText(batch.bytes)}, and ${config.name} takes files of ${sizeText(maxBatchBytes)}: batches are cut at ${sizeText(bytes)}`;
    return [warning(`pipeline ${name}`, "batch-bytes-lowered", text)];
  });
}

export const raised = (about: string, error: ArchiverError): Found =>
  failure(about, error.code, `${error.message} (${error.next})`, exitOf(error.code));

const graded = (about: string, { level, code, text }: Finding): Found => {
  if (level !== "error") return { level, about, code, text, exit: 0 };
  return failure(about, code, text, code in ERRORS ? exitOf(code as ErrorCode) : 2);
};

/** A difference is not for `check` to prove: what it finds wrong is wrong with the configuration. */
function exitOf(code: ErrorCode): Found["exit"] {
  const { exit } = ERRORS[code];
  return exit === 3 ? 2 : exit;
}

async function checkIdentity(
  config: Config,
  about: string,
  sink: Sink,
  clusterId: string | null,
  signal: AbortSignal,
): Promise<Found[]> {
  const identity = await sink.identity(signal);
  if (identity === undefined) return [ok(about, "archive-new", "holds no archive yet")];
  const names = config.sinks.map((s) => s.name);
  if (clusterId !== null && identity.clusterId !== clusterId) {
    const text = `holds the archive of cluster ${identity.clusterId}; this Kafka is ${clusterId}`;
    return [failure(about, "archive-foreign", text)];
  }
  if (!names.includes(identity.primary)) {
    const text = `its archive has the primary ${identity.primary}, which is no sink of this configuration`;
    return [failure(about, "archive-foreign", text)];
  }
  const groups = config.pipelines.map((p) => p.group);
  const said = ok(about, "archive", `archive ${identity.archiveId}, primary ${identity.primary}`);
  if (groups.includes(identity.group)) return [said];
  const text = `was claimed by group ${identity.group}: both groups converge on the same batches`;
  return [said, warning(about, "archive-group", text)];
}

function checkPlaintext(config: Config, about: string, tried: TriedSink): Found[] {
  if (tried.sink?.capabilities.accepts !== "records" || tried.config.plaintext === "allow")
    return [];
  const encrypted = config.pipelines.some(
    (p) => p.encryption !== null && p.sinks.includes(tried.config),
  );
  if (!encrypted) return [];
  const text =
    "stores readable records although encryption is on; if that is meant, say plaintext: allow";
  return [failure(about, "plaintext", text)];
}

/** Only a sink that creates atomically can decide; with one away nobody knows. */
function checkPrimary(pipeline: PipelineConfig, tried: readonly TriedSink[]): Found[] {
  const mine = tried
    .filter((t) => pipeline.sinks.includes(t.config))
    .flatMap(({ config, sink }) => (sink === null ? [] : [{ ...asOpened(config), sink }]));
  if (mine.length < pipeline.sinks.length) return [];
  const primary = primaryAmong(mine);
  const about = `pipeline ${pipeline.name}`;
  if (primary === undefined) {
    const text = "none of its sinks creates atomically, so none can decide what a batch is";
    return [failure(about, "no-primary", text)];
  }
  const { name, detachMs } = primary;
  const others = mine.filter((o) => o !== primary);
  const refusal = unfillable(primary, others, pipeline.encryption !== null);
  const unfilled = refusal === null ? [] : [failure(about, "unfillable", refusal)];
  if (detachMs === null)
    return [ok(about, "primary", `${name} is the primary: its bytes decide`), ...unfilled];
  const text = `${name} is the primary, which is always waited for: drop its whenAway`;
  return [failure(about, "primary-detach", text), ...unfilled];
}

const asOpened = ({ name, whenAway, backfill }: SinkConfig): Omit<LeavableSink, "sink"> => ({
  ...{ name, detachMs: whenAway.detachMs },
  fillsBeside: backfill === "auto",
});
