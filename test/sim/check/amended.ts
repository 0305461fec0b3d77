import type { SimStore } from "../stores/store.ts";
import { fileKeyOf } from "./age.ts";
import { hashOf, type ManifestText, manifestAt } from "./archive.ts";
import type { Damages } from "./damaged.ts";
import { Violation } from "./violation.ts";

/** A correction beside a manifest, as docs/format-manifest.md describes it. */
export interface AmendmentText {
  readonly archiveId: string;
  readonly batchId: string;
  readonly number: number;
  readonly link: string;
  readonly replaces: string;
  readonly size: number;
  readonly digest: string;
  readonly recipients: readonly string[];
}

/** A file as its batch's manifest, or an amendment, describes it. */
export type Form = Pick<AmendmentText, "size" | "digest" | "recipients">;

/** Somebody who may be a recipient. */
export interface Key {
  readonly recipient: string;
  /** X25519, 32 bytes. */
  readonly secret: Uint8Array;
}

const AMENDMENT = /^(manifests\/.*\/\d{20})\.amend-(\d+)\.json$/;

export const isAmendment = (path: string): boolean => AMENDMENT.test(path);

/** Of a manifest, in order, up to the first number that is not there. */
export function amendmentsOf(store: SimStore, manifest: string): AmendmentText[] {
  const found: AmendmentText[] = [];
  for (;;) {
    const path = manifest.replace(/\.json$/, `.amend-${found.length + 1}.json`);
    const bytes = store.objects.get(path)?.bytes;
    if (bytes === undefined) return found;
    found.push(JSON.parse(Buffer.from(bytes).toString("utf8")) as AmendmentText);
  }
}

/** The manifest that tells of a data file, of its place in `quarantine/`, or of an amendment. */
export function manifestOf(path: string): string {
  const m = /^(?:quarantine\/)?(?:data|manifests)\/(.*\/\d{20})\./.exec(path);
  return `manifests/${m?.[1]}.json`;
}

/** What the file of a batch may be in a store, the oldest first; the last is what it is to become. */
export function formsOf(store: SimStore, manifest: string): Form[] {
  const { seal } = manifestAt(store, manifest);
  return [{ ...seal }, ...amendmentsOf(store, manifest)];
}

/**
 * An amendment comes as the next one of its batch, the same in every store of files, the first of them first, and is of
 * its manifest. To a first one that was restored it comes before the manifest, or after it has come elsewhere.
 */
export function checkAmendment(
  store: SimStore,
  stores: readonly SimStore[],
  path: string,
  damages: Pick<Damages, "isWrong">,
): void {
  const [, base = "", number] = AMENDMENT.exec(path) ?? [];
  const [primary = store, ...others] = stores.filter((s) => s.style.form === "files");
  const isBack = primary.restored > 0;
  const from = isBack && !primary.objects.has(path) ? store : primary;
  const own = store.objects.get(path)?.bytes ?? new Uint8Array();
  const theirs = from.objects.get(path)?.bytes;
  if (theirs === undefined)
    throw new Violation("primary-first", `${store.name} got ${path} before the primary`);
  if (Buffer.compare(own, theirs) !== 0)
    throw new Violation("same-bytes", `${store.name} got another ${path} than the primary has`);
  // The first may lack the batch as yet, or have lost it: it gets what others know of it.
  const known = [primary, ...others].find((s) => s.objects.has(`${base}.json`));
  if (known === undefined) throw new Violation("order", `${store.name}: ${path} has no manifest`);
  // Whoever began before it was damaged has seen the right one.
  if (damages.isWrong(known, `${base}.json`)) return;
  const manifest = manifestAt(known, `${base}.json`);
  const all = amendmentsOf(from, `${base}.json`);
  const a = all[Number(number) - 1];
  const before: Form | undefined = [manifest.seal, ...all][Number(number) - 1];
  const follows = a?.number === Number(number) && a.replaces === before?.digest;
  const isOfIt = a?.link === manifest.link && a.archiveId === manifest.archiveId;
  if (!follows || !isOfIt || amendmentsOf(store, `${base}.json`).length < Number(number))
    throw new Violation("chain", `${store.name}: ${path} does not follow what was before it`);
}

