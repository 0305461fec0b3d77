import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformance } from "../../../src/sdk/conformance.ts";
import { s3Target } from "./s3-place.ts";
import { type OwnS3, s3Server, type S3Server } from "./server.ts";

let own: OwnS3 | undefined;
beforeAll(async () => {
  own = await s3Server();
});
afterAll(() => own?.stop());

const server = (): S3Server => {
  if (own === undefined) throw new Error("the server is not up");
  return own.server;
};

/** Ceph 16 ignores conditions where there are versions; object lock has versions. */
const OLDEST = { createOnly: "oldest-version" };
const LOCK = { ...OLDEST, objectLock: { legalHold: false } };

test("the kit has cases", () => {
  expect(conformance.length).toBeGreaterThan(15);
  expect(short.length).toBeGreaterThan(15);
});

/** Object lock is versions again, and MD5 a plain bucket: not the long cases once more. */
const short = conformance.filter((held) => held.timeoutMs <= 20_000);

describe.each([
  ["a plain bucket", s3Target(server, "plain"), conformance],
  [
    "a plain bucket, MD5 instead of SHA-256",
    s3Target(server, "plain", { integrity: "md5" }),
    short,
  ],
  ["a versioned bucket", s3Target(server, "versioned", OLDEST), conformance],
  ["a bucket with object lock", s3Target(server, "locked", LOCK), short],
] as const)("%s", (_name, target, cases) => {
  for (const held of cases) {
    test(held.name, { timeout: 4 * held.timeoutMs }, () => held.run(target));
  }
});
