import { HttpLine } from "../../../sinks/hdfs/hdfs-http.ts";
import { HdfsStore } from "../../../sinks/hdfs/hdfs-store.ts";
import { NameNodes } from "../../../sinks/hdfs/name-nodes.ts";
import { WebHdfs } from "../../../sinks/hdfs/webhdfs.ts";

export interface StoreSettings {
  readonly blockSize?: number;
  readonly fsync?: boolean;
}

/** The calls of WebHDFS as `archiver`, below the sink. */
export function webHdfs(url: string): WebHdfs {
  const http = new HttpLine({ idleMs: 30_000, tls: {} });
  const nodes = new NameNodes(http, {
    urls: [new URL(url)],
    identify: () => Promise.resolve({ "user.name": "archiver" }),
    authorization: undefined,
    dataNodes: {},
  });
  return new WebHdfs(nodes);
}

/** The blob store below the sink, on a folder. */
export function hdfsStore(url: string, base: string, settings: StoreSettings = {}): HdfsStore {
  const { blockSize, fsync = true } = settings;
  const create = { fsync, replication: undefined, blockSize, permission: undefined };
  return new HdfsStore(webHdfs(url), { base, create, folderPermission: undefined });
}
