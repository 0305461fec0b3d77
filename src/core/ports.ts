/** Time, randomness and sleeping as ports, so that a simulation can replace them. */
export interface Clock {
  /** Monotonic milliseconds; for durations and deadlines. */
  now(): number;
  /** Wall clock in milliseconds since the epoch; for log lines only, never for a decision. */
  wall(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** `n` bytes that nobody can guess. */
  bytes(n: number): Uint8Array;
  /** A number in [0, 1), for jitter only. */
  unit(): number;
}
