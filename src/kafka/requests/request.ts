/** One request of one version: how to write it and what its answer means. */
export interface KafkaRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** Beyond the client's usual time-out, for answers that the broker holds back. */
  readonly timeoutMs?: number;
  encode(): Buffer;
  decode(answer: Buffer): T;
}
