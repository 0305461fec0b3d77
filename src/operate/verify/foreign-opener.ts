import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Opener } from "./deep-check.ts";
import { type Identity, openHeader, payloadChunks } from "./foreign-age.ts";
import { contentOf } from "./foreign-frames.ts";
import { contentTag } from "./foreign-keys.ts";

/** Opens stored files with `verify`'s own readers of age and of frames. */
export const foreignOpener =
  (identities: readonly Identity[]): Opener =>
  async (manifest, stored) => {
    const file = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
    const { codec, contentSize, encryption } = manifest.seal;
    if (encryption === "none")
      return { content: pieces(contentOf(codec, file, contentSize)), tagOf: undefined };
    const age = identities.length === 0 ? undefined : openHeader(file, identities);
    if (age === undefined) throw notOurs(manifest, identities);
    const plain = Buffer.concat([...payloadChunks(age)]);
    return {
      content: pieces(contentOf(codec, plain, contentSize)),
      tagOf: (digest) => contentTag(age.fileKey, digest),
    };
  };

/** Either the operator has another identity, or the file is not what its manifest says. */
function notOurs(manifest: Manifest, identities: readonly Identity[]): ArchiverError {
  const { recipients, path } = manifest.seal;
  const named = identities.find(({ recipient }) => recipients.includes(recipient));
  if (named !== undefined) {
    return new ArchiverError(
      "sealed-invalid",
      `its header is not for ${named.recipient}, its manifest says so`,
    );
  }
  const text = `${path} is encrypted to ${recipients.join(", ")}`;
  const given = identities.length;
  const none = given === 0 ? "" : `; none of the ${given} identities given opens it`;
  return new ArchiverError("identity-needed", text + none);
}

async function* pieces(content: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* content;
}
