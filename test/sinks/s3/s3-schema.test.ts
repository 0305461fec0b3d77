import { expect, test } from "vitest";
import { s3Schema } from "../../../sinks/s3/s3-schema.ts";

const least = { bucket: "archive" };
const keys = { accessKeyId: "AK", secretAccessKey: "SK" };

const BAD: readonly (readonly [string, object, RegExp])[] = [
  ["an endpoint without a scheme", { endpoint: "ceph:8000" }, /endpoint/],
  ["keys inside the endpoint", { endpoint: "http://ak:sk@ceph:8000" }, /settings of their own/],
  ["a bucket's name that is a path", { bucket: "a/b" }, /bucket/],
  ["a prefix that climbs", { prefix: "a/../b" }, /\. or \.\./],
  ["a prefix that begins with a slash", { prefix: "/a" }, /prefix/],
  ["a key without its secret", { accessKeyId: "AK" }, /belong together/],
  ["a token without keys", { sessionToken: "t" }, /belongs to an accessKeyId/],
  ["keys and a profile", { ...keys, profile: "site" }, /either keys or a profile/],
  ["a lock's mode without a time", { objectLock: { mode: "compliance" } }, /belong together/],
  ["a time without unit", { timeout: "30" }, /duration/],
  ["a primary by versions, in one word only", { primaryByOldestVersion: true }, /oldest-version/],
  ["a key of a key service for AES256", { encryption: { algorithm: "AES256", keyId: "k" } }, /kms/],
  ["no hash over plain http", { endpoint: "http://ceph", integrity: "tls" }, /https/],
  ["no hash with object lock", { integrity: "tls", objectLock: { legalHold: true } }, /hash/],
  [
    "eleven tags",
    { tags: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`t${i}`, ""])) },
    /10 tags/,
  ],
  ["a size without unit", { maxObjectSize: "1000000" }, /size such as/],
  ["a size that no batch fits", { maxObjectSize: "64KiB" }, /256KiB/],
  ["an unknown key", { buckett: "a" }, /buckett/],
];

test.each(BAD)("%s is refused", (_name, more, text) => {
  const result = s3Schema.safeParse({ ...least, ...more });
  expect(result.success).toBe(false);
  expect(JSON.stringify(result.error?.issues)).toMatch(text);
});

test("what is left out is safe, and what is written is normal form", () => {
  expect(s3Schema.parse(least)).toEqual({
    ...{ bucket: "archive", prefix: "", region: "us-east-1", createOnly: "atomic", tags: {} },
    ...{ primaryByOldestVersion: false, integrity: "sha256", timeout: 30_000 },
    ...{
      maxObjectSize: 2 ** 31 - 1,
      connectTimeout: 10_000,
      connections: 32,
      tmpMaxAge: 86_400_000,
    },
  });
  const written = s3Schema.parse({ ...least, ...keys, endpoint: "http://ceph:1/", prefix: "a/b/" });
  expect(written).toMatchObject({ endpoint: "http://ceph:1", prefix: "a/b" });
});
