import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtInSinks } from "../../../sinks/index.ts";
import { kafkaOptions } from "../../../src/config/kafka-options.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { EXAMPLE, GENERAL_EXAMPLE } from "../../../src/reference/configuration-page.ts";
import { INHERITED } from "../mutate-json.ts";
import { must, type Target } from "../target.ts";

const WORDS = [
  ...[
    "\n",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "'",
    "#",
    "&a ",
    "*a",
    "!!js ",
    "|",
    ">",
  ],
  ...[
    "?",
    "${env:",
    "${file:",
    "}",
    "$${",
    "${file:/dev/zero}",
    "~",
    "null",
    "true",
    ".inf",
    "0x1F",
  ],
  ...["1e9", "16MiB", "-1s", "kafka", "sinks", "pipelines", "<<: ", "---\n", "...\n", "%YAML 9\n"],
  ...["\t", "\u0000", "\ufeff", "é", "kind: yaml", "kind: ../evil", "regex: (", "regex: (a+)+$"],
  ...INHERITED.flatMap((word) => [word, `${word}: `]),
];
const PLACE = /^conf\.yaml:\d+:\d+: ./;

export function configTarget(): Target {
  const dir = mkdtempSync(join(tmpdir(), "fuzz-config-"));
  writeFileSync(join(dir, "seed"), `${"ab".repeat(32)}\n`);
  writeFileSync(join(dir, "password"), "of nobody\n");
  const env = { GROUP: "g" };
  const read = async (input: Buffer): Promise<boolean> => {
    try {
      const text = input.toString("utf8");
      const options = { env, kinds: builtInSinks };
      const config = await parseConfig("conf.yaml", join(dir, "conf.yaml"), text, options);
      kafkaOptions(config.kafka);
      return true;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const line of error.message.split("\n"))
        must(PLACE.test(line), `an error names its place: ${line.slice(0, 100)}`);
      return false;
    }
  };
  const close = async (): Promise<void> => rmSync(dir, { recursive: true, force: true });
  const seeds = [EXAMPLE, GENERAL_EXAMPLE].map((text) => Buffer.from(text));
  return { name: "configuration", shape: "lines", seeds, words: WORDS, read, close };
}
