import { existsSync } from "node:fs";
import { open, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ArchiverError } from "../../core/errors.ts";
import { parse, stringify } from "../../core/json.ts";
import { temporaryOf } from "../../core/leftovers.ts";
import { messageOf } from "../../core/message.ts";

export const STATE_FILE = "export.json";

const offset = z
  .union([z.bigint(), z.int().transform((n) => BigInt(n))])
  .refine((n) => n >= 0n, "is negative");

const part = z.strictObject({
  file: z.string(),
  from: offset,
  to: offset,
  records: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  blake3: z.string(),
});

const partition = z.strictObject({
  partition: z.int().nonnegative(),
  branch: z.int().nonnegative(),
  /** Offsets before it are in the parts. */
  next: offset,
  parts: z.array(part),
});

/** What was asked for: a folder is continued with the same words only. */
const request = z.strictObject({
  archiveId: z.string(),
  topic: z.string(),
  topicId: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  codec: z.enum(["none", "gzip", "zstd"]),
});

const stateSchema = z.strictObject({
  version: z.literal(1),
  request,
  partitions: z.array(partition),
});

export type ExportRequest = z.output<typeof request>;
export type ExportedPartition = z.output<typeof partition>;
export type ExportedPart = z.output<typeof part>;

/** `export.json` in the folder of an export: what is whole there, and where to go on. */
export class ExportState {
  readonly #dir: string;
  readonly #request: ExportRequest;
  readonly #partitions: Map<string, ExportedPartition>;

  private constructor(dir: string, of: ExportRequest, partitions: readonly ExportedPartition[]) {
    this.#dir = dir;
    this.#request = of;
    this.#partitions = new Map(partitions.map((p) => [keyOf(p), p]));
  }

  /** Begins an export in an empty folder or takes up the one that is there. @throws ArchiverError usage */
  static async open(dir: string, wanted: ExportRequest): Promise<ExportState> {
    const path = join(dir, STATE_FILE);
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") {
        await refuseOthers(dir);
        return new ExportState(dir, wanted, []);
      }
      throw new ArchiverError("usage", `${path}: ${messageOf(error)}`, { cause: error });
    }
    const found = stateIn(text, path);
    if (stringify(found.request) !== stringify(wanted)) {
      const text = `${dir} holds another export (${stringify(found.request)}): choose another --out`;
      throw new ArchiverError("usage", text);
    }
    return new ExportState(dir, wanted, found.partitions);
  }

  get(partition: number, branch: number): ExportedPartition | undefined {
    return this.#partitions.get(keyOf({ partition, branch }));
  }

  /** Before the first part has its name: what has one is known to be ours. Durable when it resolves. */
  begin(): Promise<void> {
    return this.#write();
  }

  /** Durable when it resolves. */
  async put(one: ExportedPartition): Promise<void> {
    this.#partitions.set(keyOf(one), one);
    await this.#write();
  }

  async #write(): Promise<void> {
    const path = join(this.#dir, STATE_FILE);
    const temporary = temporaryOf(path);
    const partitions = [...this.#partitions.values()].sort((a, b) => a.partition - b.partition);
    const file = await open(temporary, "w", 0o644);
    try {
      const state = { version: 1, request: this.#request, partitions };
      await file.writeFile(`${stringify(state, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  }
}

const keyOf = (p: { readonly partition: number; readonly branch: number }): string =>
  `${p.partition}/${p.branch}`;

async function refuseOthers(dir: string): Promise<void> {
  const names = existsSync(dir) ? await readdir(dir) : [];
  if (names.every((name) => name.endsWith(".tmp"))) return;
  throw new ArchiverError("usage", `${dir} is neither empty nor an export: choose another --out`);
}

function stateIn(text: string, path: string): z.output<typeof stateSchema> {
  try {
    return stateSchema.parse(parse(text));
  } catch (cause) {
    throw new ArchiverError("usage", `${path} is no export of this program: choose another --out`, {
      cause,
    });
  }
}
