import { boundedFile } from "./bounded-file.ts";
import { Secret } from "./secret.ts";

const MAX_BYTES = 4096;
export const MIN_TOKEN_CHARS = 16;
const STALE_MS = 5_000;

/** A token in a file that somebody may replace: read again when the last reading is old. */
export class TokenFile {
  readonly #path: string;
  #token: Secret | null = null;
  #readAt = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws Error when the file cannot be read or holds no token. */
  read(): Secret {
    const bytes = boundedFile(this.#path, MAX_BYTES);
    const text = bytes?.toString("utf8").trim() ?? "";
    if (text.length < MIN_TOKEN_CHARS || /\s/.test(text)) {
      throw new Error(
        `${this.#path} holds no token of ${MIN_TOKEN_CHARS} to ${MAX_BYTES} characters`,
      );
    }
    this.#readAt = Date.now();
    this.#token = new Secret(text);
    return this.#token;
  }

  /**
   * As it was read last, at most five seconds ago.
   * @throws Error as `read`: a request then is refused with an error in the log, and never let in.
   */
  current(): Secret {
    const fresh = Date.now() - this.#readAt < STALE_MS;
    return fresh && this.#token !== null ? this.#token : this.read();
  }
}
