import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { SealedBatch } from "../../../src/sdk/sink.ts";
import { until } from "../../kafka/live-kafka.ts";
import { batchesOf } from "../../operate/archive-damage.ts";
import { AUDITED } from "../promises.ts";
import { type FaultCase, type Stage, textOf } from "../stage.ts";
import { cassandra } from "../stores/cassandra.ts";
import { ceph } from "../stores/ceph.ts";
import { elasticsearch } from "../stores/elasticsearch.ts";
import { hadoop } from "../stores/hadoop.ts";
import { kafka } from "../stores/kafka.ts";
import type { Store } from "../stores/store.ts";

const KINDS: Readonly<Record<string, () => Promise<Store>>> = {
  Ceph: ceph,
  HDFS: hadoop,
  Cassandra: cassandra,
  Elasticsearch: elasticsearch,
  "a Kafka sink": kafka,
};
const TROUBLE = /sink (?:does not answer as it should|refuses the credentials)/;
/** One that is parked is asked once a minute. */
const TOLD_MS = 100_000;
const SINKS = ["--sink", "files", "--sink", "store"];

/** A folder decides, the store follows; small batches, so that there are some. */
const configured = (s: Stage, store: Store): string =>
  s.config("c.yaml", {
    batch: "{ bytes: 8KiB, age: 300ms }",
    sinks: {
      files: "kind: fs, path: ./files",
      store: JSON.stringify(store.settings).slice(1, -1),
    },
  });

/** Every record is in both, says who shares nothing with the product; and `verify` agrees. */
async function well(s: Stage, config: string, store: Store): Promise<void> {
  await s.settled();
  await s.drained();
  await store.audited(s);
  await s.verified(config, ...SINKS);
}

/** Seven batches or more in each partition. */
async function archived(s: Stage, config: string): Promise<void> {
  s.start(config);
  for (let round = 0; round < 7; round += 1) {
    await s.put(100);
    await s.settled();
  }
}

/** Production goes on, and some of it is in every sink. */
async function underway(s: Stage): Promise<void> {
  await s.put(300);
  await s.settled();
  s.live.begin(20, 60);
  await sleep(2_000);
}

const restarted = async (s: Stage, store: Store): Promise<void> => {
  await store.kill();
  await sleep(3_000);
  await store.restart();
  s.injected.push("its server is killed under production, and started again");
  await sleep(2_000);
  store.signal("SIGSTOP");
  await sleep(12_000);
  store.signal("SIGCONT");
  s.injected.push("its server is frozen for 12 s");
};

/** Something happens to the store under production; the daemon runs on, and everything is right in the end. */
const through = (
  kind: string,
  what: string,
  act: (s: Stage, store: Store) => Promise<void>,
): FaultCase => ({
  name: `${kind} ${what}`,
  shows: [...AUDITED, "waits"],
  run: (s) =>
    withStore(kind, async (store) => {
      const config = configured(s, store);
      const daemon = s.start(config);
      await underway(s);
      await act(s, store);
      s.expect(daemon.running, "the daemon runs on");
      await s.live.stop();
      await well(s, config, store);
    }),
});

const troubled = (kind: string): FaultCase =>
  through(kind, "is killed, and frozen", async (s, store) => {
    await restarted(s, store);
    s.said(/sink does not answer as it should/);
  });

const removed = (kind: string): FaultCase => ({
  name: `${kind} loses everything while the daemon runs`,
  shows: [...AUDITED, "never-destroys"],
  run: (s) =>
    withStore(kind, async (store) => {
      const config = configured(s, store);
      const daemon = s.start(config);
      await underway(s);
      await store.remove();
      s.injected.push(`removed under production: ${store.place}`);
      await sleep(6_000);
      await store.renew();
      await sleep(3_000);
      await s.live.stop();
      s.expect(daemon.running, "the daemon runs on");
      s.said(/"level":"(?:warn|error)"/);
      // What is gone is noticed at a start, and every ten minutes.
      await daemon.kill();
      s.start(config);
      s.injected.push("the daemon is started anew");
      await s.put(100);
      await well(s, config, store);
    }),
});

