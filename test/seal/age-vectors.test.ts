import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import {
  openHeader,
  parseIdentities,
  payloadChunks,
} from "../../src/operate/verify/foreign-age.ts";
import { openAge } from "../../src/seal/age-read.ts";
import { decodeIdentity } from "../../src/seal/x25519.ts";

/** The vectors of age's own authors, by both readers (test/vectors/age/README.md). */
const root = fileURLToPath(new URL("../vectors/age/", import.meta.url));

interface Vector {
  readonly name: string;
  readonly expected: string;
  /** SHA-256 of what comes out. */
  readonly payload: string | undefined;
  readonly identities: readonly string[];
  readonly file: Buffer;
}

function vector(name: string): Vector {
  const bytes = readFileSync(root + name);
  const end = bytes.indexOf("\n\n");
  const head = bytes.subarray(0, end).toString("utf8").split("\n");
  const all = (key: string): string[] =>
    head.filter((l) => l.startsWith(`${key}: `)).map((l) => l.slice(key.length + 2));
  const rest = bytes.subarray(end + 2);
  return {
    name,
    expected: all("expect")[0] ?? "",
    payload: all("payload")[0],
    identities: all("identity"),
    file: all("compressed")[0] === "zlib" ? inflateSync(rest) : rest,
  };
}

const vectors = readdirSync(root)
  .filter((name) => name !== "README.md")
  .map(vector);

async function* one(bytes: Uint8Array, onLeft: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield bytes;
  } finally {
    onLeft();
  }
}

interface Result {
  readonly failed: string | null;
  readonly payload: string | undefined;
}

/** Pieces as they come, and the code of the error that ends them. */
async function outcome(
  open: () => Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>>,
): Promise<Result> {
  const hash = createHash("sha256");
  let begun = false;
  try {
    const pieces = await open();
    begun = true;
    for await (const piece of pieces) hash.update(piece);
    return { failed: null, payload: hash.digest("hex") };
  } catch (error) {
    const { code } = error as { code?: string };
    return { failed: String(code), payload: begun ? hash.digest("hex") : undefined };
  }
}

const CODES: Readonly<Record<string, string | null>> = {
  success: null,
  "no match": "identity-needed",
  "header failure": "sealed-invalid",
  "HMAC failure": "sealed-invalid",
  "payload failure": "sealed-invalid",
};

test("there are sixty-seven, of each kind", () => {
  expect(vectors).toHaveLength(67);
  expect([...new Set(vectors.map((v) => v.expected))].sort()).toEqual(Object.keys(CODES).sort());
});

test.each(vectors)("$name: $expected", async ({ expected, payload, identities, file }) => {
  let isLeft = false;
  const leave = (): void => {
    isLeft = true;
  };
  const ours = await outcome(
    async () =>
      (
        await openAge(
          one(file, leave),
          identities.map((text) => decodeIdentity(text)),
        )
      ).plain,
  );
  const theirs = await outcome(() => {
    const age = openHeader(
      file,
      identities.length === 0 ? [] : parseIdentities(identities.join("\n")),
    );
    if (age !== undefined) return Promise.resolve(payloadChunks(age));
    return Promise.reject(Object.assign(new Error("no match"), { code: "identity-needed" }));
  });
  // An open file or a connection, whether it was read to its end or not.
  expect(isLeft).toBe(true);
  expect([ours.failed, theirs.failed]).toEqual([CODES[expected], CODES[expected]]);
  // Before an error a reader may give less: ours look for the end before they open what could be the last.
  if (expected === "success") expect([ours.payload, theirs.payload]).toEqual([payload, payload]);
});
