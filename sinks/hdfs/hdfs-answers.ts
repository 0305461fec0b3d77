import { z } from "zod";
import { checked } from "../../src/core/checked.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";

/** What WebHDFS answers, as far as it is used; anything else is refused by name. */
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

const status = z.object({
  /** Name below the folder listed; empty for the path itself. */
  pathSuffix: z
    .string()
    .max(8192)
    .refine((name) => !/[/\0]/.test(name) && name !== "." && name !== "..", "expected a name"),
  type: z.enum(["FILE", "DIRECTORY", "SYMLINK"]),
  length: count,
  modificationTime: count,
  blockSize: count,
  replication: count,
  /** The inode's number, kept through a rename; some gateways leave it out. */
  fileId: count.optional(),
  /** Encrypted by HDFS, and erasure coded; left out where not. */
  encBit: z.boolean().optional(),
  ecBit: z.boolean().optional(),
});

export type FileStatus = z.infer<typeof status>;

export const statusAnswer = z.object({ FileStatus: status });

export const pageAnswer = z.object({
  DirectoryListing: z.object({
    partialListing: z.object({ FileStatuses: z.object({ FileStatus: z.array(status) }) }),
    remainingEntries: count,
  }),
});

export const booleanAnswer = z.object({ boolean: z.boolean() });

export const checksumAnswer = z.object({
  FileChecksum: z.object({
    algorithm: z.string().max(200),
    bytes: z.string().regex(/^[0-9a-f]{0,1024}$/),
  }),
});

export const xattrsAnswer = z.object({
  XAttrs: z.array(z.object({ name: z.string().max(1024), value: z.string().nullable() })).max(1000),
});

export const remoteException = z.object({
  RemoteException: z.object({
    exception: z.string().max(1024).default(""),
    message: z.string().nullish(),
  }),
});

/** @throws SinkError `sink-transient`: a gateway may answer something else for a while. */
export function parsed<T>(schema: z.ZodType<T>, body: Buffer, doing: string): T {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new SinkError("sink-transient", `${doing} was answered with something else than JSON`, {
      cause,
    });
  }
  const result = checked(schema, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const text = `${doing} was answered with unexpected JSON: ${issue?.path.join(".")}: ${issue?.message}`;
  throw new SinkError("sink-transient", text);
}
