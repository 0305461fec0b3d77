import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Description } from "../../src/core/description.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import type { Scope } from "../../src/core/scope.ts";
import { judgeOf } from "../../src/daemon/judge.ts";
import { readRange } from "../../src/daemon/range.ts";
import { recordPort } from "../../src/daemon/record-port.ts";
import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import { Fetcher } from "../../src/kafka/fetcher.ts";
import { TopicCatalogue } from "../../src/kafka/topics.ts";
import { keygen } from "../../src/seal/keygen.ts";
import { loadSeeds } from "../../src/seal/keys.ts";
import { inlineSealer } from "../../src/seal/pool.ts";
import type { SealRecipe } from "../../src/seal/recipe.ts";
import type { SealedBatch } from "../../src/sdk/sink.ts";
import { connected, createTopic, named, never, ports, send } from "../kafka/live-kafka.ts";

const RECORDS = 20;
const LIMITS = { maxResponseBytes: 1 << 20, maxWaitMs: 100 };
const dir = mkdtempSync(join(tmpdir(), "archiver-record-port-"));
const { recipient } = await keygen(dir);
const seeds = await loadSeeds(join(dir, "seed"));
const sealer = inlineSealer(seeds);
const { clock } = ports();
/** As it was, and as it is after the log was cut short and as much was written again. */
const [archived, another] = [named("archived"), named("another")];
let client: KafkaClient;
let fetcher: Fetcher;

beforeAll(async () => {
  client = await connected();
  for (const topic of [archived, another]) {
    await createTopic(topic, 1);
    await send(
      { topic },
      Array.from({ length: RECORDS }, (_, i) => `${topic} ${i}`),
    );
  }
  const catalogue = new TopicCatalogue(client, [archived, another]);
  await catalogue.refresh(never);
  fetcher = new Fetcher(
    client,
    catalogue,
    { wants: () => [], deliver: () => undefined },
    LIMITS,
    ports(),
  );
});
afterAll(async () => {
  await client.close();
  rmSync(dir, { recursive: true });
});

const scopeOf = (topic: string): Scope => ({ topic, topicId: "id", partition: 0, branch: 0 });

/** What was sealed of the topic while it was as it was. */
async function sealed(withRecordsDigest: boolean): Promise<SealedBatch> {
  const range = { start: 0n, end: BigInt(RECORDS) };
  const cut = await readRange(fetcher, scopeOf(archived), range, clock, never);
  const encryption = {
    ...{ recipients: [recipient], keyId: seeds[0]?.keyId ?? "", salt: "00".repeat(16) },
  };
  const recipe: SealRecipe = {
    ...{ archiveId: "a", clusterId: "c", format: "segment", codec: "zstd", level: 3 },
    ...{ recompress: "auto", encryption, revision: 0, onPoison: "keep", withRecordsDigest },
  };
  try {
    return await sealer.seal(cut, recipe, never);
  } finally {
    cut.release();
  }
}

/** Its records, from what Kafka has of `topic`. */
async function recordsFrom(topic: string, batch: SealedBatch): Promise<readonly ArchivedRecord[]> {
  const scope = scopeOf(topic);
  const given = { sealer, fetcher, scope, clock };
  const judge = judgeOf({ ...given, archiveId: "a", clusterId: "c", seeds });
  const recipe = (): never => {
    throw new Error("nothing is sealed anew");
  };
  const found: ArchivedRecord[] = [];
  for await (const some of recordPort({ ...given, judge, recipe }).ofStored(batch, never))
    found.push(...some);
  return found;
}

test.each([true, false])(
  "records of an encrypted batch come from Kafka while it has the same ones (digest of records: %s)",
  async (withDigest) => {
    const batch = await sealed(withDigest);
    expect(batch.description.recordsDigest === undefined).toBe(!withDigest);
    const values = (await recordsFrom(archived, batch)).map((r) => String(r.value));
    expect(values).toEqual(Array.from({ length: RECORDS }, (_, i) => `${archived} ${i}`));
    const refused = { code: "identity-needed", message: expect.stringMatching(/`reconcile`/) };
    await expect(recordsFrom(another, batch)).rejects.toMatchObject(refused);
  },
);

test("a seed that the seed file no longer has vouches for nothing", async () => {
  const batch = await sealed(false);
  const { seal } = batch.description;
  const description: Description = { ...batch.description, seal: { ...seal, keyId: "gone" } };
  const refused = { code: "identity-needed", message: expect.stringMatching(/key gone/) };
  await expect(recordsFrom(archived, { ...batch, description })).rejects.toMatchObject(refused);
});
