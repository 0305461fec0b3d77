import { gzipSync } from "node:zlib";
import { Blake3Hasher } from "@napi-rs/blake-hash";
import { assert } from "../core/assert.ts";
import type { Codec, ContentMark, Description, SealInfo } from "../core/description.ts";
import { blake3Hex } from "../core/digest.ts";
import { ArchiverError } from "../core/errors.ts";
import { dataPath } from "../core/layout.ts";
import { type BatchKey, batchId } from "../core/scope.ts";
import { ageFile, type Room } from "./age-write.ts";
import { type Content, contentOf, type CutData } from "./content.ts";
import { contentCheck, contentTag, type Seed } from "./keys.ts";
import type { SealRecipe } from "./recipe.ts";
import { deriveSecrets } from "./secrets.ts";
import { compressed, stored } from "./zstd.ts";

export interface SealedFile {
  readonly description: Description;
  /** In the memory that `room` gave. */
  readonly bytes: Uint8Array;
}

/** What age encrypts, or what is stored: one list of pieces, and what its bytes follow from. */
interface Payload {
  readonly pieces: readonly Uint8Array[];
  readonly follows: "content" | "payload";
}

/** Compresses, encrypts and hashes a cut once. Pure: the same input gives the same bytes. */
export function seal(
  cut: CutData,
  recipe: SealRecipe,
  seeds: readonly Seed[],
  room: Room = ownRoom,
): SealedFile {
  const content = contentOf(cut, recipe);
  const payload = compress(content, cut, recipe);
  const key: BatchKey = keyOf(cut);
  const id = batchId(key);
  const made =
    recipe.encryption === null
      ? {
          bytes: concat(payload.pieces, room),
          mark: { algorithm: "blake3" as const, digest: content.digest },
        }
      : encrypt(content, payload, recipe.encryption, { id, seeds, room });
  const { bytes, mark } = made;
  const sealInfo = sealInfoOf(key, recipe, content, bytes);
  const description = describe(cut, recipe, content, mark, sealInfo);
  const check = "check" in made ? { contentCheck: made.check } : {};
  return { description: { ...description, ...check }, bytes };
}

function compress(content: Content, cut: CutData, recipe: SealRecipe): Payload {
  const { codec, level, recompress, format } = recipe;
  switch (codec) {
    case "none":
      return { pieces: content.pieces, follows: "content" };
    case "gzip": {
      // One member; Node writes no time and no name, so the same bytes come out every time.
      const whole = gzipSync(Buffer.concat(content.pieces), { level });
      return { pieces: [whole], follows: "payload" };
    }
    case "zstd": {
      const plain = format === "ndjson" || cut.uncompressed;
      const again = recompress === "always" || (recompress === "auto" && plain);
      return again
        ? { pieces: compressed(content.pieces, level), follows: "payload" }
        : { pieces: stored(content.pieces), follows: "content" };
    }
  }
}

function encrypt(
  content: Content,
  payload: Payload,
  encryption: NonNullable<SealRecipe["encryption"]>,
  { id, seeds, room }: { id: string; seeds: readonly Seed[]; room: Room },
): { bytes: Uint8Array; mark: ContentMark; check: string } {
  const { recipients, keyId, salt } = encryption;
  const seed = seeds.find((s) => s.keyId === keyId);
  if (seed === undefined) {
    throw new ArchiverError(
      "key-invalid",
      `the seed file has no key ${keyId}, which batch ${id} needs`,
    );
  }
  const hash = payload.follows === "content" ? content.digest : hashOf(payload.pieces);
  const secrets = deriveSecrets({
    seed: seed.secret,
    salt: Buffer.from(salt, "hex"),
    payloadHash: Buffer.from(hash, "hex"),
    of: payload.follows,
    batchId: id,
  });
  return {
    bytes: ageFile(payload.pieces, recipients, secrets, room),
    mark: { algorithm: "blake3", tag: contentTag(secrets.fileKey, content.digest) },
    check: contentCheck(seed.secret, id, content.digest),
  };
}

function sealInfoOf(
  key: BatchKey,
  recipe: SealRecipe,
  content: Content,
  bytes: Uint8Array,
): SealInfo {
  const { encryption, format } = recipe;
  const codec: Codec = recipe.codec;
  const encrypted = encryption !== null;
  return {
    path: dataPath(key, { format, codec, encrypted }),
    size: bytes.length,
    digest: blake3Hex(bytes),
    digestAlgorithm: "blake3",
    codec,
    contentSize: content.sizeBytes,
    encryption: encrypted ? "age" : "none",
    ...(encrypted ? { keyId: encryption.keyId } : {}),
    recipients: encrypted ? encryption.recipients : [],
  };
}

function describe(
  cut: CutData,
  recipe: SealRecipe,
  content: Content,
  mark: ContentMark,
  sealInfo: SealInfo,
): Description {
  const { end, aborted, control, skipped, minTimestamp, maxTimestamp, leaderEpoch } = cut;
  const key = keyOf(cut);
  const { records, compacted, deadLettered, holes, recordsDigest } = content;
  assert(
    records + aborted + control + compacted + skipped + deadLettered === end - key.start,
    `${batchId(key)}: every offset up to ${end} is accounted for`,
  );
  return {
    version: 1,
    archiveId: recipe.archiveId,
    clusterId: recipe.clusterId,
    ...key,
    end,
    batchId: batchId(key),
    revision: recipe.revision,
    leaderEpoch,
    records,
    aborted,
    control,
    compacted,
    filtered: skipped,
    deadLettered,
    holes,
    minTimestamp,
    maxTimestamp,
    format: recipe.format,
    content: mark,
    ...(recordsDigest === undefined ? {} : { recordsDigest }),
    seal: sealInfo,
  };
}

const keyOf = ({ topic, topicId, partition, branch, start }: CutData): BatchKey => ({
  topic,
  topicId,
  partition,
  branch,
  start,
});

function hashOf(pieces: readonly Uint8Array[]): string {
  const hasher = new Blake3Hasher();
  for (const p of pieces) hasher.update(p);
  return hasher.digest("hex");
}

const ownRoom: Room = (bytes) => new Uint8Array(bytes);

function concat(pieces: readonly Uint8Array[], room: Room): Uint8Array {
  const out = room(pieces.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of pieces) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
