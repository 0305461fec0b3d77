import { pieces } from "../../../src/core/bytes.ts";
import type { Codec, Format, Manifest } from "../../../src/core/description.ts";
import { genesisLink } from "../../../src/core/chain.ts";
import { makeManifest } from "../../../src/core/manifest.ts";
import { manifestMacKey } from "../../../src/seal/keys.ts";
import { seal } from "../../../src/seal/seal.ts";
import { bulky, cutOf, type Made, odd, plain, record, SCOPE } from "./cuts.ts";
import { FIRST, SECOND, SEED, type VectorKey } from "./keys.ts";

export const ARCHIVE_ID = "vectors-1";
export const CLUSTER_ID = "dmVjdG9ycy1jbHVzdGVyMQ";

export interface GoodVector {
  readonly name: string;
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  /** The record batches as the broker had them: the content of a `segment`. */
  readonly raw: Uint8Array;
  readonly keys: readonly VectorKey[];
}

interface Wanted {
  readonly made: Made;
  readonly format?: Format;
  readonly codec?: Codec;
  readonly recompress?: "auto" | "always" | "never";
  readonly keys?: readonly VectorKey[];
}

const raw = (batches: Made["batches"]): Made => ({ batches, producerCodec: "none" });
const lz4 = (batches: Made["batches"]): Made => ({ batches, producerCodec: "lz4" });

/** A payload that ends exactly where an age chunk does. */
function exact(bytes: number): Made {
  const sized = (n: number): Made => raw([[record(0, { value: Buffer.alloc(n, "x") })]]);
  const over = cutOf(0n, sized(bytes)).payload.length - bytes;
  const made = sized(bytes - over);
  const got = cutOf(0n, made).payload.length;
  if (got !== bytes) throw new Error(`${got} bytes instead of ${bytes}`);
  return made;
}

/** Offsets 3 and 8 taken by compaction, 10 and 11 of an aborted transaction, 12 its marker. */
const holed: Made = {
  batches: [
    [0, 1, 2, 4, 5].map((n) => record(n)),
    [6, 7, 9].map((n) => record(n)),
    [13, 14].map((n) => record(n)),
  ],
  producerCodec: "none",
  compacted: 2n,
  holes: [
    { from: 10n, to: 12n, reason: "aborted" },
    { from: 12n, to: 13n, reason: "control" },
  ],
};

/** In the order of their offsets: each begins where the one before it ends. */
const WANTED: Readonly<Record<string, Wanted>> = {
  "segment-none": { made: raw(plain(2, 5)), codec: "none" },
  "segment-gzip": { made: raw(plain(3, 20)), codec: "gzip" },
  "segment-zstd-compressed": { made: raw(plain(3, 20)) },
  "segment-zstd-kept": { made: lz4(plain(3, 20)) },
  "segment-zstd-always": {
    made: { batches: plain(2, 20), producerCodec: "zstd" },
    recompress: "always",
  },
  "segment-zstd-never": { made: raw(plain(2, 20)), recompress: "never" },
  "segment-one-record": { made: raw([[record(0)]]) },
  "segment-odd": { made: lz4(odd()) },
  "segment-holes": { made: holed },
  "segment-zstd-frames": { made: raw(bulky(7, 500_000)) },
  "segment-zstd-frames-kept": { made: raw(bulky(3, 370_000)), recompress: "never" },
  "segment-none-age-1": { made: raw(plain(1, 9)), codec: "none", keys: [FIRST] },
  "segment-none-age-exact": { made: exact(2 * 65_536), codec: "none", keys: [FIRST] },
  "segment-gzip-age-2": { made: raw(plain(2, 20)), codec: "gzip", keys: [FIRST, SECOND] },
  "segment-zstd-age-1": { made: raw(plain(3, 20)), keys: [SECOND] },
  "segment-zstd-kept-age-2": { made: lz4(plain(3, 20)), keys: [FIRST, SECOND] },
  "segment-zstd-kept-age-chunks": {
    made: raw(bulky(1, 150_000)),
    recompress: "never",
    keys: [FIRST],
  },
  "segment-one-record-age": { made: raw([[record(0)]]), keys: [FIRST] },
  "ndjson-none": { made: lz4(plain(2, 5)), format: "ndjson", codec: "none" },
  "ndjson-gzip": { made: lz4(plain(2, 20)), format: "ndjson", codec: "gzip" },
  "ndjson-zstd": { made: lz4(plain(2, 20)), format: "ndjson" },
  "ndjson-odd": { made: lz4(odd()), format: "ndjson", codec: "none" },
  "ndjson-holes": { made: holed, format: "ndjson" },
  "ndjson-one-record-age": { made: raw([[record(0)]]), format: "ndjson", keys: [FIRST] },
  "ndjson-zstd-frames-age-2": {
    made: raw(bulky(5, 500_000)),
    format: "ndjson",
    keys: [SECOND, FIRST],
  },
};

/** One unbroken branch: genesis first, every later link over the one before it. */
export function goodVectors(): GoodVector[] {
  const macKey = manifestMacKey(SEED.secret);
  const vectors: GoodVector[] = [];
  let [start, link] = [0n, genesisLink(ARCHIVE_ID, SCOPE)];
  for (const [i, [name, w]] of Object.entries(WANTED).entries()) {
    const { codec = "zstd", keys = [] } = w;
    const salt = Buffer.alloc(16, i + 1).toString("hex");
    const recipients = keys.map((k) => k.recipient);
    const cut = cutOf(start, w.made);
    const { description, bytes } = seal(
      cut,
      {
        archiveId: ARCHIVE_ID,
        clusterId: CLUSTER_ID,
        format: w.format ?? "segment",
        codec,
        level: codec === "none" ? 0 : codec === "gzip" ? 6 : 3,
        recompress: w.recompress ?? "auto",
        encryption: keys.length === 0 ? null : { recipients, keyId: SEED.keyId, salt },
        revision: 0,
        onPoison: "keep",
        withRecordsDigest: i % 2 === 0,
      },
      [SEED],
    );
    const manifest = makeManifest(description, link, macKey);
    vectors.push({ name, manifest, bytes, raw: Buffer.concat([...pieces(cut.payload)]), keys });
    [start, link] = [manifest.end, manifest.link];
  }
  return vectors;
}
