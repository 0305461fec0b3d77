import type { Description, Hole } from "./description.ts";
import { blake3Hex } from "./digest.ts";
import { holeOffsets } from "./manifest-check.ts";
import type { Scope } from "./scope.ts";

/**
 * The chain of a branch (design rule 6). A link covers what was archived, never how it is stored,
 * so a rewrap leaves every link as it is. docs/format.md gives the bytes.
 */
const LINK = "bulk-archiver link 1";
const GENESIS = "bulk-archiver genesis 1";

/** Each field is a 4-byte big-endian length and its bytes, so no two inputs share an encoding. */
class Fields {
  readonly #parts: Buffer[] = [];

  bytes(value: Buffer): this {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    this.#parts.push(length, value);
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, "utf8"));
  }

  hex(value: string): this {
    return this.bytes(Buffer.from(value, "hex"));
  }

  int(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    return this.bytes(bytes);
  }

  hash(): string {
    return blake3Hex(Buffer.concat(this.#parts));
  }
}

/** What the first batch of a branch names as its previous link. */
export const genesisLink = (archiveId: string, scope: Scope): string =>
  new Fields()
    .text(GENESIS)
    .text(archiveId)
    .text(scope.topic)
    .text(scope.topicId)
    .int(BigInt(scope.partition))
    .int(BigInt(scope.branch))
    .hash();

/** The link of a batch after the one whose link is `prevLink`; lower-case hex. */
export function nextLink(prevLink: string, d: Description): string {
  const fields = new Fields()
    .text(LINK)
    .hex(prevLink)
    .text(d.topicId)
    .int(BigInt(d.partition))
    .int(BigInt(d.branch))
    .int(d.start)
    .int(d.end);
  for (const count of [d.records, d.aborted, d.control, d.compacted, d.filtered, d.deadLettered]) {
    fields.int(count);
  }
  fields.int(BigInt(d.holes.length));
  for (const hole of d.holes) {
    fields.int(hole.from).int(hole.to).text(reasonText(hole)).int(holeOffsets(hole));
  }
  if ("digest" in d.content) fields.text("digest").text(d.content.algorithm).hex(d.content.digest);
  else fields.text("tag").text(d.content.algorithm).hex(d.content.tag);
  return fields.hash();
}

/** No reason has a colon, so no two holes share a text. */
const reasonText = ({ reason, text }: Hole): string =>
  text === undefined ? reason : `${reason}: ${text}`;