/** A data file goes away because its batch is damaged, or for another header that every store of files knows. */
export function checkLeft(
  store: SimStore,
  stores: readonly SimStore[],
  { path, to }: { readonly path: string; readonly to: string | null },
  damages: Damages,
): void {
  const manifest = manifestOf(path);
  const digest = hashOf(store.objects.get(path)?.bytes ?? new Uint8Array());
  const hasNext = stores.every(
    (other) =>
      other.style.form !== "files" ||
      amendmentsOf(other, manifest).some((a) => a.replaces === digest),
  );
  if (hasNext) return;
  // Who lost its manifest is described by nothing: where it is misread as well, it is kept and made again.
  if (damages.isBad(store, manifest) && !store.objects.has(manifest) && to !== null) return;
  if (damages.isBatchWrong(store, path)) damages.checkAside(store, path, to);
  else throw new Violation("write-once", `${store.name}: ${path} was taken away`);
}

/** A data file is replaced by one that every store of files knows to come after it, and by nothing else. */
export function checkReplaced(
  store: SimStore,
  stores: readonly SimStore[],
  path: string,
  bytes: readonly [Uint8Array, Uint8Array],
): void {
  const manifest = manifestOf(path);
  const [before, after] = bytes.map(hashOf);
  for (const other of stores) {
    if (other.style.form !== "files") continue;
    // A store may have the amendments of a batch that it lacks as yet.
    const steps = path.startsWith("data/") ? amendmentsOf(other, manifest) : [];
    const first = steps.findIndex((a) => a.replaces === before);
    // Whoever gets a recipient back gets the very bytes that there were.
    if (first < 0 || steps.findLastIndex((a) => a.digest === after) < first)
      throw new Violation("write-once", `${store.name}: ${path} was replaced by other bytes`);
  }
}

/** What was set aside for another header goes when that one is there. */
export function checkDropped(store: SimStore, path: string, damages: Pick<Damages, "isBad">): void {
  const manifest = manifestOf(path);
  // Whoever began before it was damaged has seen it there.
  if (damages.isBad(store, manifest)) return;
  const { seal } = manifestAt(store, manifest);
  const there = store.objects.get(seal.path)?.bytes;
  const newest = formsOf(store, manifest).at(-1)?.digest;
  if (there !== undefined && hashOf(there) === newest) return;
  throw new Violation("order", `${store.name}: ${path} went before its next form was there`);
}

/** Whether these bytes are what a batch was, is or becomes under another header, as a store knows it. */
export function isForm(store: SimStore, path: string, bytes: Uint8Array): boolean {
  const manifest = manifestOf(path);
  if (!path.startsWith("data/") || !store.objects.has(manifest)) return false;
  const digest = hashOf(bytes);
  return formsOf(store, manifest).some((form) => form.digest === digest);
}

/** The file of a batch is opened by those it is said to be encrypted to, and by nobody else. */
export function checkRecipients(
  where: string,
  form: Form,
  file: Uint8Array,
  keys: readonly Key[],
): void {
  for (const { recipient, secret } of keys) {
    const opens = fileKeyOf(file, secret) !== null;
    if (opens === form.recipients.includes(recipient)) continue;
    throw new Violation("recipients", `${where}: ${recipient} ${opens ? "opens" : "opens not"} it`);
  }
}

/** Of a batch, in every store that has it as a file, when a rewrap said that all is done. */
export function checkRewrapped(
  stores: readonly SimStore[],
  manifest: string,
  recipients: readonly string[],
  damages: Damages,
): void {
  // What is damaged is reported, and waits for its repair.
  if (stores.some((s) => damages.isBad(s, manifest))) return;
  for (const store of stores) {
    // A sink that is behind gets it from the primary, as it is by then.
    if (store.style.form !== "files" || !store.objects.has(manifest)) continue;
    const where = `${store.name}: ${manifest}`;
    const { seal }: ManifestText = manifestAt(store, manifest);
    const forms = formsOf(store, manifest);
    const form = forms.at(-1);
    if (form?.recipients.join() !== recipients.join())
      throw new Violation("recipients", `${where} is not encrypted to ${recipients.join()}`);
    const file = store.objects.get(seal.path)?.bytes;
    if (file === undefined || hashOf(file) !== form.digest)
      throw new Violation("same-bytes", `${where}: the file is not what its amendment says`);
    // What a repair set aside of a batch that no rewrap changed is for the same recipients.
    if (forms.length === 1) continue;
    const aside = store.paths("quarantine").filter((p) => manifestOf(p) === manifest);
    const left = aside.find((p) => p.startsWith("quarantine/data/") && !damages.isKept(store, p));
    if (left !== undefined) throw new Violation("recipients", `${where}: ${left} is still there`);
  }
}
