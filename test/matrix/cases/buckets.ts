import { PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { setTimeout as sleep } from "node:timers/promises";
import { keysIn } from "../../sinks/s3/s3-place.ts";
import { foreignClient } from "../../sinks/s3/server.ts";
import type { Bucket } from "../bucket.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase, Stage } from "../stage.ts";

const FOLDER = "kind: fs, path: ./files";
/** A parked sink is asked once a minute. */
const PARKED_MS = 75_000;

async function versioning(bucket: Bucket, Status: "Enabled" | "Suspended"): Promise<void> {
  const client = foreignClient(bucket.direct);
  const VersioningConfiguration = { Status };
  await client.send(
    new PutBucketVersioningCommand({ Bucket: bucket.name, VersioningConfiguration }),
  );
  client.destroy();
}

async function audited(s: Stage, bucket: Bucket, config: string): Promise<void> {
  await bucket.brought(s.path("ceph"));
  await s.audited(["ceph", "files"]);
  await s.verified(config);
}

export const BUCKETS: readonly FaultCase[] = [
  {
    name: "a bucket's keys are refused for a while",
    shows: [...AUDITED, "waits"],
    run: async (s) => {
      const bucket = await s.bucket();
      const config = s.config("c.yaml", { sinks: { files: FOLDER, ceph: bucket.sink() } });
      const daemon = s.start(config);
      s.live.begin(30, 40);
      await s.archivesSome();
      bucket.suspend();
      s.injected.push("the bucket's user is suspended, and enabled again");
      await s.says(/sink refuses the credentials/);
      await s.live.stop();
      bucket.enable();
      await sleep(PARKED_MS / 5);
      s.expect(daemon.running, "the daemon runs on");
      await s.settled();
      await s.drained();
      await audited(s, bucket, config);
    },
  },
  {
    name: "a primary that ignores conditions",
    shows: [...AUDITED, "waits", "never-destroys"],
    run: async (s) => {
      const bucket = await s.bucket("versioned");
      const sinksOf = (more: object) => ({ ceph: bucket.sink({ ...more }), files: FOLDER });
      await s.put(300);
      const wrong = s.start(s.config("wrong.yaml", { sinks: sinksOf({}) }));
      const { code } = await wrong.exited(60_000);
      s.expect(code === 1, `it ends with 1, not ${code}`);
      s.said(/oldest-version/);
      const client = foreignClient(bucket.direct);
      const keys = (await keysIn(client, bucket.name)).filter((key) => !/\/tmp\//.test(key));
      client.destroy();
      s.expect(keys.length === 0, `nothing is in the bucket, not ${keys.slice(0, 3).join()}`);
      s.injected.push("a bucket with versions, where Ceph takes If-None-Match and replaces");
      const right = { createOnly: "oldest-version", primaryByOldestVersion: true };
      const config = s.config("c.yaml", { sinks: sinksOf(right) });
      s.injected.push("then `createOnly: oldest-version`");
      s.start(config);
      await s.settled();
      await s.drained();
      await audited(s, bucket, config);
    },
  },
  {
    name: "a primary begins to ignore conditions while daemons write",
    shows: [...AUDITED, "waits"],
    run: async (s) => {
      const bucket = await s.bucket();
      const config = s.config("c.yaml", { sinks: { ceph: bucket.sink(), files: FOLDER } });
      s.start(config);
      s.live.begin(30, 40);
      await s.archivesSome();
      await versioning(bucket, "Enabled");
      s.injected.push("versions are turned on, whereby Ceph replaces in spite of If-None-Match");
      for (let round = 0; round < 3; round += 1) {
        const daemon = s.start(config);
        await sleep(s.dice.between(2_000, 4_000));
        await daemon.kill();
      }
      s.injected.push("a second daemon joins and is killed three times; then they are suspended");
      await versioning(bucket, "Suspended");
      await s.live.stop();
      await s.settled();
      await s.drained();
      await audited(s, bucket, config);
    },
  },
];
