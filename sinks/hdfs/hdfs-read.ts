import { SinkError } from "../../src/sdk/sink-error.ts";
import { isMissing } from "./hdfs-error.ts";
import type { WebHdfs } from "./webhdfs.ts";

/** Bytes [from, to); `sink-transient` when the file is absent or ends early. */
export async function* readRange(
  web: WebHdfs,
  path: string,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  let at = from;
  if (at >= to) return;
  for await (const piece of web.open(path, from, to - from, signal)) {
    if (at + piece.length > to) throw new SinkError("sink-transient", `${path}: too many bytes`);
    at += piece.length;
    yield piece;
  }
  if (at < to) throw new SinkError("sink-transient", `${path} ends early, at byte ${at}`);
}

/** A whole small file; undefined when it is absent. */
export async function readSmall(
  web: WebHdfs,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const file = await web.status(path, signal);
  if (file === undefined) return undefined;
  if (file.length > maxBytes) {
    const text = `${path}: ${file.length} bytes, at most ${maxBytes} are read`;
    throw new SinkError("sink-permanent", text);
  }
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of readRange(web, path, 0, file.length, signal)) pieces.push(piece);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return Buffer.concat(pieces);
}
