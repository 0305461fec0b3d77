import { blake3Hex } from "../../src/core/digest.ts";
import { MAX_MANIFEST_BYTES } from "../../src/core/manifest-schema.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { WebHdfs } from "./webhdfs.ts";

const NAME = "user.bulk-archiver.about";

/**
 * An attribute's value rides in a URL, and gateways take 8 KiB of those. A longer description (one
 * with many holes) is a file of its own in `tmp/`, and the attribute holds that file's name.
 */
const INLINE_BYTES = 4096;
const REFERENCE = /^[0-9a-f]{64}\.about$/;

export interface SideFiles {
  /** Creates `tmp/<name>` with these bytes, or keeps the one that is there, made young again. */
  put(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  get(name: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

/** What a file is described by: an extended attribute, set before the file has its final name. */
export class HdfsAbouts {
  readonly #web: WebHdfs;
  readonly #sides: SideFiles;

  constructor(web: WebHdfs, sides: SideFiles) {
    this.#web = web;
    this.#sides = sides;
  }

  /** False when another description was there first. */
  async put(path: string, about: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const long = about.length > INLINE_BYTES;
    const value = long ? Buffer.from(sideName(about)) : about;
    if (long) await this.#sides.put(sideName(about), about, signal);
    if (await this.#web.setXattr(path, NAME, value, signal)) return true;
    const there = await this.#web.xattr(path, NAME, signal);
    if (there === undefined) {
      throw new SinkError("sink-transient", `${path}: its attribute is there and cannot be read`);
    }
    return there.equals(value);
  }

  /** After the file has its final name: a sweep may have taken the side file just before. */
  async keep(about: Uint8Array, signal: AbortSignal): Promise<void> {
    if (about.length > INLINE_BYTES) await this.#sides.put(sideName(about), about, signal);
  }

  async get(path: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const value = await this.#web.xattr(path, NAME, signal);
    if (value === undefined) return undefined;
    const name = value.toString("latin1");
    if (!REFERENCE.test(name)) return value;
    const about = await this.#sides.get(name, MAX_MANIFEST_BYTES, signal);
    // A side file is named by its digest, so one that was altered is none.
    return about !== undefined && sideName(about) === name ? about : undefined;
  }
}

const sideName = (about: Uint8Array): string => `${blake3Hex(about)}.about`;
