import { afterAll, beforeAll, expect, test } from "vitest";
import { genesisLink } from "../../src/core/chain.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { dataPath } from "../../src/core/layout.ts";
import { makeManifest } from "../../src/core/manifest.ts";
import { batchId, type Scope } from "../../src/core/scope.ts";
import { chooseScopes, type ScopeFilter } from "../../src/operate/choose-scopes.ts";
import { listedBatches } from "../../src/operate/listed-batches.ts";
import { madeBatch } from "../../src/sdk/conformance-batches.ts";
import { drop, never, newSink, type SampleSink } from "./sample-archive.ts";

const OLD = "AAAAAAAAAAAAAAAAAAAAAQ";
const NEW = "BBBBBBBBBBBBBBBBBBBBBQ";
const KIND = { format: "segment", codec: "zstd", encrypted: false } as const;
const ALL: ScopeFilter = {
  topic: undefined,
  partition: undefined,
  topicId: undefined,
  branch: undefined,
};

let files: SampleSink;

/** One batch of ten records at offset 0; without its manifest when `pending`. */
async function publish(scope: Scope, time: bigint, start = 0n, pending = false): Promise<void> {
  const { description: made, bytes } = madeBatch({ partition: scope.partition, start });
  const key = { ...scope, start };
  const description = {
    ...{ ...made, ...key, batchId: batchId(key), minTimestamp: time, maxTimestamp: time + 9n },
    seal: { ...made.seal, path: dataPath(key, KIND) },
  };
  await files.sink.publish({ description, bytes }, never);
  if (pending) return;
  await files.sink.describe(makeManifest(description, genesisLink("a", scope)), never);
}

const scope = (topicId: string, partition: number, branch = 0): Scope => ({
  ...{ topic: "logs", topicId, partition, branch },
});

beforeAll(async () => {
  files = await newSink("files");
  await publish(scope(OLD, 0), 100n);
  await publish(scope(OLD, 1), 100n);
  await publish(scope(NEW, 0), 200n);
  await publish(scope(NEW, 0, 1), 300n);
  await publish(scope(NEW, 0, 1), 400n, 10n, true);
});
afterAll(() => drop(files));

const chosen = async (filter: Partial<ScopeFilter>, live?: string): Promise<string[]> => {
  const found = await chooseScopes(files.sink, { ...ALL, ...filter }, async () => live, never);
  return found.map((s) => `${s.topicId === OLD ? "old" : "new"}/${s.partition}/${s.branch}`);
};

test("of a topic created twice the live one counts, else the newest; of its branches the newest", async () => {
  expect(await chosen({}, OLD)).toEqual(["old/0/0", "old/1/0"]);
  expect(await chosen({}, NEW)).toEqual(["new/0/1"]);
  expect(await chosen({}, "an id that the archive has not")).toEqual(["new/0/1"]);
  expect(await chosen({})).toEqual(["new/0/1"]);
});

test("what is named is taken; what is not there is said", async () => {
  expect(await chosen({ topicId: OLD })).toEqual(["old/0/0", "old/1/0"]);
  expect(await chosen({ topicId: NEW, branch: 0 })).toEqual(["new/0/0"]);
  const error: unknown = await chosen({ topic: "logs", partition: 7 }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ArchiverError);
  expect(error).toMatchObject({
    code: "nothing-in-scope",
    message: "the sink holds no batch of topic logs, partition 7",
  });
});

test("data without a manifest is listed as pending; a time picks whole batches", async () => {
  const list = async (from?: bigint, to?: bigint): Promise<string[]> => {
    const range = {
      from: from === undefined ? undefined : { timeMs: from },
      to: to === undefined ? undefined : { timeMs: to },
    };
    const found: string[] = [];
    const say = ({ text }: { readonly text: string }): unknown => found.push(text);
    for await (const b of listedBatches({ ...files, say }, scope(NEW, 0, 1), range, never)) {
      found.push(`[${b.start}, ${b.end}) ${b.state}`);
    }
    return found;
  };
  expect(await list()).toEqual(["[0, 10) whole", "[10, 20) pending"]);
  expect(await list(310n)).toEqual(["[10, 20) pending"]);
  expect(await list(305n, 400n)).toEqual(["[0, 10) whole"]);
  expect(await list(500n)).toEqual([]);
});
