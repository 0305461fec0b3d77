import { ArchiverError } from "../../src/core/errors.ts";

/** The value, or the text of why it is refused; anything else is thrown on. */
export function refusedOr<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "manifest-invalid") return error.message;
    throw error;
  }
}
