import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createServer } from "node:net";
import { ArchiverError } from "../../core/errors.ts";

/**
 * One export at a time writes to a folder: a second one would take the parts of the first for leftovers. The
 * claim is a name of the kernel's (an abstract socket of Linux), so that it is gone with the process however
 * that ended; it is not seen from other machines and network name spaces, nor kept on other systems.
 * Resolves to what gives it up. @throws ArchiverError usage
 */
export async function claimFolder(dir: string): Promise<() => void> {
  if (process.platform !== "linux") return () => undefined;
  const { dev, ino } = await stat(dir, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  const listening = once(server, "listening");
  server.listen({ path: `\0bulk-archiver-export-${dev}-${ino}` });
  try {
    await listening;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    const text = `another export writes to ${dir}: wait for its end, or choose another --out`;
    throw new ArchiverError("usage", text, { cause });
  }
  server.unref();
  return () => void server.close();
}
