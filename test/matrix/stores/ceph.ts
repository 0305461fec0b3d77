import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { CephServer } from "../../servers/ceph.ts";
import { download } from "../../sinks/s3/download.ts";
import { keysIn, s3Target } from "../../sinks/s3/s3-place.ts";
import { foreignClient, newBucket } from "../../sinks/s3/server.ts";
import { filesAudited, type Store } from "./store.ts";

const PREFIX = "site-a";

const readOnly = (bucket: string): string => {
  const Resource = [`arn:aws:s3:::${bucket}/*`];
  const denied = { Effect: "Deny", Principal: "*", Action: ["s3:PutObject"], Resource };
  return JSON.stringify({ Version: "2012-10-17", Statement: [denied] });
};

export async function ceph(): Promise<Store> {
  const server = await CephServer.start({ gateway: { rgw_bucket_quota_ttl: "0" } });
  const s3 = { endpoint: server.endpoint, ...server.user };
  const client = foreignClient(s3);
  const place = await s3Target(() => s3, "plain", { prefix: PREFIX }).place();
  const settings = JSON.parse(place.address) as { readonly bucket: string };
  const { bucket: Bucket } = settings;
  const emptied = async (): Promise<void> => {
    for (const Key of await keysIn(client, Bucket)) {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    }
  };
  const copied = async (from: string, to: string): Promise<void> => {
    for (const Key of await keysIn(client, from)) {
      await client.send(new CopyObjectCommand({ Bucket: to, Key, CopySource: `${from}/${Key}` }));
    }
  };
  // Of the bucket: what a user has in all is counted minutes late.
  const quota = ["--quota-scope=bucket", `--bucket=${Bucket}`, "--uid=archiver"];
  const keyOf = (path: string) => ({ Bucket, Key: `${PREFIX}/${path}` });
  return {
    settings: { kind: "s3", ...settings, timeout: "2s", connectTimeout: "2s" },
    place: "the bucket",
    damages: [
      { what: "a byte of it is changed", do: (batch) => place.damage(batch) },
      {
        what: "its object is replaced",
        do: ({ description: { seal } }) =>
          client.send(new PutObjectCommand({ ...keyOf(seal.path), Body: "of somebody else" })),
      },
      {
        what: "its object is deleted",
        do: ({ description: { seal } }) => client.send(new DeleteObjectCommand(keyOf(seal.path))),
      },
    ],
    refusals: [
      {
        what: "its bucket has no room",
        begin: () => {
          server.admin(["quota", "set", "--max-objects=1", ...quota]);
          return Promise.resolve(server.admin(["quota", "enable", ...quota]));
        },
        end: () => Promise.resolve(server.admin(["quota", "disable", ...quota])),
      },
      {
        what: "its bucket is read-only",
        begin: () => client.send(new PutBucketPolicyCommand({ Bucket, Policy: readOnly(Bucket) })),
        end: () => client.send(new DeleteBucketPolicyCommand({ Bucket })),
      },
    ],
    kill: () => server.kill("gateway"),
    restart: () => server.restart(),
    signal: (name) => server.signal("gateway", name),
    remove: async () => {
      // Somebody still writes there.
      for (let tries = 0; ; tries += 1) {
        await emptied();
        const [gone] = await Promise.allSettled([client.send(new DeleteBucketCommand({ Bucket }))]);
        if (gone.status === "fulfilled") return;
        if (tries === 20) throw gone.reason;
      }
    },
    renew: () => client.send(new CreateBucketCommand({ Bucket })),
    snapshot: async () => {
      const old = await newBucket(s3);
      await copied(Bucket, old);
      return async () => {
        await emptied();
        await copied(old, Bucket);
      };
    },
    audited: filesAudited((into) => download(s3, { bucket: Bucket, prefix: PREFIX }, into)),
    stop: async () => {
      client.destroy();
      await place.dispose();
      await server.stop();
    },
  };
}
