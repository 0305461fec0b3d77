/** What kafkajs calls for a SASL mechanism that it is given from outside. */
export type SaslProvider = (o: {
  readonly saslAuthenticate: (exchange: {
    readonly request: { encode(): Promise<Buffer> };
    readonly response: {
      decode(raw: Buffer): Promise<Buffer>;
      parse(raw: Buffer): Promise<Buffer>;
    };
  }) => Promise<Buffer>;
}) => { authenticate(): Promise<void> };

const SEPARATOR = "\u0001";
const LENGTH_BYTES = 4;
const MAX_REASON_CHARS = 500;

/**
 * SASL OAUTHBEARER (RFC 7628). kafkajs' own takes any answer for a yes, although a broker that refuses a
 * token answers with the reason as JSON and waits for one more byte; the next request then breaks, and
 * nobody says why.
 */
export const oauthBearer =
  (token: () => Promise<string>): SaslProvider =>
  ({ saslAuthenticate }) => ({
    authenticate: async () => {
      const say = (text: string): Promise<Buffer> =>
        saslAuthenticate({
          request: { encode: () => Promise.resolve(framed(text)) },
          response: { decode: (raw) => Promise.resolve(raw), parse: (raw) => Promise.resolve(raw) },
        });
      const first = `n,,${SEPARATOR}auth=Bearer ${await token()}${SEPARATOR}${SEPARATOR}`;
      const answer = (await say(first)).subarray(LENGTH_BYTES);
      if (answer.length === 0) return;
      const reason = answer.toString("utf8").slice(0, MAX_REASON_CHARS);
      throw new Error(
        `SASL OAUTHBEARER authentication failed: the broker refuses the token: ${reason}`,
      );
    },
  });

/** kafkajs wants what it sends, and gives what came, with its length before it. */
function framed(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
