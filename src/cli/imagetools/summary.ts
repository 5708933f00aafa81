import { entriesOf, jsonIn } from "../../oci/image-index.ts";
import { platformText } from "../../oci/platform.ts";
import { fullName, type Reference } from "../../oci/reference.ts";
import type { RemoteManifest } from "../../registry/repository.ts";
import type { WholePlatform } from "../manifest/image-manifest.ts";

interface Entry {
  readonly mediaType?: string;
  readonly digest: string;
  readonly platform?: WholePlatform | null;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>> | null;
}

/** What `imagetools inspect` says of an image without a format. @see buildx, util/imagetools/printers.go */
export function summaryText(reference: Reference, { bytes, descriptor }: RemoteManifest): string {
  const head = block([
    ["Name:", fullName(reference)],
    ["MediaType:", descriptor.mediaType],
    ["Digest:", descriptor.digest],
  ]);
  const entries = entriesOf(jsonIn(bytes)) as readonly Entry[] | undefined;
  if (entries === undefined) return head;
  return `${head}${block([
    ["", ""],
    ["Manifests:", ""],
  ])}${entriesText(reference, entries)}`;
}

type Row = readonly [string, string];

function entriesText(reference: Reference, entries: readonly Entry[]): string {
  let [text, rows]: [string, Row[]] = ["", []];
  for (const [place, entry] of entries.entries()) {
    if (place > 0) rows.push(["", ""]);
    rows.push(...rowsOf(reference, entry));
    const annotations = entry.platform ? Object.entries(entry.annotations ?? {}) : [];
    if (annotations.length === 0) continue;
    rows.push(["  Annotations:", ""]);
    text += block(rows) + block(annotations.map(([key, value]) => [`    ${key}:`, value]));
    rows = [];
  }
  return text + block(rows);
}

function rowsOf(
  { domain, path, tag }: Reference,
  { digest, mediaType = "", platform, urls = [] }: Entry,
): readonly Row[] {
  const name = fullName({ domain, path, ...(tag === undefined ? {} : { tag }), digest });
  const rows: Row[] = [
    ["  Name:", name],
    ["  MediaType:", mediaType],
  ];
  if (!platform) return rows;
  rows.push(["  Platform:", platformText(platform)]);
  const { "os.version": version = "", "os.features": features = [] } = platform;
  if (version !== "") rows.push(["  OSVersion:", version]);
  if (features.length > 0) rows.push(["  OSFeatures:", features.join(", ")]);
  if (urls.length > 0) rows.push(["  URLs:", urls.join(", ")]);
  return rows;
}

/** Lines whose second cells begin in one column, as Go's tabwriter has them: also where they are empty. */
function block(rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 1;
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join("");
}
