import { randomUUID } from "node:crypto";
import type { Config, SinkConfig } from "../../config/config.ts";
import { ArchiverError } from "../../core/errors.ts";
import { encodeIdentity } from "../../sdk/identity.ts";
import type { ArchiveIdentity } from "../../sdk/sink.ts";
import type { RepairContext } from "./context.ts";
import type { Named } from "./verified.ts";

/** Folders of an archive: a fresh one inside them would be taken for a part of the old one. */
const RESERVED = new Set(["data", "manifests", "tmp", "quarantine", "index"]);

/** The setting that says where a sink of this kind keeps its archive. */
const PLACE: Readonly<Record<string, string>> = { fs: "path", hdfs: "path", s3: "prefix" };

/** `--into`: a name below the sink's own place. @throws ArchiverError usage */
export function intoPrefix(text: string): string {
  const parts = text.replace(/\/$/, "").split("/");
  const plain = parts.every((p) => /^[A-Za-z0-9._-]{1,100}$/.test(p) && p !== "." && p !== "..");
  if (plain && !RESERVED.has(parts[0] ?? "")) return parts.join("/");
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no name such as again-2026-01`);
}

/** The sink's configuration with its place below that of the archive. @throws ArchiverError usage */
export function sinkInto(s: SinkConfig, prefix: string): SinkConfig {
  const field = PLACE[s.kind];
  if (field === undefined) {
    throw new ArchiverError(
      "usage",
      `--into: a sink of kind ${s.kind} has no place for another archive`,
    );
  }
  const config = s.config as Readonly<Record<string, unknown>>;
  const own = typeof config[field] === "string" ? config[field].replace(/\/$/, "") : "";
  const place = own === "" ? prefix : `${own}/${prefix}`;
  return { ...s, config: { ...config, [field]: place } };
}

/** Begins the archive there, or goes on with one that was begun for the same cluster. */
export async function claimFresh(
  repair: RepairContext,
  targets: readonly Named[],
): Promise<ArchiveIdentity> {
  const { signal, identity: old } = repair;
  const [first, ...others] = targets;
  if (first === undefined) throw new ArchiverError("usage", "no sink is named");
  const wanted = { ...old, archiveId: randomUUID(), primary: first.name };
  const identity = await first.sink.claim(wanted, signal);
  const text = encodeIdentity({ ...wanted, archiveId: identity.archiveId });
  if (identity.archiveId === old.archiveId || encodeIdentity(identity) !== text) {
    throw new ArchiverError("archive-foreign", `sink ${first.name} holds another archive there`);
  }
  for (const { name, sink } of others) {
    const there = await sink.claim(identity, signal);
    if (there.archiveId === identity.archiveId) continue;
    throw new ArchiverError("archive-foreign", `sink ${name} holds another archive there`);
  }
  return identity;
}

/** By name, of one pipeline. @throws ArchiverError usage */
export function pipelineSinks(
  config: Pick<Config, "sinks">,
  names: readonly string[],
): readonly SinkConfig[] {
  return names.map((name) => {
    const found = config.sinks.find((s) => s.name === name);
    if (found !== undefined) return found;
    const known = config.sinks.map((s) => s.name).join(", ");
    throw new ArchiverError("usage", `--sink ${name}: the pipeline has ${known}`);
  });
}
