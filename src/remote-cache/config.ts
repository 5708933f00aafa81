import { BerthError } from "../base/errors.ts";
import { isObject, type JsonObject } from "../base/json-object.ts";
import { limits } from "../base/limits.ts";
import { type ChainID, type Digest, isDigest } from "../oci/digest.ts";
import { jsonIn } from "../oci/image-index.ts";

/** The media type of a cache's config. @see BuildKit cache/remotecache/v1/types */
export const cacheConfigType = "application/vnd.buildkit.cacheconfig.v0";

/** A cache as BuildKit writes it down: which layers there are, and which keys have them. @see BuildKit cache/remotecache/v1/types/doc.go */
export interface CacheConfig {
  readonly layers: readonly CacheLayer[];
  readonly records: readonly CacheRecord[];
  /** What BuildKit passes over. */
  readonly berth?: { readonly mounts: readonly CachedMount[] };
}

/** A layer on another one. */
export interface CacheLayer {
  readonly blob: Digest;
  /** Index of the layer below; -1 for the bottom. */
  readonly parent: number;
  /** Given where no manifest says it. */
  readonly annotations?: LayerAnnotations;
}

/** What a manifest says of a layer elsewhere. */
export interface LayerAnnotations {
  readonly mediaType: string;
  readonly diffID: Digest;
  /** Bytes. */
  readonly size: number;
  /** RFC 3339. */
  readonly createdAt?: string;
}

/** A key and what was made for it. */
export interface CacheRecord {
  readonly digest: string;
  /** By the topmost layer: with all that lie below it. */
  readonly layers?: readonly { readonly layer: number; readonly createdAt?: string }[];
  /** By each layer, the bottom one first. */
  readonly chains?: readonly { readonly layers: readonly number[]; readonly createdAt?: string }[];
  /** By input the records that it may be of. */
  readonly inputs?: readonly (readonly CacheInput[])[];
  /** What BuildKit passes over: of a record that berth wrote. */
  readonly berth?: RecordFacts;
}

/** A record that an input may be of. */
export interface CacheInput {
  readonly link: number;
  /** Names the part that is read; absent for all of it, and for content. */
  readonly selector?: string;
}

/** What berth knows of a record, also where its layers don't travel. */
export interface RecordFacts {
  readonly chain: ChainID;
  /** When the step ran, RFC 3339. */
  readonly created: string;
  /** The step's name, for people. */
  readonly name: string;
}

