import { parseAmendment } from "../../../src/core/amendment.ts";
import { dataFolder, manifestFolder, manifestPath } from "../../../src/core/layout.ts";
import {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  parseDescription,
  parseManifest,
} from "../../../src/core/manifest.ts";
import {
  decodeAnswers,
  decodeRequests,
  encodeAnswers,
  encodeRequests,
  requestGroup,
} from "../../../src/core/operator-requests.ts";
import { decodeProof, encodeProof } from "../../../src/core/proof-note.ts";
import { decodePlans, encodePlans } from "../../../src/core/plan-codec.ts";
import { readManifest } from "../../../src/operate/verify/own-manifest.ts";
import { parseLine as parseRollUpLine } from "../../../src/operate/index/roll-up.ts";
import { blake3Hex } from "../../../src/core/digest.ts";
import { encodeIdentity, parseIdentity } from "../../../src/sdk/identity.ts";
import { parseEntry, parseKey } from "../../../sinks/kafka/ledger-record.ts";
import { INHERITED } from "../mutate-json.ts";
import { must, taken, type Target } from "../target.ts";
import { plansOfEveryKind } from "./plans.ts";
import { storedFile, storedSamples } from "./stored-samples.ts";

const WORDS = [
  ...['"', ",", ":", "{", "}", "[", "]", "null", "true", "0", "-1", "1e3", "-0", "00", " ", "\n"],
  ...["9223372036854775807", "9223372036854775808", "\\u0041", '"start":', "\u0000", "\ufeff"],
  ...['"mac":', '"holes":[]', '"holes":[{}]', '"keyId":"a",', "undefined", "NaN", "../", "/.."],
  ...INHERITED,
];
const manifests = storedSamples.map((s) => s.manifestBytes);
const first = storedSamples[0] as (typeof storedSamples)[number];

/** Below its own folder, with no way out of it. */
const inside = (path: string, folder: string): boolean =>
  path.startsWith(`${folder}/`) &&
  !path.split("/").some((part) => part === "" || /^\.\.?$/.test(part));

function readBoth(input: Buffer): boolean {
  let m: ReturnType<typeof parseManifest> | undefined;
  taken(() => (m = parseManifest(input)));
  const complaints = readManifest(input, m ?? first.m).complaints.length;
  if (m === undefined) {
    must(complaints > 0, "what ours refuses, verify's refuses");
    return false;
  }
  must(complaints === 0, "what ours takes, verify's takes");
  must(Buffer.from(encodeManifest(m)).equals(input), "one text for a value");
  must(inside(m.seal.path, dataFolder(m)), `${m.seal.path} in its folder`);
  must(inside(manifestPath(m), manifestFolder(m)), `${manifestPath(m)} in its folder`);
  return true;
}

const readDescription = (input: Buffer): boolean =>
  taken(() => {
    const d = parseDescription(input);
    must(Buffer.from(encodeDescription(d)).equals(input), "one text for a value");
    must(inside(d.seal.path, dataFolder(d)), `${d.seal.path} in its folder`);
  });

/** Its checksum made right, so that words behind it are read. */
function mendedPlan(input: Buffer): Buffer {
  const text = input.toString("latin1");
  const head = text.slice(0, Math.max(0, text.length - 16));
  return Buffer.from(head + blake3Hex(Buffer.from(head, "utf8")).slice(0, 16), "latin1");
}

function readPlan(input: Buffer): boolean {
  const text = input.toString("utf8");
  const plans = decodePlans(text);
  if ("invalid" in plans) return false;
  must(encodePlans(plans) === text, "one text for a set of plans");
  return true;
}

function mendedRequest(input: Buffer): Buffer {
  const text = input.toString("utf8");
  const json = text.slice(21);
  const magic = input.toString("latin1", 0, 3) === "bp1" ? "bp1" : "bo1";
  return Buffer.from(`${magic} ${blake3Hex(Buffer.from(json, "utf8")).slice(0, 16)} ${json}`);
}

