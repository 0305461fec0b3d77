import { createCipheriv, createHmac } from "node:crypto";
import { ageFile } from "../../../src/seal/age-write.ts";
import { hkdf } from "../../../src/seal/x25519.ts";
import {
  type Case,
  type Change,
  contentIs,
  cut,
  flip,
  grown,
  headerEnd,
  headerLine,
} from "./broken.ts";
import { FIRST, STRANGER } from "./keys.ts";

/** What the file key is does not matter, as long as everything else follows from it. */
const FILE_KEY = Buffer.alloc(16, 0x77);
const NONCE = Buffer.alloc(16, 0x88);
const CHUNK = 65_536;
const SEALED_CHUNK = CHUNK + 16;
const SMALL = "segment-none-age-1";
const TWO_CHUNKS = "segment-none-age-exact";
const SHARE = /^(-> X25519 )(\S+)$/;

const secrets = { fileKey: FILE_KEY, nonce: NONCE, ephemeral: () => Buffer.alloc(32, 0x99) };

/** A file as any age program could have made it for these recipients. */
const forged = (content: Uint8Array, recipients = [FIRST.recipient]): Buffer =>
  Buffer.from(ageFile([content], recipients, secrets, (n) => new Uint8Array(n)));

/** Chunks under the right key, in any division and with any last flags. */
function chunked(chunks: readonly (readonly [plain: Uint8Array, last: boolean])[]): Buffer {
  const whole = forged(Buffer.alloc(1));
  const head = whole.subarray(0, headerEnd(whole) + NONCE.length);
  const key = hkdf(FILE_KEY, NONCE, "payload");
  const sealed = chunks.map(([plain, last], n) => {
    const iv = Buffer.alloc(12);
    iv.writeUInt32BE(n, 7);
    iv[11] = last ? 1 : 0;
    const c = createCipheriv("chacha20-poly1305", key, iv, { authTagLength: 16 });
    return Buffer.concat([c.update(plain), c.final(), c.getAuthTag()]);
  });
  return Buffer.concat([head, ...sealed]);
}

/** The header's lines, and its MAC made again: so only the lines themselves are wrong. */
const signedAgain =
  (edit: (lines: string[]) => string[], content: Uint8Array = CONTENT): Change =>
  () => {
    const bytes = forged(content);
    const end = headerEnd(bytes);
    const lines = edit(bytes.subarray(0, end).toString("latin1").split("\n").slice(0, -2));
    const covered = `${lines.join("\n")}\n---`;
    const key = hkdf(FILE_KEY, Buffer.alloc(0), "header");
    const mac = createHmac("sha256", key).update(covered, "latin1").digest("base64").slice(0, 43);
    const head = Buffer.from(`${covered} ${mac}\n`, "latin1");
    return Buffer.concat([head, bytes.subarray(end)]);
  };

const CONTENT = Buffer.from("nothing that a record could be\n");
const about = (content: Uint8Array) => (m: Parameters<typeof contentIs>[0]) =>
  contentIs(m, content, FILE_KEY);

const share = (edit: (text: string) => string) => (lines: string[]) =>
  lines.map((line) => line.replace(SHARE, (_all, head: string, text: string) => head + edit(text)));

const LAST_SYMBOL = /.$/;
/** The same bytes in another spelling: bits that no byte holds are set. */
const respelled = (text: string): string => {
  const symbols = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return text.replace(LAST_SYMBOL, (c) => symbols[symbols.indexOf(c) | 1] ?? c);
};

