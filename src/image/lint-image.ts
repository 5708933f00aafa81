import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path/posix";
import { setImmediate as turn } from "node:timers/promises";
import { bytesOf, pathOf, textOf } from "../archive/byte-string.ts";
import { isWhiteoutEntry, type ManifestEntry } from "../archive/manifest.ts";
import type { Operation } from "../base/operation.ts";
import { chainIDs } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import { getImage, type Image, type ImageDeps, listImages } from "./images.ts";
import { secretsIn, withoutSecrets } from "./secrets.ts";

/** Something in an image that its maker would rather not give out. */
export interface ImageFinding {
  readonly rule: "secret-in-env" | "secret-in-label" | "secret-in-history" | "secret-in-file" | "duplicate-bytes";
  /** What it is, a clause; never the secret itself. */
  readonly what: string;
  /** How to mend it, a sentence. */
  readonly fix: string;
  /** Number of the layer, from 1; absent for what is in the config. */
  readonly layer?: number;
  /** Of a file. */
  readonly path?: string;
  /** That the layer has again. */
  readonly bytes?: number;
}

/** What {@link lintImage} looks at. */
export interface LintOptions extends Operation {
  /** Layers of the image that it is made from, too: else those that a named image of the store has as its own are passed over. */
  readonly all?: boolean;
}

/** Most bytes of a file that are looked through. */
const mostRead = 1 << 20;
/** Most findings of one rule that are told. */
const mostFindings = 50;
/** Bytes from which on a layer that repeats lower ones is worth a word. */
const worthwhile = 1 << 20;
/** Files between two turns of the event loop. */
const filesPerTurn = 200;

/** Look for secrets in an image's config, history and new files, and for bytes that a layer has again. @throws {BerthError} not-found */
export async function lintImage(
  deps: ImageDeps,
  name: string,
  { all = false, signal }: LintOptions = {},
): Promise<readonly ImageFinding[]> {
  const image = getImage(deps, name);
  const chains = chainIDs(image.config.rootfs.diff_ids);
  const first = all ? 0 : inherited(deps, image);
  const findings = [...lintConfig(image.config)];
  const lower = new Map<string, ManifestEntry>();
  for (const [index, chain] of chains.entries()) {
    const layer = deps.snapshotter.find(chain);
    if (layer === undefined) continue;
    const number = index + 1;
    const entries = await deps.snapshotter.manifest(layer);
    if (index >= first) {
      findings.push(...(await secretFiles(layer, entries, { number, signal })));
      findings.push(...duplicates(entries, lower, { number, instruction: instructionOf(image, index) }));
    }
    overlay(lower, entries);
  }
  return [...Map.groupBy(findings, ({ rule }) => rule).values()].flatMap((some) => some.slice(0, mostFindings));
}

/** What of it can be seen in the config alone: environment, labels, and the history with its build arguments. */
export function lintConfig({ config = {}, history = [] }: ImageConfig): readonly ImageFinding[] {
  const mounted =
    "Give it to the step that needs it: RUN --mount=type=secret,id=NAME; `build --secret id=NAME,src=FILE`.";
  const env = (config.Env ?? []).flatMap((pair) =>
    secretsIn(pair).map((what) => ({
      ...{ rule: "secret-in-env" as const, what: `${what} in the variable ${pair.split("=")[0]}` },
      fix: mounted,
    })),
  );
  const labels = Object.entries(config.Labels ?? {}).flatMap(([label, text]) =>
    secretsIn(text).map((what) => ({
      ...{ rule: "secret-in-label" as const, what: `${what} in the label ${label}` },
      fix: "Leave the label out.",
    })),
  );
  return [...env, ...labels, ...lintHistory(history, mounted)];
}

/** Each kind of secret at the first line that has one: a build argument is in the lines of all steps after it. */
function lintHistory(history: NonNullable<ImageConfig["history"]>, fix: string): readonly ImageFinding[] {
  const first = new Map<string, ImageFinding>();
  for (const [index, { created_by: text = "" }] of history.entries()) {
    // A variable's own line says the same again.
    if (/^(?:ENV|LABEL) /.test(text)) continue;
    for (const secret of secretsIn(text)) {
      const what = `${secret} in line ${index + 1} of the history: ${shortened(withoutSecrets(text))}`;
      if (!first.has(secret)) first.set(secret, { rule: "secret-in-history", what, fix });
    }
  }
  return [...first.values()];
}

