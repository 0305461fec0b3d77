import type { Writable } from "node:stream";

/**
 * Writes to a stream that may be slow, at its pace, or go away: `| head` closes the pipe, which is
 * no failure but the end (`closed`). The stream is not ended.
 */
export async function writeChunks(
  chunks: AsyncIterable<Uint8Array>,
  out: Writable,
): Promise<"written" | "closed"> {
  let failure: NodeJS.ErrnoException | undefined;
  let wake: () => void = () => undefined;
  // Stays attached: what was written before may still fail afterwards.
  out.on("error", (error: NodeJS.ErrnoException) => {
    failure ??= error;
    wake();
  });
  out.on("close", () => wake());
  for await (const chunk of chunks) {
    if (failure !== undefined || out.destroyed) break;
    if (out.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
      out.once("drain", resolve);
      if (failure !== undefined || out.destroyed) resolve();
    });
  }
  if (failure === undefined && !out.destroyed) {
    await new Promise<void>((resolve) => out.write("", () => resolve()));
  }
  if (failure === undefined) return out.destroyed ? "closed" : "written";
  if (failure.code === "EPIPE" || failure.code === "ERR_STREAM_DESTROYED") return "closed";
  throw failure;
}
