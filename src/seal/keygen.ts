import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ArchiverError } from "../core/errors.ts";
import { dropLeftovers, leftoversIn, temporaryOf } from "../core/leftovers.ts";
import { messageOf } from "../core/message.ts";
import { createFile } from "../core/new-file.ts";
import { createFolder } from "../core/new-folder.ts";
import { keyIdOf, signerOf } from "../core/signature.ts";
import { keyFile, loadIdentities } from "./keys.ts";
import { encodeIdentity, encodeRecipient, privateKey, rawPublic } from "./x25519.ts";

const SEED_BYTES = 32;
/** Stands in the folder, under a temporary name, from before the first file until after the second. */
const MARK = "pair";

/** Writes `identity` and `seed` (0600) into a folder; never replaces a file. */
export async function keygen(dir: string): Promise<{ recipient: string }> {
  const raw = randomBytes(32);
  const made = recipientOf(raw);
  const identity = join(dir, "identity");
  const found = await writePair(dir, ["identity", "seed"], {
    first: () => `# public key: ${made}\n${encodeIdentity(raw)}\n`,
    // Any seed goes with any identity.
    second: () => `${randomBytes(SEED_BYTES).toString("hex")}\n`,
  });
  if (found === "begun") return { recipient: made };
  const [kept] = await loadIdentities(identity);
  if (kept === undefined) throw new ArchiverError("key-invalid", `${identity} holds no identity`);
  return { recipient: recipientOf(kept) };
}

/** Writes `signing` (0600) and `signing.pub` into a folder; never replaces a file. */
export async function signingKeygen(dir: string): Promise<{ keyId: string }> {
  const { privateKey: secret, publicKey } = generateKeyPairSync("ed25519");
  const file = join(dir, "signing");
  let own: KeyObject = publicKey;
  await writePair(dir, ["signing", "signing.pub"], {
    first: () => secret.export({ type: "pkcs8", format: "pem" }).toString(),
    second: (finishes) => {
      if (finishes) own = publicOf(file);
      return own.export({ type: "spki", format: "pem" }).toString();
    },
  });
  return { keyId: keyIdOf(own) };
}

const recipientOf = (raw: Buffer): string => encodeRecipient(rawPublic(privateKey(raw)));

function publicOf(file: string): KeyObject {
  const pem = keyFile(file, "signing key").toString("utf8");
  // Says what is wrong with one that is no such key.
  signerOf(pem, `signing key ${file}`);
  return createPublicKey(pem);
}

interface Pair {
  readonly first: () => string;
  /** `finishes`: the first file is that of a run that died before it had written the second. */
  readonly second: (finishes: boolean) => string;
}

/**
 * Two files, or none. A run that dies between them leaves the first one and its mark, and the next run adds what is
 * missing; without the mark a file that is there is somebody's, who may keep the other elsewhere.
 */
async function writePair(
  dir: string,
  names: readonly [string, string],
  pair: Pair,
): Promise<"begun" | "finished"> {
  const [first, second] = [join(dir, names[0]), join(dir, names[1])];
  const mark = `${MARK}-${names[0]}`;
  const finishes = await isHalf(dir, names, mark);
  const ownMark = temporaryOf(join(dir, mark));
  try {
    if (finishes) {
      await writeNew(second, pair.second(true));
      return "finished";
    }
    await marked(ownMark);
    await writeNew(first, pair.first());
    try {
      await writeNew(second, pair.second(false));
    } catch (error) {
      // Half a pair helps nobody: the first file has just been made, and nothing was done with it yet.
      await unlink(first);
      throw error;
    }
    return "begun";
  } finally {
    await Promise.allSettled([dropLeftovers(dir, [mark])]);
  }
}

/** Makes the folder. True: somebody died between the two files. @throws ArchiverError usage */
async function isHalf(
  dir: string,
  [first, second]: readonly [string, string],
  mark: string,
): Promise<boolean> {
  try {
    await createFolder(dir, 0o700);
    await dropLeftovers(dir, [first, second]);
    const marks = await leftoversIn(dir, [mark]);
    const there = await readdir(dir);
    return marks.length > 0 && there.includes(first) && !there.includes(second);
  } catch (cause) {
    throw new ArchiverError("usage", `${dir}: ${messageOf(cause)}`, { cause });
  }
}

async function marked(path: string): Promise<void> {
  try {
    const file = await open(path, "w", 0o600);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new ArchiverError("usage", `${path}: ${messageOf(cause)}`, { cause });
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await createFile(path, text);
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === "EEXIST";
    const why = there
      ? "is there already and is never overwritten: choose another folder"
      : messageOf(cause);
    throw new ArchiverError("usage", `${path}: ${why}`, { cause });
  }
}
