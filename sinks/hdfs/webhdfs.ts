import { SinkError } from "../../src/sdk/sink-error.ts";
import {
  booleanAnswer,
  checksumAnswer,
  type FileStatus,
  pageAnswer,
  parsed,
  statusAnswer,
  xattrsAnswer,
} from "./hdfs-answers.ts";
import type { FileChecksum } from "./hdfs-checksum.ts";
import { HdfsError, isMissing } from "./hdfs-error.ts";
import { readBody } from "./hdfs-http.ts";
import type { NameNodes } from "./name-nodes.ts";

const MAX_ANSWER_BYTES = 1 << 20;
/** A page is dfs.ls.limit entries, 1000 unless set. */
const MAX_PAGE_BYTES = 64 << 20;

export interface CreateOptions {
  /** Asks the DataNodes to fsync the file and its folders before they acknowledge. */
  readonly fsync: boolean;
  readonly replication: number | undefined;
  readonly blockSize: number | undefined;
  /** Octal. */
  readonly permission: string | undefined;
}

export interface Page {
  /** Ascending by the bytes of their names. */
  readonly entries: readonly FileStatus[];
  readonly remaining: number;
}

/** The calls of WebHDFS that are needed; paths are absolute. Errors are `SinkError`s. */
export class WebHdfs {
  readonly #nodes: NameNodes;

  constructor(nodes: NameNodes) {
    this.#nodes = nodes;
  }

  get nodes(): NameNodes {
    return this.#nodes;
  }

