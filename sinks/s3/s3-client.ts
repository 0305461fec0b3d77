import { readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { resolve } from "node:path";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { ArchiverError } from "../../src/core/errors.ts";
import { messageOf } from "../../src/core/message.ts";
import type { S3Config } from "./s3-schema.ts";

/**
 * The SDK's client with everything that it would do by itself turned off or set: no retries (the
 * decorators around a sink retry), no checksums of its own choice (Ceph 16 refuses streams that
 * have them, and they would be another pass over the bytes), no `Expect: 100-continue` (the SDK
 * then opens a connection per request, and waits six seconds for a store that does not answer it).
 *
 * @throws ArchiverError `config-invalid` when the file of `ca` cannot be read.
 */
export function openClient(config: S3Config, baseDir: string): S3Client {
  const ca = config.ca === undefined ? undefined : readCa(resolve(baseDir, config.ca));
  const agent = { keepAlive: true, maxSockets: config.connections };
  const addressing = config.addressing ?? (config.endpoint === undefined ? "virtual-host" : "path");
  const options: S3ClientConfig = {
    region: config.region,
    forcePathStyle: addressing === "path",
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    userAgentAppId: "bulk-archiver",
    logger: SILENT,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: config.connectTimeout,
      socketTimeout: config.timeout,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...(ca === undefined ? {} : { ca }) }),
      logger: SILENT,
    }),
  };
  if (config.endpoint !== undefined) options.endpoint = config.endpoint;
  if (config.profile !== undefined) options.profile = config.profile;
  const { accessKeyId, secretAccessKey, sessionToken } = config;
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    const token = sessionToken === undefined ? {} : { sessionToken };
    options.credentials = { accessKeyId, secretAccessKey, ...token };
  }
  return new S3Client(options);
}

const nothing = (): undefined => undefined;
/** A sink does not log; what goes wrong is raised. */
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function readCa(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const text = `ca: cannot read ${path}: ${messageOf(cause)}`;
    throw new ArchiverError("config-invalid", text, { cause });
  }
}
