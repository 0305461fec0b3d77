import type { z } from "zod";
import type { Amendment } from "../core/amendment.ts";
import type { Description, Manifest } from "../core/description.ts";
import type { ArchivedRecord } from "../core/record.ts";
import type { BatchKey, Scope } from "../core/scope.ts";
import type { Documents } from "./documents.ts";

/** What marks a sink as part of one archive (design rule 13); create-only, compared on every start. */
export interface ArchiveIdentity {
  readonly version: 1;
  readonly archiveId: string;
  readonly clusterId: string;
  /** Name of the primary sink: it decides which bytes a batch has. */
  readonly primary: string;
  readonly layout: 1;
  /** For information: another group on the same archive converges, with a warning. */
  readonly group: string;
}

export interface Capabilities {
  /** `sealed`: the stored file as it is; `records`: decoded records. */
  readonly accepts: "sealed" | "records";
  /** `head-then-put` is racy: such a sink can never be the primary. */
  readonly createOnly: "atomic" | "head-then-put";
  readonly setAside: boolean;
  readonly remove: boolean;
  readonly backfill: "anywhere" | "append-only";
  /** How equality is judged without trusting what the writer wrote about itself. */
  readonly evidence: "server-hash" | "read-back";
  /** Bytes of one stored file. */
  readonly maxBatchBytes: number;
  readonly maxRecordBytes?: number;
  /**
   * What can be read back: the stored file (`read`), its records (`readRecords`), or descriptions
   * only. @default "files" where sealed files are accepted, else "records"
   */
  readonly holds?: "files" | "records" | "manifests";
  /** `when-alone`: it decides only where no other sink can. @default "yes" for atomic create-only */
  readonly primary?: "when-alone";
}

/** Identifies one state of one object (etag, version, inode and times), for operator commands. */
export type Tag = string;

export type State =
  | { readonly is: "absent" }
  /** Data is there, whole and durable; its manifest is not yet. */
  | { readonly is: "data"; readonly description: Description; readonly tag: Tag }
  /** Data and manifest are there and agree. */
  | { readonly is: "whole"; readonly manifest: Manifest; readonly tag: Tag }
  /**
   * Something is there that is no valid batch: `reason` says why. `withoutData`: the manifest, where it
   * is valid and nothing but the data is gone; the batch may have expired.
   */
  | {
      readonly is: "damaged";
      readonly reason: string;
      readonly tag: Tag;
      readonly withoutData?: Manifest;
    };

/** Made once, delivered as the same bytes everywhere. */
export interface SealedBatch {
  readonly description: Description;
  /**
   * The stored file; may lie in shared memory, is never changed. Empty where only sinks of records
   * are configured and the batch was found in one of them.
   */
  readonly bytes: Uint8Array;
  /**
   * Its records, in offset order, decoded while they are read; may be called again. There when a
   * configured sink accepts records. Rejects with `undecodable-record-batch`, and with
   * `identity-needed` when the file is encrypted and Kafka no longer has the records.
   */
  readonly records?: (signal: AbortSignal) => AsyncIterable<readonly ArchivedRecord[]>;
}

/** `different` is an answer, not an error: the primary's own batch then counts (rule 3). */
export type Published =
  | { readonly outcome: "created" | "equal" }
  | { readonly outcome: "different"; readonly state: State };

export interface Finding {
  readonly level: "ok" | "warning" | "error";
  readonly code: string;
  readonly text: string;
}

/** One batch as a listing shows it; orphans have data and no manifest, or the reverse. */
export interface Listed {
  readonly start: bigint;
  readonly data?: { readonly path: string; readonly size: number };
  readonly manifest?: ListedManifest;
}

/** `size` and `md5` only where the listing itself tells them, without a look at the manifest. */
export interface ListedManifest {
  readonly path: string;
  readonly size?: number;
  /** Lower-case hex, where the store made it of the bytes that it holds; it may be another hash. */
  readonly md5?: string;
}

/** Bytes [from, to) of a stored file; `to` left out: to its end. */
export interface ByteRange {
  readonly from: number;
  readonly to?: number;
}

/**
 * Where batches go. A sink does not retry, log or keep global state: decorators around it do.
 * Every method obeys its signal, rejects with a `SinkError` for what the store answered, and after
 * an outcome it does not know reads back what is there. Nothing here replaces or deletes a batch but
 * `setAside`, `mend`, `rewrap`, `expire` and `remove`, which only operator commands call.
 */
