import { entriesOf, jsonIn } from "../../oci/image-index.ts";
import type { RemoteManifest } from "../../registry/repository.ts";
import { goTimeWithFraction } from "../format/go-time.ts";
import { Typed } from "../template/values.ts";
import type { ImageDetails } from "./details.ts";

/** Go's names of fields that aren't their JSON names with a capital letter. */
const goNames: Readonly<Record<string, string>> = {
  created_by: "CreatedBy",
  diff_ids: "DiffIDs",
  empty_layer: "EmptyLayer",
  os: "OS",
  "os.features": "OSFeatures",
  "os.version": "OSVersion",
  rootfs: "RootFS",
  urls: "URLs",
};

/** Fields whose keys are no fields, but the user's. */
const maps: ReadonlySet<string> = new Set(["annotations", "ExposedPorts", "Labels", "Volumes"]);

/** What an image's config may have, and of these what is an object or a list of such, in Go's order. @see image-spec v1.1 specs-go/v1/config.go */
const imageFields: Fields = {
  ...{ created: "", author: "", architecture: "", os: "", "os.version": "", "os.features": "", variant: "" },
  config: {
    ...{ User: "", ExposedPorts: "", Env: "", Entrypoint: "", Cmd: "", Volumes: "", WorkingDir: "", Labels: "" },
    ...{ StopSignal: "", ArgsEscaped: "" },
  },
  rootfs: { type: "", diff_ids: "" },
  history: { created: "", created_by: "", author: "", comment: "", empty_layer: "" },
};

interface Fields {
  readonly [name: string]: "" | Fields;
}

/** Fields that may be absent, and are empty then. */
export const mayBeAbsent: ReadonlySet<string> = new Set([
  ...[
    "Annotations",
    "ArtifactType",
    "Author",
    "Comment",
    "Created",
    "CreatedBy",
    "Data",
    "EmptyLayer",
    "Entrypoint",
    "Env",
  ],
  ...["Cmd", "ExposedPorts", "Labels", "OSFeatures", "OSVersion", "Platform", "StopSignal", "URLs", "User", "Variant"],
  ...["Volumes", "WorkingDir", "ArgsEscaped"],
]);

/** Fields that hold any JSON: without it they are no value, and so is a key that it doesn't have. */
export const anyJson: ReadonlySet<string> = new Set(["AdditionalSPDXs", "SLSA", "SPDX"]);

/** What a template of `imagetools inspect` sees. @see buildx, util/imagetools/printers.go */
export function templateData(name: string, top: RemoteManifest, { configs, sboms, provenances }: ImageDetails): object {
  const several = configs.size > 1;
  const byPlatform = (values: ReadonlyMap<string, unknown>): unknown => {
    const entries = [...values].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return several ? Object.fromEntries(entries) : (entries[0]?.[1] ?? {});
  };
  const images = new Map([...configs].map(([platform, config]) => [platform, asGo(known(config, imageFields))]));
  const data = asGo({ name, manifest: manifestData(top) }) as object;
  Object.defineProperties(data, {
    image: { value: byPlatform(images), enumerable: true },
    Image: { value: byPlatform(images) },
    SBOM: { value: byPlatform(sboms) },
    Provenance: { value: byPlatform(provenances) },
  });
  return data;
}

function manifestData({ bytes, descriptor }: RemoteManifest): object {
  const { mediaType, digest, size } = descriptor;
  const value = jsonIn(bytes);
  const manifests = entriesOf(value);
  if (manifests === undefined) return { mediaType, digest, size };
  const { schemaVersion, mediaType: own, annotations } = value as Record<string, unknown>;
  const type = typeof own === "string" ? { mediaType: own } : {};
  return { schemaVersion, ...type, digest, size, manifests, ...(annotations ? { annotations } : {}) };
}

/** The known fields, without empty ones. */
function known(value: unknown, fields: Fields): unknown {
  if (Array.isArray(value)) return value.map((each) => known(each, fields));
  const given = (value ?? {}) as Readonly<Record<string, unknown>>;
  const entries = Object.entries(fields).flatMap(([name, inner]) => {
    const own = given[name];
    if (isEmpty(own)) return [];
    if (name === "created" && typeof own === "string") return [[name, new Typed(goTimeWithFraction(own), own)]];
    return [[name, inner === "" ? own : known(own, inner)]];
  });
  return Object.fromEntries(entries);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** The same, with Go's name beside each field's JSON name: templates use the one, and JSON shows the other. */
function asGo(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asGo);
  if (typeof value !== "object" || value === null || value instanceof Typed) return value;
  const named = {};
  for (const [name, inner] of Object.entries(value)) {
    const each = maps.has(name) ? inner : asGo(inner);
    const goName = goNames[name] ?? `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    Object.defineProperty(named, goName, { value: each, enumerable: goName === name });
    if (goName !== name) Object.defineProperty(named, name, { value: each, enumerable: true });
  }
  return named;
}
