import { z } from "zod";

/** `host:port`. */
export const address = z.string().refine(isHostPort, {
  error: ({ input }) => `${JSON.stringify(input)}: expected host:port, such as 127.0.0.1:9092`,
});

function isHostPort(text: string): boolean {
  const port = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

export const path = z.string().min(1).max(4096);
export const secret = z.string().min(1).max(65_536);
