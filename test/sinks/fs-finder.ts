import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { IDENTITY } from "../../src/sdk/conformance-batches.ts";
import { CHAIN } from "../crash/scenarios/sink-work.ts";

/** Finds what is there, as a daemon that starts or a rewrap that is run again, and says what. Arguments: base, which. */
const [, , base = "", what = ""] = process.argv;
const never = new AbortController().signal;
const [made] = CHAIN;
if (made === undefined) throw new Error("the chain has batches");
const settings = fsPlugin.schema.parse({ path: base });
const sink = await fsPlugin.open(settings, { name: "files", baseDir: "/" }, never);
if (what === "claim") await sink.claim(IDENTITY, never);
const found =
  what === "claim"
    ? (await sink.stat(made.manifest, "cheap", never)).is
    : await sink.rewrap?.(made.manifest, () => Promise.reject(new Error("it is there")), never);
process.stdout.write(String(found));
