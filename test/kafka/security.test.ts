import { createServer } from "node:http";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtInSinks } from "../../sinks/index.ts";
import { kafkaOptions } from "../../src/config/kafka-options.ts";
import { loadConfig } from "../../src/config/load.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import { Authority } from "../servers/certificates.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { createTopic, never, SaidLog } from "./live-kafka.ts";
import { type KafkaKeys, securedConfig, unsignedToken, writeToken } from "./security-config.ts";

/** From the configuration file to a broker that is secured for real: what goes in, and what is said. */
const PASSWORD = "alice's =secret/+ü";
const dir = mkdtempSync(join(tmpdir(), "archiver-security-"));
const topic = "secured";
let server: KafkaServer;
let tls: { ca: string };

beforeAll(async () => {
  server = await KafkaServer.start({ security: { users: { alice: PASSWORD } } });
  tls = { ca: server.security.authority.ca };
  await createTopic(topic, 1, server.bootstrap);
}, 60_000);

afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Opened {
  readonly topics: readonly string[];
  /** Everything that was logged meanwhile. */
  readonly said: string;
}

async function open(keys: KafkaKeys, env: NodeJS.ProcessEnv = {}): Promise<Opened> {
  const path = securedConfig(server, dir, "secured.yaml", { keys, group: "secured", topic });
  const config = await loadConfig(path, { env, kinds: builtInSinks });
  const log = new SaidLog();
  try {
    const options = { ...kafkaOptions(config.kafka), connectionTimeoutMs: 5_000 };
    const client = await KafkaClient.open(options, log, never);
    const found = await client.metadata(null, never);
    await client.close();
    return { topics: found.topics.map((t) => t.topic), said: JSON.stringify(log.lines) };
  } catch (error) {
    if (error instanceof Error) Object.assign(error, { said: JSON.stringify(log.lines) });
    throw error;
  }
}

async function refusal(keys: KafkaKeys): Promise<ArchiverError & { readonly said: string }> {
  try {
    await open(keys);
  } catch (error) {
    if (error instanceof ArchiverError) return error as ArchiverError & { readonly said: string };
    throw error;
  }
  throw new Error("it should have been refused");
}

const alice = (mechanism: string, password = PASSWORD) => ({
  mechanism,
  username: "alice",
  password,
});

describe("SASL", () => {
  test.each(["plain", "scram-sha-256", "scram-sha-512"])("%s over TLS", async (mechanism) => {
    const { topics, said } = await open({ listener: "sasl", ssl: tls, sasl: alice(mechanism) });
    expect(topics).toContain(topic);
    expect(said).not.toContain("secret");
  });

  test("without TLS, the password from the environment", async () => {
    const sasl = alice("scram-sha-512", "${env:KAFKA_PASSWORD}");
    const { topics } = await open({ listener: "clear", sasl }, { KAFKA_PASSWORD: PASSWORD });
    expect(topics).toContain(topic);
  });

  test.each(["plain", "scram-sha-256", "scram-sha-512"])(
    "%s with a wrong password is kafka-auth, and the password is said nowhere",
    async (mechanism) => {
      const sasl = alice(mechanism, "not-the-password");
      const error = await refusal({ listener: "sasl", ssl: tls, sasl });
      expect(error.code).toBe("kafka-auth");
      expect(error.message).toMatch(/SASL .*authentication failed: .*[Ii]nvalid/);
      expect(error.message + error.said + String(error.cause)).not.toContain("not-the-password");
    },
  );

  test("a mechanism that the broker does not offer is kafka-auth", async () => {
    const error = await refusal({ listener: "mutual", ssl: mutual(), sasl: alice("plain") });
    expect(error.code).toBe("kafka-auth");
    expect(error.message).toContain("this listener of the broker has no SASL (kafka.sasl)");
  });

  test("no SASL where the broker wants it: a hint, because it only hangs up", async () => {
    const error = await refusal({ listener: "sasl", ssl: tls });
    expect(error.code).toBe("kafka-unreachable");
    expect(error.message).toContain("does it want kafka.sasl?");
  });
});

const mutual = (): Record<string, string> => {
  const { cert, key } = server.security.client;
  return { ...tls, cert, key };
};