const restored = (kind: string): FaultCase => ({
  name: `${kind} is restored from an old copy`,
  shows: [...AUDITED, "never-destroys"],
  run: (s) =>
    withStore(kind, async (store) => {
      const config = configured(s, store);
      await archived(s, config);
      await s.drained();
      const back = await store.snapshot?.();
      await archived(s, config);
      await s.drained();
      await back?.();
      s.injected.push("everything since a copy is lost");
      const { code } = await s.cli("verify", "--config", config, "--across-sinks", ...SINKS);
      s.expect(code === 3, `verify finds that with exit code 3, not ${code}`);
      s.start(config);
      await s.put(100);
      await well(s, config, store);
    }),
});

/** Does it, and waits for a line more that says so. */
async function told(s: Stage, line: RegExp, act: () => Promise<unknown>): Promise<void> {
  const before = s.heard(line).length;
  await act();
  await until(`${line} is said`, TOLD_MS, async () => {
    await sleep(100);
    return s.heard(line).length > before;
  });
  s.reported.push(textOf(s.heard(line).at(-1) ?? ""));
}

const refusing = (kind: string): FaultCase =>
  through(kind, "takes nothing for a while", async (s, store) => {
    for (const refusal of store.refusals ?? []) {
      await told(s, TROUBLE, () => refusal.begin());
      s.injected.push(`${refusal.what}, until the daemon says so`);
      await told(s, /sink is well/, () => refusal.end());
      await s.archivesSome();
    }
  });

/** Batches of the middle of partition 0: neither the first nor the newest. */
function chosen(s: Stage, many: number): readonly SealedBatch[] {
  const own = batchesOf(s.path("files")).filter((b) => b.partition === 0);
  if (own.length < many + 2) throw new Error(`${own.length} batches are too few`);
  return own.slice(1, many + 1).map(({ manifest, start }) => {
    const description = { ...JSON.parse(readFileSync(manifest, "utf8")), start };
    return { description } as SealedBatch;
  });
}

/** What `reconcile` from the folder into the store ends with. */
async function reconciled(s: Stage, config: string, wanted: number): Promise<void> {
  const between = ["--source", "files", "--target", "store", "--identity", s.identity];
  const { code, stdout, stderr } = await s.cli("reconcile", "--config", config, ...between);
  s.expect(code === wanted, `reconcile ends with ${wanted}, not ${code}: ${stdout}${stderr}`);
}

const damaged = (kind: string): FaultCase => ({
  name: `batches in ${kind} are damaged`,
  shows: [...AUDITED, "damage-found", "damage-is-an-error"],
  partitions: 1,
  run: (s) =>
    withStore(kind, async (store) => {
      const config = configured(s, store);
      await archived(s, config);
      await s.drained();
      const batches = chosen(s, store.damages.length);
      for (const [i, damage] of store.damages.entries()) {
        const batch = batches[i] as SealedBatch;
        await damage.do(batch);
        s.injected.push(`the batch at ${batch.description.start}: ${damage.what}`);
      }
      const verify = ["verify", "--config", config, "--deep", "--across-sinks", ...SINKS];
      const found = await s.cli(...verify, "--identity", s.identity);
      s.expect(found.code === 3, `verify ends with 3, not ${found.code}: ${found.stderr}`);
      for (const { description } of batches) {
        const path = String(description.start).padStart(20, "0");
        const named = new RegExp(
          `^PROBLEM  store .*(?:/${path}\\.|  offset ${description.start}  )`,
        );
        const line = found.stdout.split("\n").find((l) => named.test(l));
        if (line === undefined) s.wrong.push(`verify does not name ${description.start}`);
        else s.reported.push(line.trim().slice(0, 200));
      }
      if (store.byHand !== undefined) {
        await reconciled(s, config, 3);
        await store.byHand.do();
        s.injected.push(`reconcile says that it cannot; by hand ${store.byHand.what}`);
      }
      await reconciled(s, config, 0);
      s.start(config);
      await s.put(100);
      await well(s, config, store);
    }),
});

async function withStore(kind: string, run: (store: Store) => Promise<void>): Promise<void> {
  const store = await KINDS[kind]?.();
  if (store === undefined) throw new Error(`there is no kind ${kind}`);
  try {
    await run(store);
  } finally {
    await store.stop();
  }
}

const kinds = Object.keys(KINDS);

export const STORES: readonly FaultCase[] = [
  ...kinds.map(troubled),
  ...kinds.map(removed),
  ...kinds.map(damaged),
  ...kinds.map(restored),
  ...kinds.map(refusing),
];
