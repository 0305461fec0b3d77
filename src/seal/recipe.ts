import type { Codec, Format } from "../core/description.ts";

/** Everything besides the content that decides a sealed file's bytes. */
export interface SealRecipe {
  readonly archiveId: string;
  readonly clusterId: string;
  readonly format: Format;
  readonly codec: Codec;
  readonly level: number;
  /** Whether a file whose record batches the producer compressed is compressed again. */
  readonly recompress: "auto" | "always" | "never";
  readonly encryption: {
    readonly recipients: readonly string[];
    readonly keyId: string;
    /** 16 random bytes, hex. */
    readonly salt: string;
  } | null;
  /** In `ndjson`, a record batch that cannot be decoded: kept raw in a line of its own, or refused. */
  readonly onPoison: "keep" | "stop";
  readonly revision: number;
  readonly withRecordsDigest: boolean;
}
