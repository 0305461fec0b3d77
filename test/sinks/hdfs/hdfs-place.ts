import { randomBytes } from "node:crypto";
import { hdfsPlugin } from "../../../sinks/hdfs/hdfs-plugin.ts";
import type { ConformancePlace, ConformanceTarget } from "../../../src/sdk/conformance.ts";
import type { SealedBatch, Sink } from "../../../src/sdk/sink.ts";
import { openFaulty } from "../faulty-http.ts";
import { ForeignHdfs } from "./foreign.ts";

const never = new AbortController().signal;
const ABOUT = "user.bulk-archiver.about";

/** A sink with these settings; `user` and a short time-out unless they say otherwise. */
export function openHdfs(settings: Readonly<Record<string, unknown>>): Promise<Sink> {
  const config = hdfsPlugin.schema.parse({ user: "archiver", ...settings });
  return hdfsPlugin.open(config, { name: "hdfs", baseDir: "/" }, never);
}

/** What the conformance kit's writer processes load; the address is the settings as JSON. */
export const openSink = (address: string): Promise<Sink> =>
  openHdfs(JSON.parse(address) as Record<string, unknown>);

/** A folder that nobody else uses. */
export const newPath = (): string => `/t/${randomBytes(6).toString("hex")}`;

/** Places on a real HDFS. `more` are settings of the sinks that are opened there. */
export function hdfsTarget(
  url: () => string,
  more: () => Readonly<Record<string, unknown>> = () => ({}),
): ConformanceTarget {
  return {
    module: new URL(import.meta.url),
    batches: 2_000,
    place: () => Promise.resolve(placeAt(url(), newPath(), more())),
  };
}

export function placeAt(
  url: string,
  path: string,
  more: Readonly<Record<string, unknown>> = {},
): ConformancePlace {
  const hdfs = new ForeignHdfs(url);
  const address = JSON.stringify({ url, path, ...more });
  const file = ({ description }: SealedBatch): string => `${path}/${description.seal.path}`;
  return {
    address,
    open: () => openSink(address),
    // Before the NameNode, which every call asks first; files go to the DataNode it names.
    openFaulty: () =>
      openFaulty(new URL(url), (faulty) => openHdfs({ url: faulty, path, ...more })),
    loseDescription: async (batch) => {
      await hdfs.call("PUT", file(batch), `REMOVEXATTR&xattr.name=${ABOUT}`);
    },
    damage: async (batch) => {
      const about = await aboutOf(hdfs, file(batch));
      const bytes = await hdfs.read(file(batch));
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      await hdfs.write(file(batch), bytes);
      const set = `SETXATTR&xattr.name=${ABOUT}&flag=CREATE&xattr.value=${about}`;
      if (about !== "") await hdfs.call("PUT", file(batch), set);
    },
    finalNames: async () => (await hdfs.files(path)).filter((name) => !name.startsWith("tmp/")),
    dispose: () => hdfs.remove(path),
  };
}

/** As a URL takes it; empty when there is none. */
async function aboutOf(hdfs: ForeignHdfs, path: string): Promise<string> {
  const text = await hdfs.call("GET", path, "GETXATTRS&encoding=base64");
  const { XAttrs } = JSON.parse(text) as { XAttrs: { name: string; value: string }[] };
  return encodeURIComponent(XAttrs.find((x) => x.name === ABOUT)?.value ?? "");
}
