import { PassThrough, Writable } from "node:stream";
import { rm } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manifestPath } from "../../src/core/layout.ts";
import type { ReadBatch } from "../../src/operate/archived-manifests.ts";
import { archivedRange } from "../../src/operate/archived-range.ts";
import { readBatch } from "../../src/operate/cat.ts";
import { writeChunks } from "../../src/operate/chunk-output.ts";
import { parseBound } from "../../src/operate/offset-bound.ts";
import { drop, never, newSink, SampleChain, SCOPE, type SampleSink } from "./sample-archive.ts";

describe("a range of the archive", () => {
  let sink: SampleSink;
  beforeEach(async () => {
    sink = await newSink("files");
    const chain = new SampleChain([sink]);
    for (const start of [0n, 10n, 20n])
      await chain.add({ format: "segment", encrypted: false }, start);
  });
  afterEach(() => drop(sink));

  const read: ReadBatch = (manifest, signal) => readBatch(sink.sink, [])(manifest, signal);
  const offsets = async (from?: string, to?: string): Promise<number[]> => {
    const bound = (name: string, text?: string) =>
      text === undefined ? undefined : parseBound(name, text);
    const all: number[] = [];
    const range = {
      sink: sink.sink,
      scope: SCOPE,
      read,
      from: bound("--from", from),
      to: bound("--to", to),
    };
    for await (const records of archivedRange(range, never))
      all.push(...records.map((r) => Number(r.offset)));
    return all;
  };

  it("is half-open in offsets, and starts inside a batch as well", async () => {
    expect(await offsets("8", "12")).toEqual([8, 9, 10, 11]);
    expect(await offsets("12", "15")).toEqual([12, 14]);
    expect(await offsets(undefined, "3")).toEqual([0, 1, 2]);
    expect(await offsets("28")).toEqual([28, 29]);
    expect(await offsets("30")).toEqual([]);
    expect((await offsets()).length).toBe(27);
  });

  it("takes times as the first record at or after them", async () => {
    // Records carry 1,700,000,000,000 plus their offset; 13 is compacted away.
    const at = (ms: number): string => new Date(1_700_000_000_000 + ms).toISOString();
    expect(await offsets(at(13), at(16))).toEqual([14, 15]);
    expect(await offsets(at(29))).toEqual([29]);
    expect(await offsets(at(30))).toEqual([]);
    expect(await offsets(at(-5), at(1))).toEqual([0]);
    expect(await offsets("2023-11-14T23:13:20.028+01:00")).toEqual([28, 29]);
  });

  it("stops at a gap and says where to go on", async () => {
    await rm(path.join(sink.dir, manifestPath({ ...SCOPE, start: 10n })));
    await expect(offsets()).rejects.toThrow(
      "offsets [10, 20) are in no batch; go on with --from 20",
    );
    await expect(offsets("15")).rejects.toMatchObject({ code: "verification-failed" });
    expect(await offsets("3", "10")).toEqual([4, 5, 6, 7, 8, 9]);
    expect((await offsets("20")).length).toBe(9);
  });

  it.each(["", "x", "-1", "2026-13-01T00:00:00Z", "2026-01-01"])(
    "refuses %j as a bound",
    (text) => {
      expect(() => parseBound("--from", text)).toThrow("--from");
    },
  );
});

describe("writing to a pipe", () => {
  async function* endless(made: { chunks: number }): AsyncGenerator<Buffer> {
    for (; made.chunks < 10_000; made.chunks++) yield Buffer.alloc(1000, 65);
  }

  it("ends quietly when the reader went away, and makes nothing more", async () => {
    const made = { chunks: 0 };
    let taken = 0;
    const out = new Writable({
      write: (_chunk, _encoding, done) =>
        ++taken > 3 ? done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })) : done(),
    });
    expect(await writeChunks(endless(made), out)).toBe("closed");
    expect(made.chunks).toBeLessThan(10);
  });

  it("waits for a slow reader instead of piling up", async () => {
    const made = { chunks: 0 };
    const out = new PassThrough({ highWaterMark: 10_000 });
    const written = writeChunks(endless(made), out);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(made.chunks).toBeLessThan(40);
    let bytes = 0;
    out.on("data", (chunk: Buffer) => (bytes += chunk.length));
    expect(await written).toBe("written");
    expect(bytes).toBe(10_000_000);
  });

  it("raises what else goes wrong", async () => {
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    const out = new Writable({ write: (_chunk, _encoding, done) => done(full) });
    await expect(writeChunks(endless({ chunks: 0 }), out)).rejects.toThrow("no space");
  });
});
