import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { sharedKafka } from "../../kafka/live-kafka.ts";
import { restoredPairs } from "../../operate/restored-pairs.ts";
import { rawRecords } from "../../sinks/kafka/raw-records.ts";
import { blake3Hex } from "../../../src/core/digest.ts";
import type { Scenario } from "../scenario.ts";
import { onTwoFolders } from "./on-two-folders.ts";
import type { TwoFolders } from "./two-folders.ts";

/** Every file of an export, by path; nothing else may lie there. */
function files(dir: string): readonly string[] {
  const found = readdirSync(dir, { recursive: true, withFileTypes: true });
  const paths = found.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
  return paths.map((p) => `${p.slice(dir.length)} ${blake3Hex(readFileSync(p))}`).sort();
}

/** Every offset of the topic once, in the order of the parts. */
async function exported({ archive }: TwoFolders, dir: string): Promise<readonly string[]> {
  const parts = files(dir).filter((name) => name.includes(".ndjson"));
  const lines = parts.flatMap((part) => {
    const bytes = readFileSync(join(dir, part.slice(0, part.lastIndexOf(" "))));
    const text = (part.includes(".gz ") ? gunzipSync(bytes) : bytes).toString();
    return text.trimEnd().split("\n");
  });
  const found = lines.map((line) => (JSON.parse(line) as { offset: number }).offset);
  const wanted = (await rawRecords(sharedKafka(), archive.name)).get(0)?.map((r) => r.offset);
  const same = found.join() === wanted?.join();
  return [
    ...(same ? [] : [`${found.length} records of ${wanted?.length ?? 0}`]),
    ...(parts.length > 1 ? [] : ["it has no two parts"]),
  ];
}

function exporting(codec: "none" | "gzip"): Scenario {
  const out = ({ archive }: TwoFolders): string => join(archive.dir, `out-${codec}`);
  return onTwoFolders({
    name: `export, ${codec === "none" ? "as lines" : "compressed"}`,
    damage: (two) => rmSync(out(two), { recursive: true, force: true }),
    argv: (two) =>
      two.archive.argv(
        ...["export", "--topic", two.archive.name, "--out", out(two), "--part", "1KiB"],
        ...["--codec", codec, "--identity", two.a.file],
      ),
    made: (two) => files(out(two)),
    accept: (two) => exported(two, out(two)),
  });
}

function restoring(): Scenario {
  let times = 0;
  const target = ({ archive }: TwoFolders): string => `${archive.name}-restored-${times}`;
  return onTwoFolders({
    name: "restore to a topic that is made",
    damage: () => void (times += 1),
    argv: (two) =>
      two.archive.argv(
        ...["restore", "--topic", two.archive.name, "--to-topic", target(two)],
        ...["--transaction", "4KiB", "--run", `run-${times}`, "--identity", two.a.file],
      ),
    accept: async (two) => {
      const of = { bootstrap: sharedKafka(), topic: two.archive.name, copy: target(two) };
      const pairs = await restoredPairs({ ...of, lineage: true });
      const wrong = pairs.filter((p) => JSON.stringify(p.wanted) !== JSON.stringify(p.mine));
      return wrong.map((p) => `restored ${p.mine.length} records of ${p.wanted.length}`);
    },
    each: true,
  });
}

/** Commands that write what is archived elsewhere. */
export const BRINGING_OUT: readonly Scenario[] = [
  exporting("none"),
  exporting("gzip"),
  restoring(),
];
