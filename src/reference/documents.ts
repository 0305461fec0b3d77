import { builtInSinks } from "../../sinks/index.ts";
import { liveReport } from "../observe/live-report.ts";
import { statusReport } from "../observe/status-report.ts";
import { checkReport } from "../operate/check-report.ts";
import { commands } from "../operate/commands.ts";
import { exportReport } from "../operate/export/export-report.ts";
import { importReport } from "../operate/import/import-report.ts";
import { indexReport } from "../operate/index/index-report.ts";
import { keygenReport } from "../operate/keygen.ts";
import { listReport } from "../operate/listed-batches.ts";
import { ordersReport } from "../operate/orders/orders-report.ts";
import { initReport } from "../operate/init.ts";
import { errorReport } from "../operate/output.ts";
import { pruneReport } from "../operate/prune/prune-report.ts";
import { reconcileReport, replayReport, rewrapReport } from "../operate/repair/report.ts";
import { restoreReport } from "../operate/restore/restore-report.ts";
import { cliPage } from "./cli-page.ts";
import { configSchema } from "./config-schema.ts";
import { configurationPage } from "./configuration-page.ts";
import { dashboard } from "./dashboard.ts";
import { errorsPage } from "./errors-page.ts";
import { type JsonSchema, reportSchema } from "./json-schema.ts";
import { manPage } from "./man-page.ts";
import { metricsPage } from "./metrics-page.ts";

const INTEGERS = "Offsets and counts are integer literals of up to 64 bits.";

/** Everything that is generated, by its path in the project. */
export function documents(): ReadonlyMap<string, string> {
  const schemas: Readonly<Record<string, JsonSchema>> = {
    config: configSchema(builtInSinks),
    status: reportSchema(
      "status --json",
      `What \`status --json\` and /api/status say. ${INTEGERS}`,
      statusReport,
    ),
    live: reportSchema(
      "/api/live",
      "What the page is made of. /api/events sends it as `report`, then as `update` with what changed.",
      liveReport,
    ),
    check: reportSchema("check --json", "What `check --json` prints.", checkReport),
    list: reportSchema("list --json", `What \`list --json\` prints. ${INTEGERS}`, listReport),
    restore: reportSchema(
      "restore --json",
      `What \`restore --json\` prints. ${INTEGERS}`,
      restoreReport,
    ),
    orders: reportSchema(
      "skip, detach, attach, pause, resume --json",
      `What these commands print with --json. ${INTEGERS}`,
      ordersReport,
    ),
    replay: reportSchema(
      "replay --json",
      `What \`replay --json\` prints. ${INTEGERS}`,
      replayReport,
    ),
    rewrap: reportSchema(
      "rewrap --json",
      `What \`rewrap --json\` prints. ${INTEGERS}`,
      rewrapReport,
    ),
    reconcile: reportSchema(
      "reconcile --json",
      `What \`reconcile --json\` prints. ${INTEGERS}`,
      reconcileReport,
    ),
    export: reportSchema(
      "export --json",
      `What \`export --json\` prints. ${INTEGERS}`,
      exportReport,
    ),
    import: reportSchema(
      "import --json",
      `What \`import --json\` prints. ${INTEGERS}`,
      importReport,
    ),
    index: reportSchema("index --json", "What `index --json` prints.", indexReport),
    prune: reportSchema("prune --json", `What \`prune --json\` prints. ${INTEGERS}`, pruneReport),
    init: reportSchema("init --json", "What `init --json` prints.", initReport),
    keygen: reportSchema("keygen --json", "What `keygen --json` prints.", keygenReport),
    error: reportSchema(
      "errors",
      "What `--json` prints when a command fails before it printed anything.",
      errorReport,
    ),
  };
  const files = Object.entries(schemas).map(
    ([name, schema]) =>
      [`docs/schema/${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`] as const,
  );
  return new Map([
    ...files,
    ["docs/errors.md", errorsPage()],
    ["docs/configuration.md", configurationPage(builtInSinks)],
    ["docs/cli.md", cliPage(commands)],
    ["docs/man/bulk-archiver.1", manPage(commands)],
    ["docs/metrics.md", metricsPage()],
    ["deploy/grafana/bulk-archiver.json", dashboard()],
  ]);
}
