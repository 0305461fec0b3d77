import { createWriteStream } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";
import { Blake3Hasher } from "@napi-rs/blake-hash";
import { ArchiverError } from "../../core/errors.ts";
import { temporaryOf } from "../../core/leftovers.ts";
import { messageOf } from "../../core/message.ts";
import { createFolder } from "../../core/new-folder.ts";
import type { ExportedPart, ExportRequest } from "./export-state.ts";

/** While it is written. */
export const PART_FILE = "part";
const SUFFIX = { none: "", gzip: ".gz", zstd: ".zst" } as const;

export interface PartOptions {
  readonly dir: string;
  /** Below `dir`, without suffix; known when the part is whole. */
  readonly name: () => string;
  readonly codec: ExportRequest["codec"];
}

/**
 * Writes one part: under a temporary name, whole and durable before it has its own. Undefined when there was
 * nothing to write. @throws ArchiverError usage for what the file system refuses
 */
export async function writePart(
  o: PartOptions,
  lines: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<Pick<ExportedPart, "file" | "bytes" | "blake3"> | undefined> {
  const temporary = temporaryOf(join(o.dir, PART_FILE));
  const hasher = new Blake3Hasher();
  let bytes = 0;
  const counted = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      hasher.update(piece);
      bytes += piece.length;
      yield piece;
    }
  };
  const source = Readable.from(encoded(lines), { objectMode: false });
  const sink = createWriteStream(temporary, { flags: "w", flush: true });
  try {
    if (o.codec === "none") await pipeline(source, counted, sink, { signal });
    else {
      const packer = o.codec === "gzip" ? createGzip() : createZstdCompress();
      await pipeline(source, packer, counted, sink, { signal });
    }
    const file = `${o.name()}.ndjson${SUFFIX[o.codec]}`;
    const path = join(o.dir, file);
    await createFolder(dirname(path));
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return { file, bytes, blake3: hasher.digest("hex") };
  } catch (error) {
    await Promise.allSettled([unlink(temporary)]);
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof ArchiverError || code === undefined) throw error;
    throw new ArchiverError("usage", `${o.dir}: ${messageOf(error)}`, { cause: error });
  }
}

async function* encoded(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const chunk of lines) yield Buffer.from(chunk, "utf8");
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
