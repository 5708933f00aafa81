import { attestedBy, entriesOf, indexType, jsonIn, kindOf, manifestFault, partsOf } from "../../oci/image-index.ts";
import { matchesPlatform, type Platform, platformText } from "../../oci/platform.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Registries } from "../../registry/registries.ts";
import type { RemoteManifest } from "../../registry/repository.ts";
import { readSmallBlob } from "../../registry/small-blob.ts";
import { CliError } from "../cli-error.ts";
import { goJson } from "../format/go-json.ts";
import { orderedPlatform, type WholePlatform } from "../manifest/image-manifest.ts";
import type { Annotation } from "./annotations.ts";
import { describedBytes, type EntryDescriptor, type Source } from "./sources.ts";

/** An image that is made of others, and where what it points to is. */
export interface Combined {
  /** Its index; or a manifest as it came. */
  readonly top: RemoteManifest;
  readonly parts: readonly { readonly digest: EntryDescriptor["digest"]; readonly reference: Reference }[];
}

/** How sources are combined. */
export interface CombineOptions {
  readonly annotations: readonly Annotation[];
  /** A single manifest becomes an index too. */
  readonly preferIndex: boolean;
  /** Those that stay; all when empty. */
  readonly platforms: readonly Platform[];
}

const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

/** Make an image of the manifests of others. @throws {CliError} in buildx's words @see buildx, util/imagetools/create.go */
export async function combine(
  registries: Registries,
  given: readonly Source[],
  options: CombineOptions,
): Promise<Combined> {
  const sources: Source[] = [];
  for (const source of given) sources.push(await withPlatform(registries, source));
  const [only, another] = sources;
  const single = another === undefined && options.annotations.length === 0 ? only : undefined;
  if (single !== undefined && kindOf(single.descriptor) === "index") {
    const parts = (entriesIn(single.manifest) ?? []).map(({ digest }) => ({ digest, reference: single.reference }));
    return filtered({ top: single.manifest, parts }, options.platforms);
  }
  if (single !== undefined && !options.preferIndex) {
    const { digest, platform } = single.descriptor;
    requirePlatform(platform, options.platforms);
    return { top: single.manifest, parts: [{ digest, reference: single.reference }] };
  }
  return filtered(indexOf(sources, options.annotations), options.platforms);
}

/** An index needs the platform of each image: where it isn't said, the config has it. */
async function withPlatform(registries: Registries, source: Source): Promise<Source> {
  const { descriptor, manifest, reference } = source;
  if (kindOf(descriptor) !== "manifest" || (descriptor.platform?.os && descriptor.platform.architecture)) return source;
  const value = jsonIn(manifest.bytes);
  const parts = partsOf(value);
  if (parts === undefined) {
    throw new CliError(`ERROR: ${descriptor.digest} is not a manifest: ${manifestFault(value)}`);
  }
  const config = (jsonIn(
    await readSmallBlob(registries.repository(reference), parts.config, { what: "image config" }),
  ) ?? {}) as Partial<WholePlatform>;
  const { architecture = "", os = "", variant } = config;
  const before = descriptor.platform;
  const own = before?.architecture ? before : { ...before, architecture, ...(variant && { variant }) };
  return { ...source, descriptor: { ...descriptor, platform: { ...own, os: before?.os || os } } };
}

function indexOf(sources: readonly Source[], annotations: readonly Annotation[]): Combined {
  const entries = new Map<string, { readonly entry: EntryDescriptor; readonly reference: Reference }>();
  for (const { descriptor, manifest, reference } of sources) {
    const own = kindOf(descriptor) === "index" ? (entriesIn(manifest) ?? []) : [descriptor];
    for (const entry of own) {
      const before = entries.get(entry.digest)?.entry;
      entries.set(entry.digest, { entry: before === undefined ? entry : merged(before, entry), reference });
    }
  }
  const all = [...entries.values()];
  const isDocker = all.every(({ entry }) => entry.mediaType?.startsWith("application/vnd.docker.") === true);
  const mediaType = isDocker ? dockerList : indexType;
  const noted = isDocker ? all.map(({ entry }) => entry) : all.map(({ entry }) => annotated(entry, annotations));
  if (!isDocker) refuseOthers(annotations);
  const ofIndex = isDocker ? [] : annotations.filter(({ type }) => type === "index");
  const top = describedBytes(
    Buffer.from(indexText({ mediaType, manifests: noted, annotations: sortedRecord(ofIndex) })),
    mediaType,
  );
  return { top, parts: all.map(({ entry: { digest }, reference }) => ({ digest, reference })) };
}

