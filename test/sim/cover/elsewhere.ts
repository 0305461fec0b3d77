import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A file that no simulated daemon runs. */
export interface Elsewhere {
  readonly file: string;
  /** A test that kills a real process which runs it; null: nothing that it does outlives the process. */
  readonly killedIn: string | null;
}

const STEPS = "test/faults/failpoints.test.ts";
const HEADS = "test/integration/signed.test.ts";

export const ELSEWHERE: readonly Elsewhere[] = [
  { file: "src/daemon/node-ports.ts", killedIn: STEPS },
  { file: "src/daemon/open-pipeline.ts", killedIn: STEPS },
  { file: "src/daemon/pipeline-life.ts", killedIn: STEPS },
  { file: "src/daemon/running.ts", killedIn: STEPS },
  { file: "src/daemon/head-places.ts", killedIn: HEADS },
  { file: "src/daemon/heads.ts", killedIn: HEADS },
  { file: "src/daemon/pipeline-heads.ts", killedIn: HEADS },
  { file: "src/daemon/reload.ts", killedIn: null },
  { file: "src/daemon/copies-report.ts", killedIn: null },
  { file: "src/daemon/group-view.ts", killedIn: null },
  { file: "src/daemon/partition-report.ts", killedIn: null },
];

const KILLS = /SIGKILL|\.kill\(/;

/** Null, or what is wrong: the test is gone, or kills nobody any more. */
export function wrongWith({ file, killedIn }: Elsewhere): string | null {
  if (killedIn === null) return null;
  try {
    return KILLS.test(readFileSync(`${ROOT}${killedIn}`, "utf8"))
      ? null
      : `${file}: ${killedIn} kills no process`;
  } catch (error) {
    return `${file}: ${String(error)}`;
  }
}
