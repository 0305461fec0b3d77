/**
 * What a sink's package imports, as `bulk-archiver/sdk`. Everything here keeps its meaning for as
 * long as `sdk` is 1; what is not here is the daemon's own. docs/sinks.md builds a sink with it.
 */

// The contract: a plugin says how to open a sink, the daemon calls the sink.
export { defineSink } from "./define.ts";
export type {
  ArchiveIdentity,
  ByteRange,
  Capabilities,
  Finding,
  Host,
  Listed,
  ListedManifest,
  Published,
  SealedBatch,
  Sink,
  SinkPlugin,
  State,
  Tag,
} from "./sink.ts";
export type { Documents } from "./documents.ts";

// What batches are.
export type { Amendment } from "../core/amendment.ts";
export type {
  Codec,
  ContentMark,
  Description,
  Format,
  Hole,
  HoleReason,
  Manifest,
  SealInfo,
} from "../core/description.ts";
export type { ArchivedRecord, RecordHeader } from "../core/record.ts";
export { batchId, type BatchKey, type Scope, scopeText } from "../core/scope.ts";

// What went wrong, in the daemon's terms.
export { ArchiverError, type ErrorCode } from "../core/errors.ts";
export { CannotReplace, SinkError, type SinkErrorCode } from "./sink-error.ts";
export { type HttpAnswer, sinkErrorOf, transportError } from "./http-answer.ts";

// An object store becomes a sink by about six verbs.
export { BlobSink, type BlobSinkOptions } from "../../sinks/blob/blob-sink.ts";
export type { BlobHead, BlobStore, NewBlob } from "./blob-store.ts";

// Any other store keeps these texts and names itself.
export {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  parseDescription,
  parseManifest,
} from "../core/manifest.ts";
export { encodeIdentity, IDENTITY_PATH, parseIdentity } from "./identity.ts";
export { dataFolder, dataPaths, manifestFolder, manifestPath } from "../core/layout.ts";
export { blake3Hex, blake3HexOf } from "../core/digest.ts";

// For schemas: the daemon's own zod, so that what it says of a value has line and column.
export { durationMs } from "./duration.ts";
export { z } from "zod";
