import { randomBytes } from "node:crypto";
import type { Finding } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { HdfsStore } from "./hdfs-store.ts";
import { byChecksum } from "./hdfs-writer.ts";
import type { CreateOptions, WebHdfs } from "./webhdfs.ts";

const CONF_BYTES = 4 << 20;
const PROBE_BYTES = 2000;

type Say = (level: Finding["level"], code: string, text: string) => void;

/** What can lose acknowledged batches on this cluster, and what archiving needs of it. */
export async function hdfsFindings(
  store: HdfsStore,
  web: WebHdfs,
  create: CreateOptions,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const say: Say = (level, code, text) => void findings.push({ level, code, text });
  const bytes = randomBytes(PROBE_BYTES);
  try {
    await store.withProbe(
      bytes,
      async (path, written) => {
        await durability(web, path, written.replication, create, say, signal);
        if ((await byChecksum(web, path, written, bytes, signal)) !== "equal") {
          const text =
            "HDFS' checksum of a file here is not that of its bytes (an encryption zone, erasure " +
            "coding): equality is judged by reading back";
          say("warning", "hdfs-checksum-unknown", text);
        }
      },
      signal,
    );
  } catch (error) {
    // The probe that every blob sink makes comes next and says the same: once is enough.
    if (!(error instanceof SinkError)) throw error;
    if (error.code === "sink-permanent") say("error", error.code, error.message);
  }
  return findings;
}

async function durability(
  web: WebHdfs,
  path: string,
  copies: number,
  create: CreateOptions,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const named = await web.nodes.whereTo(
    { method: "PUT", op: "CREATE", path: `${path}.not`, params: web.createParams(create) },
    signal,
  );
  const name = web.nodes.activeUrl;
  // A gateway redirects to itself, with whatever it was asked; that says nothing of what it does.
  const dataNode = named.origin !== name.origin;
  const passedOn = dataNode && decodeURIComponent(named.search).includes("SYNC_BLOCK");
  if (!create.fsync) {
    say("warning", "hdfs-no-fsync", `fsync is off: ${LOSES}`);
  } else if (
    !passedOn &&
    (await setting(web, named, "dfs.datanode.synconclose", signal)) !== "true"
  ) {
    const text =
      `${named.host} does not pass on that DataNodes shall fsync, and none was seen to do it by ` +
      `itself: ${LOSES}. Set dfs.datanode.synconclose on all DataNodes`;
    say("warning", "hdfs-fsync-unknown", text);
  }
  const least = await setting(web, name, "dfs.namenode.replication.min", signal);
  const acknowledged = least === undefined ? "" : `, acknowledged with at least ${least}`;
  if (copies < 2) {
    const text = "files have one copy: a lost disk loses batches; set `replication` to 3";
    say("warning", "hdfs-one-copy", text);
  } else say("ok", "hdfs-copies", `files have ${copies} copies${acknowledged}`);
  if ((await setting(web, name, "dfs.permissions.enabled", signal)) === "false") {
    say("warning", "hdfs-no-permissions", "the cluster checks no permissions: anyone may remove");
  }
}

const LOSES = "a power failure can lose batches whose offsets were committed";

/** What a server says of its own configuration; undefined when it does not show it. */
async function setting(
  web: WebHdfs,
  server: URL,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const url = new URL(`/conf?name=${name}`, server);
  try {
    const page = (await web.nodes.page(url, CONF_BYTES, signal))?.toString("utf8") ?? "";
    const after = page.split(`<name>${name}</name>`)[1] ?? "";
    return /^\s*<value>([^<]*)<\/value>/.exec(after)?.[1];
  } catch (error) {
    if (error instanceof SinkError) return undefined;
    throw error;
  }
}
