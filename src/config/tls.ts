import { resolve } from "node:path";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { messageOf } from "../core/message.ts";
import { Secret } from "../core/secret.ts";
import { boundedFile } from "../core/bounded-file.ts";
import type { TlsConfig } from "./config.ts";
import type { ConfigDocument } from "./document.ts";
import type { Path } from "./problems.ts";
import { MAX_VALUE_BYTES } from "./references.ts";
import type { KafkaInput } from "./schema.ts";

type TlsInput = Exclude<KafkaInput["ssl"], true | undefined>;

const PEM = "-----BEGIN ";

interface Context {
  readonly document: ConfigDocument;
  readonly baseDir: string;
}

/** Reads the PEM files; what TLS could not use is reported at its key, before anything connects. */
export function tlsConfig(t: TlsInput, at: Path, context: Context): TlsConfig {
  const { document } = context;
  const before = document.problems.length;
  const read = (field: "ca" | "cert" | "key"): string | null => {
    const path = t[field];
    return path === undefined ? null : pem([...at, field], path, context);
  };
  const [ca, cert, key] = [read("ca"), read("cert"), read("key")];
  const passphrase = t.passphrase ?? null;
  if (document.problems.length === before) {
    const unlocked = {
      ...(key === null ? {} : { key }),
      ...(passphrase === null ? {} : { passphrase }),
    };
    const tries: readonly (readonly [field: "ca" | "cert" | "key", SecureContextOptions])[] = [
      ["ca", ca === null ? {} : { ca }],
      ["cert", cert === null ? {} : { cert }],
      ["key", unlocked],
      ["key", cert === null ? {} : { ...unlocked, cert }],
    ];
    const bad = tries
      .map(([field, o]) => [field, unusable(o)] as const)
      .find(([, why]) => why !== null);
    if (bad !== undefined) document.report([...at, bad[0]], bad[1] ?? "");
  }
  const file = (field: "ca" | "cert" | "key"): string | null =>
    t[field] === undefined ? null : resolve(context.baseDir, t[field]);
  return {
    files: { ca: file("ca"), cert: file("cert"), key: file("key") },
    ca,
    cert,
    key: key === null ? null : new Secret(key),
    passphrase: passphrase === null ? null : new Secret(passphrase),
    servername: t.servername ?? null,
    rejectUnauthorized: t.rejectUnauthorized,
  };
}

/**
 * As it was read, and read again each time it is asked: who renews certificates writes new files. While
 * they are being replaced, or do not fit each other, the last ones that did are used.
 */
export function currentTls(t: TlsConfig): () => TlsConfig {
  let last = t;
  return () => {
    const { ca, cert, key } = t.files;
    const now = { ca: textOf(ca), cert: textOf(cert), key: textOf(key) };
    const options = Object.entries({ ...now, passphrase: t.passphrase?.reveal() ?? null });
    const given = Object.fromEntries(options.filter(([, text]) => text !== null));
    const wanted = [ca, cert, key].filter((path) => path !== null).length;
    const read = Object.values(now).filter((text) => text !== null).length;
    if (read === wanted && unusable(given) === null) {
      last = { ...t, ...now, key: now.key === null ? null : new Secret(now.key) };
    }
    return last;
  };
}

/** Null without a path, and when there is no certificate or key to read in it now. */
function textOf(path: string | null): string | null {
  try {
    const text = path === null ? "" : (boundedFile(path, MAX_VALUE_BYTES)?.toString("utf8") ?? "");
    return text.includes(PEM) ? text : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}

/** Why OpenSSL cannot use it; null: it can. */
function unusable(options: SecureContextOptions): string | null {
  try {
    createSecureContext(options);
    return null;
  } catch (error) {
    const text = messageOf(error);
    if (/mismatch/.test(text)) return "the key does not belong to the certificate in cert";
    if (/bad decrypt|interrupted or cancelled|bad password|passphrase/i.test(text)) {
      return "the key is encrypted, and passphrase is missing or wrong";
    }
    return `TLS cannot use it: ${text}`;
  }
}

function pem(at: Path, path: string, { document, baseDir }: Context): string {
  const file = resolve(baseDir, path);
  try {
    const text = boundedFile(file, MAX_VALUE_BYTES)?.toString("utf8") ?? "";
    if (!text.includes(PEM)) document.report(at, `${file} is not a PEM file`);
    return text;
  } catch (error) {
    document.report(at, `cannot read ${file}: ${messageOf(error)}`);
    return "";
  }
}
