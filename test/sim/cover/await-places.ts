/** An `await` of a source: what it waits for is the text from `from` to `to`. */
export interface AwaitPlace {
  readonly line: number;
  readonly from: number;
  readonly to: number;
  /** `for await`: the source of the loop. */
  readonly loop: boolean;
}

const OPENS = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);

/** Finds them, but for `await using`, without a parser: formatted code, and a chain of names, calls and indices behind each. */
export function awaitPlaces(source: string): AwaitPlace[] {
  const found: AwaitPlace[] = [];
  const code = blanked(source);
  for (const m of code.matchAll(/\bawait\b(?!\s+using\b)\s*/g)) {
    const line = source.slice(0, m.index).split("\n").length;
    const loop = /\bfor\s+$/.test(code.slice(0, m.index));
    let from = m.index + m[0].length;
    if (loop) {
      from = code.indexOf(" of ", from) + 4;
      found.push({ line, from, to: closing(code, code.indexOf("(", m.index)), loop });
    } else found.push({ line, from, to: chainEnd(code, from), loop });
  }
  return found;
}

/** Comments and texts become spaces, so that what stands in them is not code. */
function blanked(source: string): string {
  const blank = (text: string): string => text.replace(/[^\n]/g, " ");
  const pattern = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
  return source.replace(pattern, blank);
}

function chainEnd(code: string, from: number): number {
  let at = from;
  const word = /^(?:new\s+)?[\w$#]+/;
  at += word.exec(code.slice(at))?.[0].length ?? 0;
  for (;;) {
    const rest = code.slice(at);
    const open = rest[0] ?? "";
    const step = /^\s*\??\.[\w$#]+|^\?\.(?=[([])|^!/.exec(rest)?.[0];
    if (OPENS.has(open) && open !== "{") at = closing(code, at) + 1;
    else if (step !== undefined) at += step.length;
    else if (/^<[^()=;]*>\(/.test(rest)) at = code.indexOf("(", at);
    else return at;
  }
}

/** Where the bracket that opens at `at` closes. */
function closing(code: string, at: number): number {
  const stack: string[] = [];
  for (let i = at; i < code.length; i += 1) {
    const c = code[i] ?? "";
    const close = OPENS.get(c);
    if (close !== undefined) stack.push(close);
    else if (c === stack.at(-1)) stack.pop();
    if (stack.length === 0) return i;
  }
  throw new RangeError("a bracket that never closes");
}