function readRequest(input: Buffer): boolean {
  const text = input.toString("utf8");
  const [requests, answers] = [decodeRequests(text), decodeAnswers(text)];
  if (!("invalid" in requests) && text !== "") encodeRequests(requests);
  if (!("invalid" in answers)) encodeAnswers(answers);
  const proof = decodeProof(text);
  if (proof !== null) encodeProof(proof);
  return !("invalid" in requests) || !("invalid" in answers) || proof !== null;
}

const by = "somebody@host 12";
const id = "0123456789abcdef";
const requests = [
  encodeProof({
    ...{ atMs: 1_795_270_676_531, problems: 0, grade: "deep", percent: 100 },
    ...{ across: true, againstKafka: false },
  }),
  encodeRequests([{ id, by, do: "pause", ttlMs: 60_000, beat: 3 }]),
  encodeRequests([
    { id, by, do: "skip", to: 12n, reason: "poison" },
    { id, by, do: "detach", sink: "files" },
    { id, by, do: "attach", sink: "files" },
  ]),
  encodeAnswers({
    member: `${requestGroup("archiver")}-1`,
    generation: 3,
    answers: [{ id, is: "refused", text: "it is not mine" }],
  }),
];

const amendment = `${JSON.stringify({
  ...{ version: 1, archiveId: "a", batchId: first.m.batchId, number: 1, link: first.m.link },
  ...{
    replaces: first.m.seal.digest,
    size: 12,
    digest: first.m.seal.digest,
    recipients: ["age1x"],
  },
})}\n`;

const ledger = Buffer.from(
  JSON.stringify({
    ...{ version: 1, is: "data", end: 12, size: 100, format: "segment", codec: "zstd" },
    ...{ encrypted: false, text: encodeDescription(descriptionOf(first.m)) },
    copied: {
      ...{ topic: "logs", partition: 0, from: 0, to: 12, producerId: 1, producerEpoch: 0 },
      ...{ records: 12, filtered: 0, digest: "0".repeat(64), lineage: true },
      timestampType: "CreateTime",
    },
  }),
);

const json = (name: string, seeds: readonly Buffer[], read: Target["read"]): Target => ({
  ...{ name, shape: "json" as const, seeds, words: WORDS, read },
});

export const documentTargets: readonly Target[] = [
  json("manifest", manifests, readBoth),
  json(
    "description",
    storedSamples.map((s) => Buffer.from(encodeDescription(descriptionOf(s.m)))),
    readDescription,
  ),
  json("amendment", [Buffer.from(amendment)], (b) => taken(() => void parseAmendment(b))),
  json("archive-identity", [storedFile("archive/archive.json")], (b) =>
    taken(() => void parseIdentity(Buffer.from(encodeIdentity(parseIdentity(b))))),
  ),
  json("roll-up-line", manifests, (b) => taken(() => void parseRollUpLine(b))),
  json("kafka-sink-ledger", [ledger], (b) => {
    const entry = parseEntry(b);
    const key = parseKey(`batch/${b.toString("latin1").slice(0, 60)}`);
    return entry !== undefined || key !== undefined;
  }),
  {
    ...{ name: "plan", shape: "text", seeds: plansOfEveryKind.map((p) => Buffer.from(p)) },
    words: [
      " ",
      "-",
      "ba1",
      "ba2",
      "0",
      "4",
      "-1",
      "9223372036854775808",
      "a@1",
      "../@0",
      "=",
      "é",
    ],
    ...{ mend: mendedPlan, read: readPlan },
  },
  {
    ...{ name: "operator-channel", shape: "text", seeds: requests.map((r) => Buffer.from(r)) },
    ...{ words: [...WORDS, '"do":"skip"', '"ttlMs":null', '"to":'], mend: mendedRequest },
    read: readRequest,
  },
];
