import { z } from "zod";
import { durationMs } from "../../src/sdk/duration.ts";

const secret = z.string().min(1).max(65_536);

const prefix = z
  .string()
  .max(512)
  .regex(
    /^(?:[A-Za-z0-9!_.*'()=+@,:-]+(?:\/[A-Za-z0-9!_.*'()=+@,:-]+)*\/?)?$/,
    "expected names with / between them, such as site-a/kafka",
  )
  .refine((text) => !text.split("/").some((part) => part === "." || part === ".."), {
    error: "a part of it is . or ..",
  })
  .transform((text) => text.replace(/\/$/, ""));

const encryption = z
  .strictObject({
    algorithm: z
      .enum(["AES256", "aws:kms", "aws:kms:dsse"])
      .describe("Value of `x-amz-server-side-encryption`"),
    keyId: z.string().min(1).max(2048).optional().describe("Key of the store's key service"),
    bucketKey: z.boolean().optional().describe("Fewer calls of the key service"),
  })
  .refine((e) => e.algorithm !== "AES256" || (e.keyId === undefined && e.bucketKey === undefined), {
    error: "keyId and bucketKey belong to aws:kms",
  });

const objectLock = z.strictObject({
  mode: z.enum(["governance", "compliance"]).optional().describe("Needs `retention`"),
  retention: durationMs
    .optional()
    .describe("From the moment of the write; until then no version can be removed"),
  legalHold: z.boolean().default(false),
});

const tags = z
  .record(z.string().min(1).max(128), z.string().max(256))
  .refine((t) => Object.keys(t).length <= 10, "at most 10 tags");

const KiB = 1024;
const UNITS = { KiB, MiB: KiB ** 2, GiB: KiB ** 3 } as const;
/** One PUT takes 5 GiB; one buffer takes less. */
const LARGEST = 2 ** 31 - 1;

const size = z
  .string()
  .regex(/^[1-9]\d{0,5}(KiB|MiB|GiB)$/, "expected a size such as 128MiB (KiB, MiB, GiB)")
  .transform((text) => Number.parseInt(text, 10) * UNITS[text.slice(-3) as keyof typeof UNITS])
  .refine((bytes) => bytes >= 256 * KiB, "at least 256KiB");

export const s3Schema = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/ })
      .refine((text) => new URL(text).username === "", "keys have settings of their own")
      .transform((text) => text.replace(/\/$/, ""))
      .optional()
      .describe("Left out: AWS"),
    bucket: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/, "expected 3 to 63 letters or digits")
      .describe("It has to be there"),
    prefix: prefix.default("").describe("Folder of the archive in the bucket"),
    region: z.string().min(1).max(64).default("us-east-1").describe("Ceph takes any"),
    accessKeyId: secret.optional().describe("Left out: the SDK's chain (environment, files, role)"),
    secretAccessKey: secret.optional(),
    sessionToken: secret.optional().describe("Of temporary keys"),
    profile: z.string().min(1).optional().describe("Of the shared credentials file"),
    addressing: z
      .enum(["path", "virtual-host"])
      .optional()
      .describe("Default: `path` with an endpoint, `virtual-host` for AWS"),
    ca: z.string().min(1).max(4096).optional().describe("PEM file of the authorities to trust"),
    createOnly: z
      .enum(["atomic", "oldest-version", "head-then-put"])
      .default("atomic")
      .describe(
        "`atomic`: the store honours If-None-Match. The others are for stores that ignore it, and make no primary",
      ),
    primaryByOldestVersion: z
      .boolean()
      .default(false)
      .describe("With `oldest-version`: may be the primary although the store ignores conditions"),
    integrity: z
      .enum(["sha256", "md5", "tls"])
      .default("sha256")
      .describe(
        "The one hash that is sent along; `md5` is cheaper on processors without SHA; `tls`: none, over https only",
      ),
    storageClass: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe("Of data files; any of the store's"),
    maxObjectSize: size
      .transform((bytes) => Math.min(bytes, LARGEST))
      .default(LARGEST)
      .describe("What the store, or a proxy before it, takes in one PUT: batches are cut below it"),
    tags: tags.default({}).describe("Of data files and manifests"),
    encryption: encryption.optional().describe("Server-side encryption; left out: the bucket's"),
    objectLock: objectLock
      .refine((l) => (l.mode === undefined) === (l.retention === undefined), {
        error: "mode and retention belong together",
      })
      .optional()
      .describe("Left out: the bucket's default"),
    timeout: durationMs.prefault("30s").describe("How long a connection may be silent"),
    connectTimeout: durationMs.prefault("10s"),
    connections: z.int().min(1).max(1024).default(32).describe("At once, at most"),
    tmpMaxAge: durationMs
      .prefault("24h")
      .describe("Age from which leftovers in `tmp/` are removed at start"),
  })
  .refine((s) => (s.accessKeyId === undefined) === (s.secretAccessKey === undefined), {
    error: "accessKeyId and secretAccessKey belong together",
  })
  .refine((s) => s.sessionToken === undefined || s.accessKeyId !== undefined, {
    error: "sessionToken belongs to an accessKeyId",
    path: ["sessionToken"],
  })
  .refine((s) => s.profile === undefined || s.accessKeyId === undefined, {
    error: "either keys or a profile",
    path: ["profile"],
  })
  .refine((s) => s.integrity !== "tls" || s.endpoint?.startsWith("http:") !== true, {
    error: "tls needs an endpoint of https",
    path: ["integrity"],
  })
  .refine((s) => s.integrity !== "tls" || s.objectLock === undefined, {
    error: "with objectLock a store wants a hash: sha256 or md5",
    path: ["integrity"],
  })
  .refine((s) => !s.primaryByOldestVersion || s.createOnly === "oldest-version", {
    error: "belongs to createOnly: oldest-version",
    path: ["primaryByOldestVersion"],
  });

export type S3Config = z.output<typeof s3Schema>;
