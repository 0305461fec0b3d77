import { readFile } from "node:fs/promises";
import type { AgentOptions } from "node:https";
import { resolve } from "node:path";
import { messageOf } from "../../src/core/message.ts";
import type { Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { BlobSink } from "../blob/blob-sink.ts";
import { hdfsFindings } from "./hdfs-findings.ts";
import { HttpLine } from "./hdfs-http.ts";
import { type HdfsConfig, hdfsSchema } from "./hdfs-options.ts";
import { HdfsStore } from "./hdfs-store.ts";
import { NameNodes } from "./name-nodes.ts";
import { WebHdfs } from "./webhdfs.ts";

/** A folder in HDFS, through WebHDFS of the NameNodes or a gateway (HttpFS, Knox). */
export const hdfsPlugin: SinkPlugin<HdfsConfig> = {
  kind: "hdfs",
  sdk: 1,
  schema: hdfsSchema,
  where: ({ url, path }: HdfsConfig) =>
    `${[url]
      .flat()
      .map((u) => new URL(u).host)
      .join(", ")} ${path}`,
  open: async (config: HdfsConfig, host: Host, signal: AbortSignal): Promise<Sink> => {
    const tls = await tlsOptions(config, host, signal);
    const http = new HttpLine({ idleMs: config.idleTimeout, tls });
    const web = new WebHdfs(
      new NameNodes(http, {
        urls: [config.url].flat().map(withoutService),
        identify: () => identify(config, host),
        authorization: basicOf(config),
        dataNodes: config.dataNodes ?? {},
      }),
    );
    const { fsync, replication, blockSize, filePermission: permission } = config;
    const create = { fsync, replication, blockSize, permission };
    const { path: base, folderPermission } = config;
    const store = new HdfsStore(web, { base, create, folderPermission });
    return new BlobSink({
      store,
      capabilities: {
        accepts: "sealed",
        createOnly: "atomic",
        setAside: true,
        remove: true,
        backfill: "anywhere",
        evidence: "server-hash",
        maxBatchBytes: 2 ** 31 - 1,
      },
      tmpMaxAgeMs: config.tmpMaxAge,
      findings: (s) => hdfsFindings(store, web, create, s),
    });
  },
};

/** People write the address with and without what follows it. */
function withoutService(text: string): URL {
  const url = new URL(text);
  url.pathname = url.pathname.replace(/\/webhdfs(?:\/v1)?\/*$/, "");
  return url;
}

function basicOf({ basic }: HdfsConfig): string | undefined {
  if (basic === undefined) return undefined;
  const pair = Buffer.from(`${basic.username}:${basic.password}`, "utf8");
  return `Basic ${pair.toString("base64")}`;
}

async function identify(
  { user, doAs, delegationToken, delegationTokenFile }: HdfsConfig,
  host: Host,
): Promise<Readonly<Record<string, string>>> {
  const token =
    delegationTokenFile === undefined
      ? delegationToken
      : (await fileOf(delegationTokenFile, host)).toString("utf8").trim();
  // A token says who asks; HDFS refuses a name beside it.
  if (token !== undefined) return { delegation: token };
  return {
    ...(user === undefined ? {} : { "user.name": user }),
    ...(doAs === undefined ? {} : { doas: doAs }),
  };
}

async function tlsOptions(
  { tls }: HdfsConfig,
  host: Host,
  signal: AbortSignal,
): Promise<AgentOptions> {
  if (tls === undefined) return {};
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = tls;
  const read = async (path: string | undefined): Promise<Buffer | undefined> =>
    path === undefined ? undefined : fileOf(path, host, signal);
  const files = { ca: await read(ca), cert: await read(cert), key: await read(key) };
  const given = Object.entries({ ...files, passphrase, servername });
  return {
    rejectUnauthorized,
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  };
}

/** @throws SinkError `sink-unauthorized`: a file of credentials that is missing may come. */
async function fileOf(path: string, host: Host, signal?: AbortSignal): Promise<Buffer> {
  const full = resolve(host.baseDir, path);
  try {
    return await readFile(full, signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const text = `cannot read ${full}: ${messageOf(cause)}`;
    throw new SinkError("sink-unauthorized", text, { cause });
  }
}
