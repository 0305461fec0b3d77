import { readFile } from "node:fs/promises";
import { builtInSinks } from "../../sinks/index.ts";
import type { Config } from "../config/config.ts";
import { explain } from "../config/explain.ts";
import { redactor } from "../observe/log.ts";
import { checkConfig } from "./check-config.ts";
import type { CheckReport } from "./check-report.ts";
import type { CommandContext } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { table } from "./table.ts";

/** `check --explain`: what the configuration comes to, without asking anybody. */
export async function explainConfig(config: Config, context: CommandContext): Promise<ExitCode> {
  const { out, env, tool } = context;
  const text = await readFile(config.file, "utf8");
  const redact = redactor(config.secrets);
  const settings = explain(config.file, text, env, builtInSinks).map((s) => ({
    ...s,
    value: redact(s.value),
  }));
  const found = await checkConfig(config);
  const findings = found.map(({ level, about, code, text: why }) => ({
    level,
    about,
    code,
    text: why,
  }));
  const ok = found.every((f) => f.level !== "error");
  const report: CheckReport = { ok, tool, findings, estimate: null, settings };
  const rows = settings.map(({ key, value, source }) => [key, value, source]);
  await (out.json ? out.document(report) : out.text(table(["setting", "value", "from"], rows)));
  return ok ? EXIT.done : EXIT.usage;
}
