import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ByteRange, Sink } from "../../src/sdk/sink.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import type { Manifest } from "../../src/core/description.ts";
import { openContent, readRecords } from "../../src/seal/unseal.ts";
import { FramedContent } from "../../src/operate/seek/framed-content.ts";
import { seekRecords } from "../../src/operate/seek/seek-records.ts";
import { openStoredPart } from "../../src/operate/seek/stored-part.ts";
import { decodeIdentity } from "../../src/seal/x25519.ts";
import {
  content,
  drop,
  IDENTITY_TEXT,
  newSink,
  SampleChain,
  type SampleSink,
  SCOPE,
  sealed,
} from "./sample-archive.ts";
import { never } from "./sample-archive.ts";
import type { SampleRecord } from "./batch-bytes.ts";

/** Parts of a file of several frames, held against the whole of it. */
const identities = [decodeIdentity(IDENTITY_TEXT.trim())];
let archive: SampleSink;
/** Ten records of which some are longer than a frame, and one that looks like lines. */
const records = (start: bigint): SampleRecord[] =>
  Array.from({ length: 10 }, (_, i) => ({
    offset: start + BigInt(i),
    timestamp: 1_700_000_000_000n,
    key: Buffer.from(`k${i}`),
    value:
      i === 4
        ? Buffer.concat([content("ndjson", [{ offset: 3n }]), content("ndjson", [{ offset: 9n }])])
        : Buffer.alloc(i % 3 === 0 ? 1_600_000 : 300_000, String(i)),
  }));

beforeAll(async () => {
  archive = await newSink("files");
  const chain = new SampleChain([archive]);
  for (const [i, encrypted] of [false, true].entries()) {
    const start = BigInt(i) * 10n;
    await chain.publish(sealed({ format: "ndjson", encrypted }, start, records(start)));
  }
});
afterAll(() => drop(archive));

async function manifestAt(start: bigint): Promise<Manifest> {
  return parseManifest(
    (await archive.sink.manifest({ ...SCOPE, start }, never)) ?? Buffer.alloc(0),
  );
}

/** Counts what is read of the stored file. */
function counting(sink: Sink): { sink: Sink; bytes: () => number } {
  let bytes = 0;
  const read: Sink["read"] = (d, range: ByteRange, signal) => {
    bytes += (range.to ?? d.seal.size) - range.from;
    return sink.read(d, range, signal);
  };
  return { sink: { capabilities: sink.capabilities, read } as Sink, bytes: () => bytes };
}

async function offsets(
  m: Manifest,
  from: bigint,
  to: bigint,
  sink = archive.sink,
): Promise<bigint[]> {
  const part = await openStoredPart(sink, m, identities, never);
  const framed = await FramedContent.open(part, m);
  expect(framed.frames.length).toBeGreaterThan(6);
  const found: bigint[] = [];
  for await (const some of seekRecords(m, framed, { from, to }, never))
    found.push(...some.map((r) => r.offset));
  return found;
}

describe.each([0n, 10n])("the batch at %i", (start) => {
  test("every range holds what the whole file has in it", async () => {
    const m = await manifestAt(start);
    const all: bigint[] = [];
    const whole = openContent(m, archive.sink.read(m, { from: 0 }, never), { identities });
    for await (const some of readRecords(m, whole)) all.push(...some.map((r) => r.offset));
    for (let from = start; from < start + 10n; from += 3n) {
      for (let to = from + 1n; to <= start + 10n; to += 2n) {
        expect(await offsets(m, from, to)).toEqual(all.filter((o) => o >= from && o < to));
      }
    }
  });

  test("a file that ends early, and a flipped bit in a frame that is read, are refused", async () => {
    const m = await manifestAt(start);
    for (const at of [m.seal.size - 5, m.seal.size >> 1, 300]) {
      const read: Sink["read"] = async function* (d, range, signal) {
        let place = range.from;
        for await (const piece of archive.sink.read(d, range, signal)) {
          const copy = Buffer.from(piece);
          const here = at - place;
          if (here >= 0 && here < copy.length) copy[here] = (copy[here] ?? 0) ^ 8;
          place += piece.length;
          yield copy;
        }
      };
      const sink = { capabilities: archive.sink.capabilities, read } as Sink;
      const error = await offsets(m, start, start + 10n, sink).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: expect.stringMatching(/invalid|identity/) as string });
    }
  });
});

test("frames before and behind the range are not read", async () => {
  const m = await manifestAt(0n);
  const { sink, bytes } = counting(archive.sink);
  expect(await offsets(m, 8n, 9n, sink)).toEqual([8n]);
  expect(bytes()).toBeLessThan(m.seal.size);
});