/** The content of a cache mount. */
export interface CachedMount {
  /** Of its directory below `build-cache`. */
  readonly name: string;
  readonly blob: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * Read the config of a cache that somebody wrote.
 *
 * @throws {BerthError} invalid-argument, for what is none, has more records, layers or links than people make, or runs in a circle
 */
export function parseCacheConfig(bytes: Uint8Array): CacheConfig {
  const value = jsonIn(bytes);
  if (!isObject(value)) throw malformed("it is no JSON object");
  const { layers = [], records = [], berth } = value;
  const mounts = isObject(berth) ? listOf(berth["mounts"] ?? [], "mounts").map(toMount) : [];
  return checked({
    layers: listOf(layers, "layers").map(toLayer),
    records: listOf(records, "records").map(toRecord),
    ...(mounts.length === 0 ? {} : { berth: { mounts } }),
  });
}

/** Read the records of an inline cache, whose layers are those of its image. @throws {BerthError} as {@link parseCacheConfig} */
export function parseInlineRecords(bytes: Uint8Array, layers: readonly CacheLayer[]): CacheConfig {
  return checked({ layers, records: listOf(jsonIn(bytes) ?? [], "records").map(toRecord) });
}

function checked(config: CacheConfig): CacheConfig {
  refuseLoops(config.layers.length, (index) => (config.layers[index]?.parent === -1 ? [] : [parentOf(config, index)]));
  const links = (index: number): readonly number[] =>
    (config.records[index]?.inputs ?? []).flatMap((input) => input.map(({ link }) => link));
  const count = config.records.reduce(
    (sum, { inputs = [] }) => sum + inputs.reduce((n, { length }) => n + length, 0),
    0,
  );
  if (count > limits.cacheRecords) throw malformed(`it has more than ${limits.cacheRecords} links`);
  refuseLoops(config.records.length, links);
  return config;
}

function parentOf({ layers }: CacheConfig, index: number): number {
  return layers[index]?.parent ?? -1;
}

/** Walk a graph of indexes, with no calls in each other: chains may be long. */
function refuseLoops(count: number, next: (index: number) => readonly number[]): void {
  const walk: Walk = { states: new Uint8Array(count), path: [] };
  for (let root = 0; root < count; root++) {
    walk.path.push(root);
    for (let index = walk.path.at(-1); index !== undefined; index = walk.path.at(-1)) {
      if (walk.states[index] === fresh) open(walk, index, next(index));
      else {
        walk.states[index] = done;
        walk.path.pop();
      }
    }
  }
}

const [fresh, begun, done] = [0, 1, 2];

interface Walk {
  readonly states: Uint8Array;
  /** Those that are begun, and what they lead to. */
  readonly path: number[];
}

function open({ states, path }: Walk, index: number, next: readonly number[]): void {
  states[index] = begun;
  for (const other of next) {
    const state = states[other];
    if (state === undefined) throw malformed(`it names number ${other} of ${states.length}`);
    if (state === begun) throw malformed("it runs in a circle");
    if (state === fresh) path.push(other);
  }
}

function toLayer(value: unknown): CacheLayer {
  const { blob, parent = 0, annotations } = objectOf(value);
  if (typeof blob !== "string" || !isDigest(blob)) throw malformed("a layer has no digest");
  if (!isIndex(parent) && parent !== -1) throw malformed(`layer ${blob} has a parent ${JSON.stringify(parent)}`);
  return { blob, parent, ...(isObject(annotations) ? { annotations: toAnnotations(annotations) } : {}) };
}

function toAnnotations({ mediaType, diffID, size, createdAt }: JsonObject): LayerAnnotations {
  if (typeof diffID !== "string" || !isDigest(diffID)) throw malformed("a layer has no diffID");
  if (typeof mediaType !== "string" || !isIndex(size)) throw malformed("a layer has no media type or no size");
  return { mediaType, diffID, size, ...(isTime(createdAt) ? { createdAt } : {}) };
}

function toRecord(value: unknown): CacheRecord {
  const { digest, layers, chains, inputs, berth } = objectOf(value);
  if (typeof digest !== "string") throw malformed("a record has no digest");
  return {
    digest,
    layers: listOf(layers ?? [], "layers").map((each) => {
      const { layer, createdAt } = objectOf(each);
      return { layer: indexOf(layer ?? 0), ...(isTime(createdAt) ? { createdAt } : {}) };
    }),
    chains: listOf(chains ?? [], "chains").map((each) => {
      const { layers: own, createdAt } = objectOf(each);
      return { layers: listOf(own, "layers").map(indexOf), ...(isTime(createdAt) ? { createdAt } : {}) };
    }),
    inputs: listOf(inputs ?? [], "inputs").map((input) =>
      listOf(input ?? [], "inputs").map((each) => {
        const { link, selector } = objectOf(each);
        return { link: indexOf(link ?? 0), ...(typeof selector === "string" && selector !== "" ? { selector } : {}) };
      }),
    ),
    ...(isFacts(berth) ? { berth } : {}),
  };
}

function toMount(value: unknown): CachedMount {
  const { name, blob, mediaType, size } = objectOf(value);
  // The name is that of a directory.
  if (typeof name !== "string" || !/^[0-9a-f]{64}$/.test(name)) throw malformed("a cache mount has no name");
  if (typeof blob !== "string" || !isDigest(blob)) throw malformed("a cache mount has no digest");
  if (typeof mediaType !== "string" || !isIndex(size)) throw malformed("a cache mount has no media type or no size");
  return { name, blob, mediaType, size };
}

function isFacts(value: unknown): value is RecordFacts {
  if (!isObject(value)) return false;
  const { chain, created, name } = value;
  return typeof chain === "string" && isDigest(chain) && isTime(created) && typeof name === "string";
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function indexOf(value: unknown): number {
  if (isIndex(value)) return value;
  throw malformed(`it names number ${JSON.stringify(value)}`);
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(`its ${what} are no list`);
  if (value.length > limits.cacheRecords) throw malformed(`it has more than ${limits.cacheRecords} ${what}`);
  return value;
}

function objectOf(value: unknown): JsonObject {
  if (isObject(value)) return value;
  throw malformed("it has something else than an object in a list");
}

function malformed(why: string): BerthError {
  return new BerthError("invalid-argument", `invalid cache config: ${why}`);
}
