import type { Description } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { type Frame, frameContent, seekFrames, seekTableBytes } from "../../seal/zstd.ts";
import type { StoredPart } from "./stored-part.ts";

const FOOTER_BYTES = 9;
/** Frames that are kept unfolded. */
const KEPT = 8;

/** The content of a file in frames, of which only those are unfolded that are asked for. */
export class FramedContent {
  readonly frames: readonly Frame[];
  readonly #part: StoredPart;
  readonly #kept = new Map<number, Uint8Array>();

  private constructor(part: StoredPart, frames: readonly Frame[]) {
    this.#part = part;
    this.frames = frames;
  }

  /** @throws ArchiverError sealed-invalid */
  static async open(part: StoredPart, d: Description): Promise<FramedContent> {
    const size = part.sizeBytes;
    const tableBytes = seekTableBytes(await part.read(Math.max(0, size - FOOTER_BYTES), size));
    if (tableBytes > size) throw invalid(d, "a table larger than the file");
    const frames = seekFrames(await part.read(size - tableBytes, size), size);
    const content = frames.reduce((n, f) => n + f.contentSize, 0);
    if (content === d.seal.contentSize) return new FramedContent(part, frames);
    throw invalid(d, `${content} bytes of content, its manifest: ${d.seal.contentSize}`);
  }

  async frame(i: number): Promise<Uint8Array> {
    const known = this.#kept.get(i);
    if (known !== undefined) return known;
    const frame = this.frames[i];
    if (frame === undefined) return new Uint8Array(0);
    const stored = await this.#part.read(frame.at, frame.at + frame.size);
    const content = frameContent(stored, frame);
    this.#kept.set(i, content);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > KEPT && oldest.done !== true) this.#kept.delete(oldest.value);
    return content;
  }
}

const invalid = (d: Description, text: string): ArchiverError =>
  new ArchiverError("sealed-invalid", `${d.seal.path}: ${text}`);
