import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { FsFolders } from "../../sinks/fs/fs-folders.ts";

/** Asks for a folder's fsync again and again while others run; says `call <i>` and `done <i>`. */
const [, , folder = "", count = "1"] = process.argv;
const folders = new FsFolders(folder, true);
await Promise.all(
  Array.from({ length: Number(count) }, async (_, i) => {
    await setTimeout(i * 5);
    // The system call itself, not a stream: it stands in the trace where it happened.
    writeSync(1, `call ${i}.\n`);
    await folders.sync(folder);
    writeSync(1, `done ${i}.\n`);
  }),
);
