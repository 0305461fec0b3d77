/** One request of one version: how to write it and what its answer means. */
export interface KafkaRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** Beyond the client's usual time-out, for answers that the broker holds back. */
  readonly timeoutMs?: number;
  encode(): Buffer;
  /** The same in pieces, for requests of megabytes: they are sent without being copied. */
  readonly encodeParts?: () => readonly Uint8Array[];
  decode(answer: Buffer): T;
}
