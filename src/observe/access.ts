import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { IncomingMessage } from "node:http";

/** Who may ask for what. */
export interface Access {
  /** Names by which it may be asked, beside localhost and IP addresses. */
  readonly hosts: readonly string[];
  /** Asked at each request, so that a new token needs no restart; null: there is none. */
  readonly token: () => string | null;
  /** Paths that need no token. */
  readonly publicPaths: readonly string[];
}

export interface Refusal {
  readonly status: 401 | 403 | 421;
  readonly text: string;
}

/**
 * Null: the request may be answered. Who asks from this machine needs a token only where one is
 * configured; who asks from elsewhere gets the public paths, and the rest with the token.
 */
export function refusalOf(request: IncomingMessage, path: string, access: Access): Refusal | null {
  if (!isKnownHost(request.headers.host ?? "", access.hosts)) {
    return { status: 421, text: "this name is not one of http.hosts in the configuration" };
  }
  if (access.publicPaths.includes(path)) return null;
  const token = access.token();
  if (token === null) {
    if (isLoopback(request.socket.remoteAddress ?? "")) return null;
    return { status: 403, text: "from another machine this needs http.token in the configuration" };
  }
  const given = givenToken(request.headers.authorization ?? "");
  if (given !== null && isSame(given, token)) return null;
  return { status: 401, text: "needs the token of http.token" };
}

/** As `Bearer`, or as the password of `Basic`: that is what a browser asks a person for. */
function givenToken(header: string): string | null {
  const [scheme = "", value = ""] = header.split(" ", 2);
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return null;
  const text = Buffer.from(value, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? null : text.slice(colon + 1);
}

/** In the same time whatever differs, the length too. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(given), digest(token));
}

/**
 * A page of a foreign site cannot ask us by a name that it made point here (DNS rebinding): such a
 * request carries that name, while addresses and localhost cannot be made to point elsewhere.
 */
export function isKnownHost(header: string, hosts: readonly string[]): boolean {
  const [, bracketed, bare] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  if (bare === undefined) return false;
  const name = bare.toLowerCase().replace(/\.$/, "");
  return name === "localhost" || isIP(name) === 4 || hosts.some((h) => h.toLowerCase() === name);
}

/** Only this machine can ask there, or from there. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^::ffff:/, "");
  return (
    plain === "localhost" || plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."))
  );
}