describe("OAUTHBEARER", () => {
  const bearer = (token: string) => ({
    mechanism: "oauthbearer",
    tokenFile: writeToken(dir, token),
  });

  test("a token from a file", async () => {
    const sasl = bearer(unsignedToken("alice", 300_000));
    expect((await open({ listener: "sasl", ssl: tls, sasl })).topics).toContain(topic);
  });

  test.each([
    ["an expired token", unsignedToken("alice", -5_000), "the broker refuses the token"],
    ["a token that is none", "abc", "the broker refuses the token"],
    ["a page of HTML", "<html>Please log in</html>", "it holds no bearer token"],
    ["an empty file", "", "it holds no bearer token"],
  ])("%s is kafka-auth, and the token is said nowhere", async (_name, token, text) => {
    const error = await refusal({ listener: "sasl", ssl: tls, sasl: bearer(token) });
    expect(error.code).toBe("kafka-auth");
    expect(error.message).toContain(text);
    if (token.length > 3) expect(error.message + error.said).not.toContain(token);
  });

  test("client credentials: the endpoint is asked before each authentication", async () => {
    const asked: string[] = [];
    const endpoint = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        asked.push(`${request.headers.authorization} ${Buffer.concat(chunks).toString()}`);
        const access_token = unsignedToken("alice", 300_000);
        response.end(JSON.stringify({ access_token, token_type: "bearer", expires_in: 300 }));
      });
    }).listen(0, "127.0.0.1");
    await once(endpoint, "listening");
    const { port } = endpoint.address() as { port: number };
    const sasl = {
      mechanism: "oauthbearer",
      tokenEndpoint: `http://127.0.0.1:${port}/token`,
      clientId: "archiver",
      clientSecret: "s3cret/+ü",
      scope: "kafka",
    };
    for (let i = 0; i < 2; i++) {
      const { topics, said } = await open({ listener: "sasl", ssl: tls, sasl });
      expect(topics).toContain(topic);
      expect(said).not.toContain("s3cret");
    }
    endpoint.close();
    // RFC 6749 §2.3.1: each half of the pair is form-encoded before it becomes Basic.
    const basic = Buffer.from("archiver:s3cret%2F%2B%C3%BC").toString("base64");
    expect(new Set(asked)).toEqual(
      new Set([`Basic ${basic} grant_type=client_credentials&scope=kafka`]),
    );
    expect(asked.length).toBeGreaterThanOrEqual(2);
    const error = await refusal({ listener: "sasl", ssl: tls, sasl });
    expect(error.code).toBe("kafka-auth");
    expect(error.message).toContain(`no token from http://127.0.0.1:${port}/token`);
    expect(error.message + error.said).not.toContain("s3cret");
  });
});

describe("TLS", () => {
  test("an own authority and a client certificate, its key with a passphrase", async () => {
    expect((await open({ listener: "mutual", ssl: mutual() })).topics).toContain(topic);
    const locked = server.security.authority.issue("locked", { passphrase: "open sesame" });
    const ssl = { ...tls, cert: locked.cert, key: locked.key, passphrase: "open sesame" };
    expect((await open({ listener: "mutual", ssl })).topics).toContain(topic);
  });

  test.each([
    [
      "an authority that is not trusted",
      "sasl",
      (): true => true,
      "none of the authorities in kafka.ssl.ca",
    ],
    [
      "a certificate of the broker that has expired",
      "expired",
      () => tls,
      "the broker's certificate has expired",
    ],
    [
      "a certificate for another name",
      "mutual",
      () => ({ ...mutual(), servername: "kafka.example" }),
      "for other names (kafka.ssl.servername)",
    ],
  ] as const)("%s is kafka-auth", async (_name, listener, ssl, text) => {
    const error = await refusal({ listener, ssl: ssl() });
    expect(error.code).toBe("kafka-auth");
    expect(error.message).toContain(text);
    expect(error.message).not.toContain("\n");
  });

  // The broker says no only after the client's side of the handshake is done: whatever comes first counts.
  test("no client certificate is kafka-auth, every time", async () => {
    for (let i = 0; i < 20; i++) {
      const error = await refusal({ listener: "mutual", ssl: tls });
      expect([error.code, error.message]).toEqual([
        "kafka-auth",
        expect.stringContaining("the broker wants a client certificate (kafka.ssl.cert)"),
      ]);
    }
  });

  test.each([
    ["expired", () => server.security.authority.issue("old", { expired: true })],
    ["another authority's", () => new Authority(join(dir, "other"), "another").issue("client")],
  ])("a client certificate that is %s is kafka-auth", async (_name, make) => {
    const { cert, key } = make();
    const error = await refusal({ listener: "mutual", ssl: { ...tls, cert, key } });
    expect(error.code).toBe("kafka-auth");
    expect(error.message).toContain("the broker refuses the client certificate");
    expect(error.message + error.said).not.toContain(readFileSync(key, "utf8").slice(30, 60));
  });

  test("certificates are read again for each connection; in the middle of a change the last good ones count", async () => {
    const { authority, client } = server.security;
    const [cert, key] = [join(dir, "current.pem"), join(dir, "current.key")];
    const put = (from: { cert: string; key: string }): void => {
      copyFileSync(from.cert, cert);
      copyFileSync(from.key, key);
    };
    put(client);
    const keys: KafkaKeys = { listener: "mutual", ssl: { ...tls, cert, key } };
    const path = securedConfig(server, dir, "current.yaml", { keys, group: "secured", topic });
    const config = await loadConfig(path, { env: {}, kinds: builtInSinks });
    const options = kafkaOptions(config.kafka);
    const connects = async (): Promise<string> => {
      try {
        await (await KafkaClient.open(options, new SaidLog(), never)).close();
        return "ok";
      } catch (error) {
        return (error as ArchiverError).code;
      }
    };
    expect(await connects()).toBe("ok");
    put(authority.issue("gone", { expired: true }));
    expect(await connects()).toBe("kafka-auth");
    put(authority.issue("renewed"));
    expect(await connects()).toBe("ok");
    writeFileSync(cert, "");
    expect(await connects()).toBe("ok");
    rmSync(key);
    expect(await connects()).toBe("ok");
    put(authority.issue("gone again", { expired: true }));
    expect(await connects()).toBe("kafka-auth");
  });

  test("TLS at a port without it, and the other way round, are hints", async () => {
    const at = await refusal({ listener: "clear", ssl: tls });
    expect([at.code, at.message]).toEqual([
      "kafka-unreachable",
      expect.stringContaining("a port without TLS?"),
    ]);
    const from = await refusal({ listener: "sasl", sasl: alice("plain") });
    expect([from.code, from.message]).toEqual([
      "kafka-unreachable",
      expect.stringContaining("is it a TLS or SASL port?"),
    ]);
  });
});
