import { messageOf } from "../core/message.ts";
import { Secret } from "../core/secret.ts";
import { TokenFile } from "../core/token-file.ts";
import { resolve } from "node:path";
import type { HttpConfig } from "./config.ts";
import type { NormaliseContext } from "./normalise.ts";
import type { SingleInput } from "./schema.ts";

/** @param h `http` of the file. A token file is read now, so that what is wrong with it is said now. */
export function httpConfig(
  h: NonNullable<SingleInput["http"]>,
  { document, baseDir }: NormaliseContext,
): HttpConfig {
  const colon = h.listen.lastIndexOf(":");
  const host = h.listen.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const about = { host, port: Number(h.listen.slice(colon + 1)), hosts: h.hosts };
  const listen = { ...about, publicPaths: h.public };
  if (h.token !== undefined) {
    const secret = new Secret(h.token);
    return { ...listen, token: () => secret };
  }
  if (h.tokenFile === undefined) return { ...listen, token: null };
  const file = new TokenFile(resolve(baseDir, h.tokenFile));
  try {
    file.read();
  } catch (error) {
    document.report(["http", "tokenFile"], messageOf(error));
  }
  return { ...listen, token: () => file.current() };
}
