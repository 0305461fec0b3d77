import type { IncomingMessage } from "node:http";
import { type FaultySink, HttpFaults } from "../../src/sdk/conformance.ts";
import type { Sink } from "../../src/sdk/sink.ts";

/** A sink whose requests to a store over HTTP the conformance kit can disturb. */
export async function openFaulty(
  store: URL,
  open: (url: string) => Promise<Sink>,
  writes?: (request: IncomingMessage) => boolean,
): Promise<FaultySink> {
  const faults = await HttpFaults.open(store, writes);
  const sink = await open(faults.url);
  const close = async (): Promise<void> => {
    await sink.close();
    await faults.close();
  };
  return { sink, fault: (fault) => faults.fault(fault), close };
}
