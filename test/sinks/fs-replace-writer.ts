import { FsStore } from "../../sinks/fs/fs-store.ts";
import { messageOf } from "../../src/core/message.ts";

/** Replaces what it sees with other bytes and prints what came of it. Arguments: base, path, text. */
const [, , base = "", path = "", text = ""] = process.argv;
const never = new AbortController().signal;
const store = new FsStore({ base, fsync: true });
const tag = (await store.head(path, never))?.tag ?? "";
const [done] = await Promise.allSettled([store.replace(path, Buffer.from(text), tag, never)]);
process.stdout.write(done.status === "fulfilled" ? "done" : messageOf(done.reason));