export interface Sink {
  readonly capabilities: Capabilities;
  /** Absent where a sink keeps batches only. */
  readonly documents?: Documents;
  /** Does what a write does, under `tmp/`, and removes it. */
  check(signal: AbortSignal): Promise<readonly Finding[]>;
  /** Creates `archive.json` if there is none; resolves to the one that is there afterwards. */
  claim(identity: ArchiveIdentity, signal: AbortSignal): Promise<ArchiveIdentity>;
  /** The identity that is there, without creating one. */
  identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined>;
  /** Create-only, whole, durable, with its description. `equal` only by evidence. */
  publish(batch: SealedBatch, signal: AbortSignal): Promise<Published>;
  /** The manifest, create-only, after `publish`. */
  describe(manifest: Manifest, signal: AbortSignal): Promise<Published>;
  /** `cheap`: existence, length, description. `bytes`: every byte read and hashed. */
  stat(key: BatchKey, evidence: "cheap" | "bytes", signal: AbortSignal): Promise<State>;
  /** The manifest with the greatest start ≤ offset, parsed and checked for form. */
  floor(scope: Scope, offset: bigint, signal: AbortSignal): Promise<Manifest | undefined>;
  /** Ascending by start, from `from` on, orphans included. */
  list(scope: Scope, from: bigint, signal: AbortSignal): AsyncIterable<Listed>;
  scopes(signal: AbortSignal): AsyncIterable<Scope>;
  /** The manifest's bytes as stored. */
  manifest(key: BatchKey, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** The stored file named by a description or manifest, as a stream. */
  read(description: Description, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Corrections beside the manifest, in order, as stored; absent where the sink keeps none. */
  amendments?(key: BatchKey, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** Create-only, its bytes compared; before the data that it describes. Operator commands only. */
  amend?(key: BatchKey, amendment: Amendment, signal: AbortSignal): Promise<"equal" | "different">;
  /**
   * Replaces a stored file by the one that the newest amendment describes, from the one it supersedes;
   * whatever was done of it before is gone on with. The old file is gone afterwards. `gone`: neither of the
   * two is there. Operator commands only, after `amend`.
   */
  rewrap?(
    key: BatchKey,
    make: (old: Uint8Array) => Promise<Uint8Array>,
    signal: AbortSignal,
  ): Promise<"replaced" | "there" | "gone">;
  readRecords?(key: BatchKey, signal: AbortSignal): AsyncIterable<readonly ArchivedRecord[]>;
  setAside?(key: BatchKey, seen: Tag, signal: AbortSignal): Promise<void>;
  /**
   * Puts a batch in the place of what is there under its key and is not it, each file in one step, and keeps what was
   * there in `quarantine/`. What is not there at all it leaves to `publish` and `describe`. `sure` is called before
   * each change, and throws when there is to be none any more. `unable`: the store cannot, and nothing that belongs
   * to the batch was changed; `setAside` may. Operator commands only.
   */
  mend?(
    batch: SealedBatch,
    manifest: Manifest,
    sure: () => void,
    signal: AbortSignal,
  ): Promise<"mended" | "equal" | "unable">;
  remove?(key: BatchKey, seen: Tag, signal: AbortSignal): Promise<void>;
  /**
   * Removes the data of a batch that has expired; its manifest stays. `locked`: the store keeps it for
   * longer, and nothing was removed. Absent where the data is in no file of its own.
   */
  expire?(key: BatchKey, seen: Tag, signal: AbortSignal): Promise<"expired" | "locked">;
  close(): Promise<void>;
}

/** What the daemon lends a sink; never the seed, never another sink's configuration. */
export interface Host {
  /** The name the configuration gave this sink. */
  readonly name: string;
  /** Folder relative paths are relative to (the configuration file's). */
  readonly baseDir: string;
  /** Partitions of a source topic; for sinks that make topics of their own. Absent in commands. */
  readonly partitionCount?: (topic: string) => number | undefined;
}

/** What `sinks: [{ kind }]` names: a schema for its part of the configuration, and how to open it. */
export interface SinkPlugin<C = unknown> {
  readonly kind: string;
  readonly sdk: 1;
  readonly schema: z.ZodType<C>;
  /** Whether such a sink stores readable records: with encryption on it then needs `plaintext: allow`. */
  readable?(config: C): boolean;
  /** What it writes to, in a few words for people, such as `s3.example:9000/archive`; never a secret. */
  where?(config: C, baseDir: string): string;
  open(config: C, host: Host, signal: AbortSignal): Promise<Sink>;
}