/** The digest of the stored file is right in all of them: age itself has to notice. */
export const ageCases: Readonly<Record<string, Case>> = {
  "age-cut-in-version": { base: SMALL, change: cut(10), why: "ends in the version line" },
  "age-cut-in-stanza": { base: SMALL, change: cut(60), why: "ends in a stanza" },
  "age-cut-in-mac": {
    base: SMALL,
    change: (b) => b.subarray(0, headerEnd(b) - 5),
    why: "ends in the header's MAC",
  },
  "age-cut-in-nonce": {
    base: SMALL,
    change: (b) => b.subarray(0, headerEnd(b) + 7),
    why: "ends in the nonce",
  },
  "age-no-chunk": {
    base: SMALL,
    change: (b) => b.subarray(0, headerEnd(b) + 16),
    why: "ends after the nonce: there is always one chunk",
  },
  "age-cut-in-chunk": { base: SMALL, change: cut(-100), why: "ends in a chunk" },
  "age-cut-in-tag": { base: SMALL, change: cut(-1), why: "ends in a chunk's tag" },
  "age-last-chunk-missing": {
    base: TWO_CHUNKS,
    change: cut(-SEALED_CHUNK),
    why: "ends where a chunk ends, but it is not the last one",
  },
  "age-trailing": { base: SMALL, change: grown("x"), why: "a byte follows the last chunk" },
  "age-trailing-newline": {
    base: TWO_CHUNKS,
    change: grown("\n"),
    why: "a line feed follows a full last chunk",
  },
  "age-chunks-swapped": {
    base: TWO_CHUNKS,
    change: (b) => {
      const at = b.length - 2 * SEALED_CHUNK;
      return Buffer.concat([
        b.subarray(0, at),
        b.subarray(-SEALED_CHUNK),
        b.subarray(at, -SEALED_CHUNK),
      ]);
    },
    why: "two chunks changed places",
  },
  "age-empty-last-chunk": {
    base: SMALL,
    change: () =>
      chunked([
        [Buffer.alloc(CHUNK, "x"), false],
        [Buffer.alloc(0), true],
      ]),
    over: about(Buffer.alloc(CHUNK, "x")),
    why: "an empty last chunk after a full one",
  },
  "age-last-not-marked": {
    base: SMALL,
    change: () => chunked([[CONTENT, false]]),
    over: about(CONTENT),
    why: "the last chunk does not say that it is",
  },
  "age-short-chunk-inside": {
    base: SMALL,
    change: () =>
      chunked([
        [CONTENT, false],
        [CONTENT, true],
      ]),
    over: about(Buffer.concat([CONTENT, CONTENT])),
    why: "a chunk that is not the last is not full",
  },
  "age-version": {
    base: SMALL,
    change: headerLine((l) => l.map((line) => line.replace("org/v1", "org/v2"))),
    why: "another version of age",
  },
  "age-flipped-version": { base: SMALL, change: flip(3), why: "a bit of the version line" },
  "age-flipped-share": {
    base: SMALL,
    change: headerLine(share((t) => t.replace(/^./, (c) => (c === "A" ? "B" : "A")))),
    why: "a byte of the ephemeral share: the file key cannot be unwrapped",
    code: "identity-needed",
  },
  "age-flipped-file-key": {
    base: SMALL,
    change: headerLine((l) =>
      l.with(
        2,
        (l[2] ?? "").replace(/^./, (c) => (c === "A" ? "B" : "A")),
      ),
    ),
    why: "a byte of the wrapped file key",
    code: "identity-needed",
  },
  "age-flipped-mac": {
    base: SMALL,
    change: headerLine((l) =>
      l.map((line) =>
        line.replace(/^(--- )(.)/, (_a, h: string, c: string) => h + (c === "A" ? "B" : "A")),
      ),
    ),
    why: "a byte of the header's MAC",
  },
  "age-mac-respelled": {
    base: SMALL,
    change: headerLine((l) => l.map((line) => (line.startsWith("---") ? respelled(line) : line))),
    why: "the MAC in base64 that is not canonical",
  },
  "age-stanza-added": {
    base: SMALL,
    change: headerLine((l) => [...l.slice(0, 1), "-> joint", "", ...l.slice(1)]),
    why: "a stanza that the MAC does not cover",
  },
  "age-share-respelled": {
    base: SMALL,
    change: signedAgain(share(respelled)),
    over: about(CONTENT),
    why: "a share in base64 that is not canonical",
  },
  "age-share-padded": {
    base: SMALL,
    change: signedAgain(share((t) => `${t}=`)),
    over: about(CONTENT),
    why: "a share in base64 with padding",
  },
  "age-share-short": {
    base: SMALL,
    change: signedAgain(
      share((t) => Buffer.from(t, "base64").subarray(1).toString("base64").replace(/=+$/, "")),
    ),
    over: about(CONTENT),
    why: "a share of 31 bytes",
  },
  "age-share-zero": {
    base: SMALL,
    change: signedAgain(share(() => "A".repeat(43))),
    over: about(CONTENT),
    why: "a share of low order: the secret would be zero",
  },
  "age-share-twice": {
    base: SMALL,
    change: signedAgain(share((t) => `${t} ${t}`)),
    over: about(CONTENT),
    why: "an X25519 stanza with another argument",
  },
  "age-body-long": {
    base: SMALL,
    change: signedAgain((l) => l.with(2, `${l[2]}AAAA`)),
    over: about(CONTENT),
    why: "a wrapped file key of 35 bytes",
  },
  "age-crlf": {
    base: SMALL,
    change: signedAgain((l) => l.map((line) => `${line}\r`)),
    over: about(CONTENT),
    why: "line ends of two bytes",
  },
  "age-header-long": {
    base: SMALL,
    change: signedAgain((l) => [
      ...l.slice(0, 1),
      "-> long",
      ...Array<string>(1_100).fill("A".repeat(64)),
      "",
      ...l.slice(1),
    ]),
    over: about(CONTENT),
    why: "a header of more than 64 KiB",
  },
  "age-flipped-nonce": {
    base: SMALL,
    change: (b) => flip(headerEnd(b) + 3)(b),
    why: "a bit of the nonce",
  },
  "age-flipped-chunk": {
    base: TWO_CHUNKS,
    change: (b) => flip(headerEnd(b) + 16 + 1_000)(b),
    why: "a bit of the first chunk",
  },
  "age-flipped-last-chunk": {
    base: TWO_CHUNKS,
    change: flip(-1_000),
    why: "a bit of the last chunk",
  },
  "age-flipped-tag": { base: SMALL, change: flip(-1), why: "a bit of the last chunk's tag" },
  "age-other-recipient": {
    base: SMALL,
    change: () => forged(CONTENT, [STRANGER.recipient]),
    over: about(CONTENT),
    why: "encrypted to somebody else, whatever the manifest says",
    code: "identity-needed",
  },
  "age-content-tag": {
    base: SMALL,
    change: () => forged(CONTENT),
    over: (m) => ({ ...contentIs(m, CONTENT, Buffer.alloc(16, 0x78)) }),
    why: "a tag that is not this content's under this file key",
  },
};

/** Unusual, and nothing wrong with it; `records` is what `segment-none-age-1` holds. */
export const unusualAge = (records: Uint8Array): Readonly<Record<string, Case>> => ({
  "age-other-stanza": {
    base: SMALL,
    change: signedAgain(
      (l) => [...l.slice(0, 1), "-> other kind of=stanza", "AAAA", ...l.slice(1)],
      records,
    ),
    over: about(records),
    why: "a stanza of a kind that nobody knows: readers pass over it",
    code: null,
  },
  "age-other-recipient-too": {
    base: SMALL,
    change: () => forged(records, [STRANGER.recipient, FIRST.recipient]),
    over: about(records),
    why: "one recipient more than the manifest knows, before the one that fits",
    code: null,
  },
});
