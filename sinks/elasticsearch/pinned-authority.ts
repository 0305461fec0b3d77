import { X509Certificate } from "node:crypto";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { SinkError } from "../../src/sdk/sink-error.ts";

const CONNECT_MS = 10_000;
/** Certificates of one chain at most. */
const MAX_CHAIN = 10;

/**
 * The authority with this fingerprint, as a node shows it in its chain, in PEM. Connections are then
 * verified against it like against any other: comparing the fingerprint of a shown certificate alone
 * would not say that it signed the node's.
 *
 * @throws SinkError sink-transient when no node answers, sink-unauthorized for another authority
 */
export async function pinnedAuthority(
  urls: readonly string[],
  fingerprint: string,
  signal: AbortSignal,
): Promise<string> {
  let last: SinkError | undefined;
  for (const url of urls.map((u) => new URL(u)).filter((u) => u.protocol === "https:")) {
    try {
      return await authorityOf(url, fingerprint, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SinkError) || error.code !== "sink-transient") throw error;
      last = error;
    }
  }
  throw last ?? new SinkError("sink-permanent", "caFingerprint is for nodes with https");
}

function authorityOf(url: URL, fingerprint: string, signal: AbortSignal): Promise<string> {
  const wanted = fingerprint.replaceAll(":", "").toUpperCase();
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = url.port === "" ? 443 : Number(url.port);
    // Nothing is said on this connection: it only shows certificates.
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: CONNECT_MS });
    const done = (act: () => void): void => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      act();
    };
    const abort = (): void => done(() => reject(signal.reason as Error));
    const away = (why: string): void =>
      done(() => reject(new SinkError("sink-transient", `${url.host}: ${why}`)));
    signal.addEventListener("abort", abort, { once: true });
    socket.once("timeout", () => away("no answer"));
    socket.once("error", (error) => away(error.message));
    socket.once("secureConnect", () => {
      const found = inChain(socket.getPeerCertificate(true), wanted);
      const text = `${url.host} shows no certificate with the fingerprint of caFingerprint`;
      done(() =>
        found === undefined ? reject(new SinkError("sink-unauthorized", text)) : resolve(found),
      );
    });
  });
}

function inChain(leaf: DetailedPeerCertificate, wanted: string): string | undefined {
  let at: DetailedPeerCertificate | undefined = leaf;
  for (let depth = 0; at?.raw !== undefined && depth < MAX_CHAIN; depth += 1) {
    if (at.fingerprint256.replaceAll(":", "") === wanted)
      return new X509Certificate(at.raw).toString();
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return undefined;
}
