/** One value for each secret that a configuration can have; none is part of another. */
export const SECRETS = {
  saslPassword: "zq-sasl+pass/word=1",
  s3Secret: "zqS3secretAccessKey/2+abc",
  s3Session: "zqSession+token/3==",
  searchKey: "enFfYXBpOmtleV9mb3VyX29mX25vYm9keQ==",
  searchPassword: 'zq"search\\password 5',
  hdfsPassword: "zq-knox-password-6",
  delegation: "zqDelegationTokenSeven-7_7",
  cassandraPassword: "zq-cassandra-pass-8",
  httpToken: "zq-http-token-9-0123456789",
  otlpHeader: "zq-otlp-header-10",
} as const;

export const USERS = { search: "elastic", hdfs: "knox" } as const;

/** As anything that looks for them spells them. */
export function needles(more: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries({ ...SECRETS, ...more })) {
    const base64 = Buffer.from(value).toString("base64");
    const spelled = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64];
    for (const text of spelled) found.set(text, name);
  }
  const { searchPassword, hdfsPassword } = SECRETS;
  for (const pair of [`${USERS.search}:${searchPassword}`, `${USERS.hdfs}:${hdfsPassword}`])
    found.set(Buffer.from(pair).toString("base64").slice(0, -4), `Basic ${pair}`);
  return found;
}
