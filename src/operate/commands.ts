import { attachCommand } from "./attach.ts";
import { catCommand } from "./cat.ts";
import { checkCommand } from "./check.ts";
import type { Command } from "./command.ts";
import { completionCommand } from "./completion.ts";
import { detachCommand } from "./detach.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { indexCommand } from "./index-archive.ts";
import { initCommand } from "./init.ts";
import { keygenCommand } from "./keygen.ts";
import { listCommand } from "./list.ts";
import { pauseCommand } from "./pause.ts";
import { pruneCommand } from "./prune.ts";
import { reconcileCommand } from "./reconcile.ts";
import { replayCommand } from "./replay.ts";
import { restoreCommand } from "./restore.ts";
import { resumeCommand } from "./resume.ts";
import { rewrapCommand } from "./rewrap.ts";
import { runCommand } from "./run.ts";
import { skipCommand } from "./skip.ts";
import { statusCommand } from "./status.ts";
import { verifyCommand } from "./verify.ts";

/** Every command there is, in the order of the help. */
export const commands: readonly Command[] = [
  runCommand,
  checkCommand,
  statusCommand,
  listCommand,
  catCommand,
  verifyCommand,
  restoreCommand,
  exportCommand,
  importCommand,
  indexCommand,
  replayCommand,
  reconcileCommand,
  rewrapCommand,
  pauseCommand,
  resumeCommand,
  detachCommand,
  attachCommand,
  skipCommand,
  pruneCommand,
  keygenCommand,
  initCommand,
  completionCommand,
];
