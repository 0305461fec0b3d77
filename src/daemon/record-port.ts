import type { Description } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { encodeDescription } from "../core/manifest.ts";
import type { Clock } from "../core/ports.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { batchId, type Scope } from "../core/scope.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import { markOf } from "../pipeline/marks.ts";
import type { Judge, RecordPort, Sealer, TaskPorts } from "../pipeline/ports.ts";
import { RecordsDigest } from "../record-batch/records-digest.ts";
import { payloadRecords } from "../record-batch/payload-records.ts";
import type { SealedBatch } from "../sdk/sink.ts";
import { likelyRecipes } from "../seal/likely-recipes.ts";
import { openContent, readRecords } from "../seal/unseal.ts";
import { fileOfRecords } from "./file-of-records.ts";
import { readRange, sameRange } from "./range.ts";

export interface RecordPortOptions {
  readonly fetcher: Fetcher;
  readonly sealer: Sealer;
  readonly scope: Scope;
  readonly recipe: TaskPorts["recipe"];
  readonly clock: Clock;
  readonly judge: Pick<Judge, "otherContent">;
}

/**
 * Records of batches that lie in a sink. The daemon holds public keys only and cannot open what it
 * encrypted: such records come from Kafka, whose range was found equal when the batch was taken.
 */
export const recordPort = (o: RecordPortOptions): RecordPort => ({
  ofStored: (batch, signal) =>
    batch.description.seal.encryption === "none"
      ? ofFile(batch, signal)
      : ofKafka(o, batch.description, signal),
});

async function* ofFile(
  { description, bytes }: SealedBatch,
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const content = openContent(description, whole(bytes), { identities: [] });
  for await (const records of readRecords(description, content)) {
    signal.throwIfAborted();
    yield records;
  }
}

// oxlint-disable-next-line require-await -- a stream of what is at hand
async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* ofKafka(
  o: RecordPortOptions,
  d: Description,
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const cut = await sameRange(o, d, signal);
  if (cut === null) throw identityNeeded(d, "Kafka no longer has its records");
  try {
    // A batch that was made before any sink took records has no digest of them: its content is compared.
    const other = d.recordsDigest === undefined ? await o.judge.otherContent(d, cut, signal) : null;
    if (other !== null) throw identityNeeded(d, other);
    const digest = new RecordsDigest();
    for (const records of payloadRecords(cut.payload)) {
      signal.throwIfAborted();
      digest.add(records);
      yield records;
    }
    if (d.recordsDigest !== undefined && d.recordsDigest !== digest.hex())
      throw identityNeeded(d, "Kafka has other records there now");
  } finally {
    cut.release();
  }
}

const identityNeeded = (d: Description, why: string): ArchiverError =>
  new ArchiverError(
    "identity-needed",
    `batch ${batchId(d)} is encrypted and ${why}: only \`reconcile\` with an identity brings it to a sink of records`,
  );

/**
 * Seals the description's offsets once more, for batches that only sinks without files hold: as its plan says,
 * or else as it may have been made before the configuration changed. What was made is another file, or of
 * other content, when nothing makes the same.
 */
const remaker =
  (o: RecordPortOptions): TaskPorts["remake"] =>
  async (description, plan, signal) => {
    const cut = await readRange(o.fetcher, o.scope, description, o.clock, signal);
    try {
      const asPlanned = plan !== null && markOf(plan.content) === markOf(description.content);
      const recipe = o.recipe(asPlanned ? plan : null, description.revision);
      // What is to be encrypted by now is not made in the clear.
      const plain = recipe.encryption === null && description.seal.encryption === "none";
      const first = await o.sealer.seal(cut, recipe, signal);
      if (asPlanned || !plain || isSame(first.description, description)) return first;
      for (const likely of likelyRecipes(description, recipe)) {
        const made = await o.sealer.seal(cut, likely, signal);
        if (isSame(made.description, description)) return made;
        if (markOf(made.description.content) !== markOf(description.content)) break;
      }
      return first;
    } finally {
      cut.release();
    }
  };

/** Both ways to a file that no sink keeps. */
export const filesAgain = (o: RecordPortOptions): Pick<TaskPorts, "remake" | "fileOfRecords"> => ({
  remake: remaker(o),
  fileOfRecords: fileOfRecords(o),
});

const isSame = (a: Description, b: Description): boolean =>
  encodeDescription(a) === encodeDescription(b);
