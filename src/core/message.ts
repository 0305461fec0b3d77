/** Why a system call failed, for people, by libuv's code. */
const SYSTEM: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ELOOP: "too many symbolic links",
};

/** The text of anything thrown; a system error in plain words. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : SYSTEM[code];
  return known === undefined ? error.message : `${known} (${code})`;
}
