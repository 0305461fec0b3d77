import { blake3 } from "@napi-rs/blake-hash";

/** Where the group says that the archive's chain ended, and with which link. */
export interface CommittedHead {
  readonly end: bigint;
  readonly link: string;
}

/**
 * From the metadata of a commit (`ba1 <n> <15 words a plan> <offset> <link> <marks> <checksum>`,
 * src/core/plan-codec.ts), read here by itself. Null: none is in it, or it is not ours.
 */
export function committedHead(metadata: string): CommittedHead | null {
  const words = metadata.split(" ");
  const sum = words.at(-1) ?? "";
  const said = metadata.slice(0, metadata.length - sum.length);
  if (words[0] !== "ba1" || !/^[0-4]$/.test(words[1] ?? "")) return null;
  if (blake3(Buffer.from(said)).toString("hex").slice(0, 16) !== sum) return null;
  const [offset = "-", link = "-"] = words.slice(2 + 15 * Number(words[1]));
  if (!/^\d{1,19}$/.test(offset) || !/^[\w-]{43}$/.test(link)) return null;
  return { end: BigInt(offset), link: Buffer.from(link, "base64url").toString("hex") };
}
