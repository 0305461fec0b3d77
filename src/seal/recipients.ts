import type { Description } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";

/**
 * Opens an encrypted file; where no identity was given, or none that fits, the error says whose would.
 * @throws ArchiverError identity-needed, and what `open` throws
 */
export async function namingRecipients<T>(
  { seal }: Pick<Description, "seal">,
  identities: readonly Uint8Array[],
  open: () => Promise<T>,
): Promise<T> {
  const text = `${seal.path} is encrypted to ${seal.recipients.join(", ")}`;
  if (identities.length === 0) throw new ArchiverError("identity-needed", text);
  try {
    return await open();
  } catch (cause) {
    if (!(cause instanceof ArchiverError) || cause.code !== "identity-needed") throw cause;
    const none = `${text}; none of the ${identities.length} identities given opens it`;
    throw new ArchiverError("identity-needed", none, { cause });
  }
}