function merged(before: EntryDescriptor, entry: EntryDescriptor): EntryDescriptor {
  const mediaType = before.mediaType || entry.mediaType;
  const platform = entry.platform ?? before.platform;
  const annotations = { ...before.annotations, ...entry.annotations };
  return { ...before, ...(mediaType && { mediaType }), ...(platform && { platform }), annotations };
}

function annotated(entry: EntryDescriptor, annotations: readonly Annotation[]): EntryDescriptor {
  const own = annotations.filter(({ type, platform }) => {
    if (type !== "manifest-descriptor") return false;
    return platform === undefined || (entry.platform && platformText(platform) === platformText(entry.platform));
  });
  if (own.length === 0) return entry;
  return { ...entry, annotations: { ...entry.annotations, ...sortedRecord(own) } };
}

function refuseOthers(annotations: readonly Annotation[]): void {
  for (const { type } of annotations) {
    const quoted = JSON.stringify(type);
    if (type === "manifest" || type === "") throw new CliError(`ERROR: ${quoted} annotations are not supported yet`);
    if (type === "index-descriptor") {
      throw new CliError(`ERROR: ${quoted} annotations are invalid while creating an image`);
    }
  }
}

function requirePlatform(platform: WholePlatform | undefined, platforms: readonly Platform[]): void {
  if (platforms.length === 0) return;
  if (platform === undefined) {
    throw new CliError("ERROR: cannot filter platforms from a manifest without platform information");
  }
  if (platforms.some((each) => matchesPlatform(each, platform))) return;
  const own = platformText(platform);
  throw new CliError(`ERROR: input platform ${own} does not match any of the provided platforms`);
}

/** An index with the images for some platforms, and what attests to them. */
function filtered({ top, parts }: Combined, platforms: readonly Platform[]): Combined {
  const entries = entriesIn(top) ?? [];
  const fits = ({ platform }: EntryDescriptor): boolean => {
    return platforms.length === 0 || !platform || platforms.some((each) => matchesPlatform(each, platform));
  };
  const fitting = new Set<string>(entries.filter(fits).map(({ digest }) => digest));
  const wanted = entries.filter((entry) => fits(entry) || fitting.has(attestedBy({ size: 0, ...entry }) ?? ""));
  if (wanted.length === 0) throw new CliError("ERROR: none of the manifests match the provided platforms");
  const digests = new Set(wanted.map(({ digest }) => digest));
  const left = parts.filter(({ digest }) => digests.has(digest));
  if (wanted.length === entries.length) return { top, parts: left };
  const { mediaType, annotations } = jsonIn(top.bytes) as {
    readonly mediaType?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  const text = indexText({ mediaType, manifests: wanted, annotations });
  return { top: describedBytes(Buffer.from(text), top.descriptor.mediaType), parts: left };
}

function entriesIn({ bytes }: RemoteManifest): readonly EntryDescriptor[] | undefined {
  return entriesOf(jsonIn(bytes)) as readonly EntryDescriptor[] | undefined;
}

function indexText(index: {
  readonly mediaType: string | undefined;
  readonly manifests: readonly EntryDescriptor[];
  readonly annotations: Readonly<Record<string, string>> | undefined;
}): string {
  const { mediaType, manifests, annotations = {} } = index;
  return goJson(
    {
      schemaVersion: 2,
      ...(mediaType && { mediaType }),
      manifests: manifests.map(orderedEntry),
      ...(Object.keys(annotations).length > 0 && { annotations: sorted(annotations) }),
    },
    "  ",
  );
}

/** The fields in Go's order, without empty ones. */
function orderedEntry(entry: EntryDescriptor): object {
  const { mediaType = "", digest, size = 0, urls = [], annotations = {}, data, platform, artifactType } = entry;
  return {
    mediaType,
    digest,
    size,
    ...(urls.length > 0 && { urls }),
    ...(Object.keys(annotations).length > 0 && { annotations: sorted(annotations) }),
    ...(data !== undefined && { data }),
    ...(platform && { platform: orderedPlatform(platform) }),
    ...(artifactType && { artifactType }),
  };
}

function sortedRecord(annotations: readonly Annotation[]): Readonly<Record<string, string>> {
  return sorted(Object.fromEntries(annotations.map(({ key, value }) => [key, value])));
}

/** Go writes maps by their keys' order. */
function sorted(record: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
