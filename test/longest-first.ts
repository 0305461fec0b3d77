import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take a minute and more, the longest first: what begins last ends alone. */
const LONGEST = [
  "sinks/s3/s3-conformance",
  "sinks/all/faults",
  "sinks/cassandra/conformance",
  "faults/failpoints",
  "integration/members",
  "sinks/hdfs/conformance",
  "integration/many-partitions",
  "sinks/elasticsearch/conformance",
  "sinks/cassandra/cluster",
  "operate/reconcile-stores",
  "sinks/kafka/conformance",
  "sdk/installed",
  "operate/planted-faults",
  "sinks/hdfs/faults",
  "operate/prune-stores",
  "kafka/security-running",
  "operate/rewrap-stores",
  "operate/restore-stores",
  "sinks/cassandra/faults",
  "operate/interrupt",
].map((name) => fileURLToPath(new URL(`${name}.test.ts`, import.meta.url)));

/** Vitest begins with the largest files, which says little of how long they take. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    for (const path of LONGEST) if (!existsSync(path)) throw new Error(`${path}: no such test`);
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(moduleId);
      return at === -1 ? LONGEST.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
