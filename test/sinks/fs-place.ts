import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import type { ConformancePlace, ConformanceTarget } from "../../src/sdk/conformance.ts";
import type { Sink } from "../../src/sdk/sink.ts";

/** What the conformance kit's writer processes load. */
export function openSink(address: string): Promise<Sink> {
  const config = fsPlugin.schema.parse({ path: "archive" });
  const never = new AbortController().signal;
  return fsPlugin.open(config, { name: "fs", baseDir: address }, never);
}

/** Every file below a folder, `/` between parts, sorted. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name).slice(folder.length + 1))
    .sort();
}

export const fsTarget: ConformanceTarget = {
  module: new URL(import.meta.url),
  place: async () => placeIn(await mkdtemp(join(tmpdir(), "bulk-archiver-fs-"))),
};

export function placeIn(address: string): ConformancePlace {
  const base = join(address, "archive");
  return {
    address,
    open: () => openSink(address),
    loseDescription: async ({ description }) => {
      for (const name of await readdir(join(base, "tmp"))) {
        if (name.startsWith(description.seal.digest)) await rm(join(base, "tmp", name));
      }
    },
    damage: async ({ description }) => {
      const file = await open(join(base, description.seal.path), "r+");
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 0);
      await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, 0);
      await file.close();
    },
    finalNames: async () => (await filesBelow(base)).filter((name) => !name.startsWith("tmp/")),
    dispose: () => rm(address, { recursive: true }),
  };
}
