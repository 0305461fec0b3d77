import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { keysIn } from "./s3-place.ts";
import { foreignClient, type S3Server } from "./server.ts";

/** Copies what lies below a prefix into a folder, by the AWS SDK alone. Resolves to the paths. */
export async function download(
  server: S3Server,
  from: { readonly bucket: string; readonly prefix: string },
  into: string,
): Promise<readonly string[]> {
  const client = foreignClient(server);
  const paths: string[] = [];
  for (const Key of await keysIn(client, from.bucket)) {
    if (!Key.startsWith(`${from.prefix}/`)) throw new Error(`${Key} is outside ${from.prefix}`);
    const path = Key.slice(from.prefix.length + 1);
    if (path.startsWith("tmp/")) continue;
    const { Body } = await client.send(new GetObjectCommand({ Bucket: from.bucket, Key }));
    await mkdir(dirname(join(into, path)), { recursive: true });
    await writeFile(join(into, path), (await Body?.transformToByteArray()) ?? "");
    paths.push(path);
  }
  client.destroy();
  return paths;
}
