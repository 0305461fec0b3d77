/**
 * kafkajs 2.2.4 computes a pause from a time it never set, and Node then warns of a negative timer at
 * every start. The timer itself is harmless (it runs at once). Only this one warning is left out.
 */
export function dropKafkajsTimerWarning(): void {
  const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]): void => {
    if (args[1] !== "TimeoutNegativeWarning") emitWarning(...args);
  };
}
