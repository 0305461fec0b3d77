import { expect, test } from "vitest";
import { hdfsError } from "../../sinks/hdfs/hdfs-error.ts";
import { booleanAnswer, parsed } from "../../sinks/hdfs/hdfs-answers.ts";
import { parseEntry } from "../../sinks/kafka/ledger-record.ts";
import { s3Error } from "../../sinks/s3/s3-error.ts";
import { parseAmendment } from "../../src/core/amendment.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { parseDescription, parseManifest } from "../../src/core/manifest.ts";
import { parseIdentity } from "../../src/sdk/identity.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { configDir, load } from "../config/load.ts";

/** Each was an input of `npm run fuzz` that made something else than a refusal. */
const ODD = { length: { toString: "x" } };

const thrown = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return error;
  }
};

test("a length that is no number is refused by everything that reads documents", async () => {
  const text = { version: 1, archiveId: ODD, recipients: ODD, holes: ODD, text: ODD, group: ODD };
  const bytes = Buffer.from(JSON.stringify({ ...text, clusterId: ODD, primary: ODD }));
  for (const parse of [parseManifest, parseDescription, parseAmendment, parseIdentity]) {
    expect(thrown(() => parse(bytes))).toBeInstanceOf(ArchiverError);
  }
  expect(parseEntry(bytes)).toBeUndefined();
  expect(thrown(() => parsed(booleanAnswer, bytes, "asking"))).toBeInstanceOf(SinkError);
  const yaml =
    "kafka: { brokers: { length: { toString: x } } }\ngroup: g\ntopics: [a]\nsinks: []\n";
  await expect(load(yaml, configDir())).rejects.toBeInstanceOf(ArchiverError);
});

test.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
  "a store that names its error %s is answered as any other",
  (name) => {
    const refusal = { doing: "OPEN", path: "/a", host: "h:1", status: 500, exception: name };
    const hdfs = hdfsError({ ...refusal, message: "", retryAfterMs: undefined });
    expect(hdfs).toMatchObject({ code: "sink-transient" });
    expect(hdfs.message).toContain(name);
    const raised = Object.assign(new Error("no"), {
      ...{ name, Code: name, $metadata: { httpStatusCode: 500 } },
    });
    expect(s3Error(raised, "list")).toMatchObject({ code: "sink-transient" });
  },
);
