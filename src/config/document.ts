import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from "yaml";
import { type ConfigProblem, type Path, pathText } from "./problems.ts";

/** Anchors that refer to each other could expand without end; this many copies are plenty. */
const MAX_ALIASES = 100;

/** A YAML document that knows where each of its values stands. */
export class ConfigDocument {
  readonly file: string;
  readonly problems: ConfigProblem[] = [];
  readonly value: unknown;
  readonly #doc: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    this.#doc = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: true,
    });
    for (const error of [...this.#doc.errors, ...this.#doc.warnings]) {
      this.#report(error.pos[0], [], firstLine(error.message));
    }
    this.value = this.#toJs();
  }

  /** At the value that `path` leads to, or as near to it as the document goes. */
  report(path: Path, message: string): void {
    this.#report(this.#offsetOf(path), path, message);
  }

  /** At the key itself: for keys that should not be there. */
  reportKey(path: Path, key: string, message: string): void {
    const map = this.#nodeAt(path).node;
    const pair = isMap(map)
      ? map.items.find((p) => isScalar(p.key) && p.key.value === key)
      : undefined;
    const offset = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
    this.#report(offset ?? this.#offsetOf(path), path, message);
  }

  /** Of the value, or of what there is of the way to it; from 1 on. */
  lineOf(path: Path): number {
    return Math.max(1, this.#lines.linePos(this.#offsetOf(path)).line);
  }

  #report(offset: number, path: Path, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({
      file: this.file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: pathText(path),
      message,
    });
  }

  #toJs(): unknown {
    if (this.problems.length > 0) return undefined;
    try {
      return this.#doc.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
    } catch (error) {
      this.#report(0, [], error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #offsetOf(path: Path): number {
    const { node, keyOffset } = this.#nodeAt(path);
    const empty = node === null || (isScalar(node) && node.value === null);
    return (empty ? keyOffset : node.range?.[0]) ?? keyOffset;
  }

  /** The deepest node on the way along `path`, and where its key stands. */
  #nodeAt(path: Path): { node: Node | null; keyOffset: number } {
    let node: Node | null = this.#doc.contents;
    let keyOffset = node?.range?.[0] ?? 0;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(this.#doc) ?? null;
      if (isMap(node)) {
        const pair = node.items.find((p) => isScalar(p.key) && p.key.value === part);
        if (pair === undefined) break;
        keyOffset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? keyOffset;
        node = pair.value as Node | null;
      } else if (isSeq(node) && typeof part === "number" && part < node.items.length) {
        node = node.items[part] as Node;
        keyOffset = node.range?.[0] ?? keyOffset;
      } else break;
    }
    return { node, keyOffset };
  }
}

const firstLine = (text: string): string => text.split("\n")[0] ?? text;
