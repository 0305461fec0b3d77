import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Sink } from "../../src/sdk/sink.ts";
import { keysIn, openWith, settingsOf } from "../sinks/s3/s3-place.ts";
import { foreignClient, newBucket, s3Server } from "../sinks/s3/server.ts";
import { IDENTITY, never, newSink } from "./sample-archive.ts";

/** A store as somebody with its own tools sees it, by paths below the sink's prefix. */
interface Files {
  read(path: string): Promise<Buffer | undefined>;
  /** Undefined removes it. */
  write(path: string, bytes: Buffer | undefined): Promise<void>;
  paths(): Promise<readonly string[]>;
  end(): Promise<void>;
}

/** An archive whose files can be tampered with, and be put back as they were. */
export class Vault {
  readonly sink: Sink;
  readonly #files: Files;
  readonly #before = new Map<string, Buffer | undefined>();

  private constructor(sink: Sink, files: Files) {
    this.sink = sink;
    this.#files = files;
  }

  static async open(kind: "fs" | "s3"): Promise<Vault> {
    return kind === "fs"
      ? openFolderVault((...a) => new Vault(...a))
      : openBucketVault((...a) => new Vault(...a));
  }

  async read(at: string): Promise<Buffer> {
    const found = await this.#files.read(at);
    if (found === undefined) throw new Error(`${at} is not there`);
    return found;
  }

  async put(at: string, bytes: Buffer | string | undefined): Promise<void> {
    if (!this.#before.has(at)) this.#before.set(at, await this.#files.read(at));
    await this.#files.write(at, typeof bytes === "string" ? Buffer.from(bytes) : bytes);
  }

  async swap(one: string, other: string): Promise<void> {
    const [a, b] = [await this.read(one), await this.read(other)];
    await this.put(one, b);
    await this.put(other, a);
  }

  /** Paths below a folder, ascending. */
  async below(folder: string): Promise<readonly string[]> {
    return (await this.#files.paths()).filter((p) => p.startsWith(`${folder}/`)).toSorted();
  }

  /** Runs what plants a fault and looks at it; afterwards everything is as it was. */
  async tampered(run: () => Promise<void>): Promise<void> {
    const known = new Set(await this.#files.paths());
    try {
      await run();
    } finally {
      for (const [at, bytes] of this.#before) await this.#files.write(at, bytes);
      this.#before.clear();
      for (const at of await this.#files.paths())
        if (!known.has(at)) await this.#files.write(at, undefined);
    }
  }

  async drop(): Promise<void> {
    await this.sink.close();
    await this.#files.end();
  }
}

type Make = (sink: Sink, files: Files) => Vault;

async function openFolderVault(make: Make): Promise<Vault> {
  const { sink, dir } = await newSink("files");
  const full = (at: string): string => path.join(dir, at);
  return make(sink, {
    read: async (at) => {
      try {
        return await readFile(full(at));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    write: async (at, bytes) => {
      await rm(full(at), { force: true });
      if (bytes === undefined) return;
      await mkdir(path.dirname(full(at)), { recursive: true });
      await writeFile(full(at), bytes);
    },
    paths: async () => {
      const found = await readdir(dir, { recursive: true, withFileTypes: true });
      const files = found.filter((e) => !e.isDirectory());
      return files.map((e) => path.relative(dir, path.join(e.parentPath, e.name)));
    },
    end: () => rm(dir, { recursive: true, force: true }),
  });
}

const PREFIX = "site-a";

async function openBucketVault(make: Make): Promise<Vault> {
  const own = await s3Server();
  const { server } = own;
  const bucket = await newBucket(server);
  const client = foreignClient(server);
  const sink = await openWith(settingsOf(server, bucket, { prefix: PREFIX }));
  await sink.claim(IDENTITY, never);
  const of = (at: string): { Bucket: string; Key: string } => ({
    Bucket: bucket,
    Key: `${PREFIX}/${at}`,
  });
  return make(sink, {
    read: (at) => objectOf(client, of(at)),
    write: async (at, Body) => {
      if (Body === undefined) await client.send(new DeleteObjectCommand(of(at)));
      else await client.send(new PutObjectCommand({ ...of(at), Body }));
    },
    paths: async () => (await keysIn(client, bucket)).map((key) => key.slice(PREFIX.length + 1)),
    end: async () => {
      client.destroy();
      await own.stop();
    },
  });
}

async function objectOf(
  client: S3Client,
  of: { readonly Bucket: string; readonly Key: string },
): Promise<Buffer | undefined> {
  try {
    const { Body } = await client.send(new GetObjectCommand(of));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } catch (error) {
    if ((error as Error).name === "NoSuchKey") return undefined;
    throw error;
  }
}