  async status(path: string, signal: AbortSignal): Promise<FileStatus | undefined> {
    const call = { method: "GET", op: "GETFILESTATUS", path } as const;
    const answer = await orMissing(this.#nodes.ask(call, statusAnswer, MAX_ANSWER_BYTES, signal));
    return answer?.FileStatus;
  }

  /** Entries after `startAfter`, exclusive; gateways may begin earlier. Undefined: no such folder. */
  async page(path: string, startAfter: string, signal: AbortSignal): Promise<Page | undefined> {
    const call = { method: "GET", op: "LISTSTATUS_BATCH", path, params: { startAfter } } as const;
    const answer = await orMissing(this.#nodes.ask(call, pageAnswer, MAX_PAGE_BYTES, signal));
    if (answer === undefined) return undefined;
    const { partialListing, remainingEntries } = answer.DirectoryListing;
    const entries = partialListing.FileStatuses.FileStatus;
    if (entries[0]?.pathSuffix === "") {
      throw new SinkError(
        "sink-permanent",
        `${path} is a file where a folder belongs; move it away`,
      );
    }
    return { entries, remaining: remainingEntries };
  }

  /** With every folder above it. */
  async mkdirs(path: string, permission: string | undefined, signal: AbortSignal): Promise<void> {
    const params = permission === undefined ? {} : { permission };
    const call = { method: "PUT", op: "MKDIRS", path, params } as const;
    const { boolean } = await this.#nodes.ask(call, booleanAnswer, MAX_ANSWER_BYTES, signal);
    if (!boolean) throw new SinkError("sink-transient", `MKDIRS ${path} was answered false`);
  }

  /** A new file in a folder that is there; rejects when something has this name. */
  async create(
    path: string,
    bytes: Uint8Array,
    options: CreateOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const params = this.createParams(options);
    const call = { method: "PUT", op: "CREATE", path, params } as const;
    await readBody(await this.#nodes.follow(call, 201, bytes, signal), MAX_ANSWER_BYTES);
  }

  createParams(options: CreateOptions): Readonly<Record<string, string>> {
    const { fsync, replication, blockSize, permission } = options;
    return {
      overwrite: "false",
      createparent: "false",
      ...(fsync ? { createflag: "CREATE,SYNC_BLOCK" } : {}),
      ...(replication === undefined ? {} : { replication: String(replication) }),
      ...(blockSize === undefined ? {} : { blocksize: String(blockSize) }),
      ...(permission === undefined ? {} : { permission }),
    };
  }

  /**
   * Never replaces a file. Gateways that ignore `renameoptions` answer `perhaps` also when they
   * moved it into a folder of that name; `refused` has several reasons: the caller looks.
   */
  async rename(
    from: string,
    to: string,
    signal: AbortSignal,
  ): Promise<"moved" | "perhaps" | "refused"> {
    const params = { destination: to, renameoptions: "NONE" };
    const call = { method: "PUT", op: "RENAME", path: from, params } as const;
    try {
      const body = await this.#nodes.tell(call, signal);
      if (body.length === 0) return "moved";
      return parsed(booleanAnswer, body, `RENAME ${from}`).boolean ? "perhaps" : "refused";
    } catch (error) {
      const there = error instanceof HdfsError && error.exception === "FileAlreadyExistsException";
      if (there || isMissing(error)) return "refused";
      throw error;
    }
  }

  /** Over a file that is there, in one step. Gateways that ignore `renameoptions` refuse that. */
  async renameOver(from: string, to: string, signal: AbortSignal): Promise<"moved" | "refused"> {
    const params = { destination: to, renameoptions: "OVERWRITE" };
    const call = { method: "PUT", op: "RENAME", path: from, params } as const;
    const body = await this.#nodes.tell(call, signal);
    if (body.length === 0) return "moved";
    return parsed(booleanAnswer, body, `RENAME ${from}`).boolean ? "moved" : "refused";
  }

  /** False when there was nothing; a folder has to be empty. */
  async remove(path: string, signal: AbortSignal): Promise<boolean> {
    const call = { method: "DELETE", op: "DELETE", path, params: { recursive: "false" } } as const;
    return (await this.#nodes.ask(call, booleanAnswer, MAX_ANSWER_BYTES, signal)).boolean;
  }

  async checksum(path: string, signal: AbortSignal): Promise<FileChecksum> {
    const call = { method: "GET", op: "GETFILECHECKSUM", path } as const;
    const answer = await this.#nodes.follow(call, 200, undefined, signal);
    const body = await readBody(answer, MAX_ANSWER_BYTES);
    return parsed(checksumAnswer, body, `GETFILECHECKSUM ${path}`).FileChecksum;
  }

  /** At most `length` bytes from `offset` on. */
  async *open(
    path: string,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const params = { offset: String(offset), length: String(length) };
    const call = { method: "GET", op: "OPEN", path, params } as const;
    yield* (await this.#nodes.follow(call, 200, undefined, signal)).body;
  }

  /** Create-only; false when the attribute is there, or when the server does not say why not. */
  async setXattr(
    path: string,
    name: string,
    value: Uint8Array,
    signal: AbortSignal,
  ): Promise<boolean> {
    const encoded = `0s${Buffer.from(value).toString("base64url")}`;
    const params = { "xattr.name": name, "xattr.value": encoded, flag: "CREATE" };
    const call = { method: "PUT", op: "SETXATTR", path, params } as const;
    try {
      await this.#nodes.tell(call, signal);
      return true;
    } catch (error) {
      if (error instanceof HdfsError && /already exists/.test(error.message)) return false;
      throw error;
    }
  }

  /** Undefined when the file has no such attribute, or is not there. */
  async xattr(path: string, name: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const call = { method: "GET", op: "GETXATTRS", path, params: { encoding: "base64" } } as const;
    const answer = await orMissing(this.#nodes.ask(call, xattrsAnswer, MAX_ANSWER_BYTES, signal));
    const value = answer?.XAttrs.find((x) => x.name === name)?.value;
    if (value === undefined || value === null) return undefined;
    return Buffer.from(value.replace(/^0s/, ""), "base64");
  }

  /** Sets the modification time, in milliseconds. */
  async touch(path: string, atMs: number, signal: AbortSignal): Promise<void> {
    const params = { modificationtime: String(atMs) };
    await this.#nodes.tell({ method: "PUT", op: "SETTIMES", path, params }, signal);
  }
}

async function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