function shortened(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

/** How many layers from the bottom up are another named image's: those of the largest such image. */
function inherited(deps: ImageDeps, { id, config }: Image): number {
  const own = config.rootfs.diff_ids;
  const others = listImages(deps).filter((other) => other.id !== id && other.references.length > 0);
  const depths = others.map((other) => {
    const below = getImage(deps, other.id).config.rootfs.diff_ids;
    return below.length < own.length && below.every((diffID, index) => own[index] === diffID) ? below.length : 0;
  });
  return Math.max(0, ...depths);
}

interface InLayer {
  readonly number: number;
  readonly signal: AbortSignal | undefined;
}

/** Files that are secrets by their name. */
const secretNames =
  /(?:^|\/)(?:\.netrc|\.git-credentials|\.aws\/credentials|\.pgpass|id_(?:rsa|dsa|ecdsa|ed25519)|\.docker\/config\.json|\.npmrc|\.pypirc)$/;

async function secretFiles(
  layer: Layer,
  entries: Iterable<ManifestEntry>,
  { number, signal }: InLayer,
): Promise<readonly ImageFinding[]> {
  const found: ImageFinding[] = [];
  let files = 0;
  for (const entry of entries) {
    if (++files % filesPerTurn === 0) await turn();
    signal?.throwIfAborted();
    if (entry.kind !== "file" || entry.size === 0 || found.length >= mostFindings) continue;
    const path = join("/", textOf(entry.path));
    const text = headOf(join(layer.path, textOf(entry.path)));
    const [what] = text === undefined ? [] : secretsIn(text);
    if (what === undefined) continue;
    const place = { layer: number, path };
    const named = secretNames.test(path) ? "a file for credentials" : "a file";
    found.push({ rule: "secret-in-file", what: `${what} in ${named}`, fix: fixOfFile, ...place });
  }
  return found;
}

const fixOfFile =
  "Leave it out with .dockerignore, or mount it: RUN --mount=type=secret,id=NAME,target=PATH; a later `rm` leaves it in this layer.";

/** Used for one file after the other. */
const buffer = Buffer.allocUnsafeSlow(mostRead);

/** The first bytes of a file, as text; undefined for what isn't text. */
function headOf(path: string): string | undefined {
  const file = openSync(pathOf(bytesOf(path)), "r");
  try {
    const read = readSync(file, buffer, 0, mostRead, 0);
    const head = buffer.subarray(0, read);
    return head.subarray(0, 8000).includes(0) ? undefined : head.toString("latin1");
  } finally {
    closeSync(file);
  }
}

/** Files that a layer has with the same content as those below it at the same path: their mode, owner or time is all that is new. */
function duplicates(
  entries: Iterable<ManifestEntry>,
  lower: ReadonlyMap<string, ManifestEntry>,
  { number, instruction }: { readonly number: number; readonly instruction: string },
): readonly ImageFinding[] {
  let [files, bytes] = [0, 0];
  for (const { kind, path, size, crc } of entries) {
    const below = kind === "file" && size > 0 ? lower.get(path) : undefined;
    if (below?.kind !== "file" || below.size !== size || below.crc !== crc) continue;
    files++;
    bytes += size;
  }
  if (bytes < worthwhile) return [];
  const what = `${files} files are stored again with the same content: ${shortened(withoutSecrets(instruction))}`;
  return [{ rule: "duplicate-bytes", what, fix: fixOfDuplicates(instruction), layer: number, bytes }];
}

function fixOfDuplicates(instruction: string): string {
  if (/\bchown\b/.test(instruction))
    return "Give the owner where the files come in: COPY --chown=USER, or chown in the RUN that makes them.";
  if (/\bchmod\b/.test(instruction))
    return "Give the mode where the files come in: COPY --chmod=MODE, or chmod in the RUN that makes them.";
  return "Do it in the step that makes the files, so that they are stored once.";
}

/** What can be seen with one more layer. */
function overlay(lower: Map<string, ManifestEntry>, entries: Iterable<ManifestEntry>): void {
  for (const entry of entries) {
    if (isWhiteoutEntry(entry)) lower.delete(entry.path);
    else if (entry.kind === "file") lower.set(entry.path, entry);
  }
}

function instructionOf({ config: { history = [] } }: Image, index: number): string {
  return history.filter(({ empty_layer }) => empty_layer !== true)[index]?.created_by ?? "";
}
