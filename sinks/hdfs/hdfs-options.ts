import { z } from "zod";
import { durationMs } from "../../src/sdk/duration.ts";

const MiB = 1024 ** 2;

const url = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && /^https?:\/\//i.test(text), {
    error: ({ input }) => `${JSON.stringify(input)}: expected such as http://namenode:9870`,
  })
  .refine((text) => !URL.canParse(text) || new URL(text).username === "", {
    error: "user and password belong into `basic`",
  });

const HOST_PORT = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;

const dataNodes = z
  .record(z.string(), z.string().regex(HOST_PORT, "expected host:port"))
  .refine((nodes) => Object.keys(nodes).every((named) => HOST_PORT.test(named)), {
    error: "expected host:port of each DataNode, with the host:port where it is reached",
  });

const octal = z.string().regex(/^[0-7]{3,4}$/, 'expected octal in quotes, such as "750"');
const file = z.string().min(1).max(4096);
const secret = z.string().min(1).max(65_536);

const tls = z
  .strictObject({
    ca: file.optional().describe("PEM file of the authorities to trust; left out: Node's"),
    cert: file.optional().describe("PEM file of the client certificate"),
    key: file.optional().describe("PEM file of the client certificate's key"),
    passphrase: secret.optional().describe("Of the key"),
    servername: z.string().min(1).optional().describe("Name to expect in the certificate"),
    rejectUnauthorized: z.boolean().default(true).describe("`false` trusts anybody: for tests"),
  })
  .refine((t) => (t.cert === undefined) === (t.key === undefined), "cert and key belong together");

const blockSize = z
  .string()
  .regex(/^[1-9]\d{0,5}(KiB|MiB|GiB)$/, "expected a size such as 128MiB (KiB, MiB, GiB)")
  .transform((text) => {
    const unit = { K: 1024, M: MiB, G: 1024 * MiB }[text.at(-3) ?? ""] ?? MiB;
    return Number.parseInt(text, 10) * unit;
  });

export const hdfsSchema = z
  .strictObject({
    url: z
      .union([url, z.array(url).min(1).max(16)])
      .describe(
        "NameNode, HttpFS or Knox, without `/webhdfs/v1`; a list for NameNodes in high availability",
      ),
    path: z
      .string()
      .max(4096)
      .regex(/^(?:\/[^/:]+)+$/, "expected an absolute path in HDFS, such as /archive")
      .refine((p) => !p.split("/").some((part) => part === "." || part === ".."), {
        error: "no . or .. in it",
      })
      .describe("Folder of the archive in HDFS. Its parent has to be there"),
    user: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe("`user.name`, where HDFS believes what clients say (simple authentication)"),
    doAs: z.string().min(1).max(256).optional().describe("Act for this user, as a proxy user"),
    delegationToken: secret.optional().describe("A WebHDFS delegation token"),
    delegationTokenFile: file
      .optional()
      .describe("File with the token, read again before each request: whoever renews it writes it"),
    basic: z
      .strictObject({ username: z.string().min(1).max(256), password: secret })
      .optional()
      .describe("For gateways (Knox); sent to `url` only, never to a DataNode"),
    tls: tls.optional().describe("Of https addresses"),
    dataNodes: dataNodes
      .optional()
      .describe("Where a DataNode that a redirect names is reached instead: `{ named: reached }`"),
    fsync: z
      .boolean()
      .default(true)
      .describe(
        "DataNodes fsync before they acknowledge; off: a power failure can lose batches that were committed",
      ),
    replication: z.number().int().min(1).max(512).optional().describe("Left out: the cluster's"),
    blockSize: blockSize.optional().describe("Such as `256MiB`; left out: the cluster's"),
    filePermission: octal.optional().describe('Such as `"640"`; left out: the cluster\'s'),
    folderPermission: octal.optional().describe('Such as `"750"`; left out: the cluster\'s'),
    idleTimeout: durationMs
      .prefault("30s")
      .describe("A request without any progress for this long has failed"),
    tmpMaxAge: durationMs
      .prefault("24h")
      .describe("Age from which leftovers of crashed writers in `tmp/` are removed at start"),
  })
  .refine((o) => !(o.delegationToken !== undefined && o.delegationTokenFile !== undefined), {
    error: "delegationToken or delegationTokenFile, not both",
    path: ["delegationTokenFile"],
  });

export type HdfsConfig = z.output<typeof hdfsSchema>;
