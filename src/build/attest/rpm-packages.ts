import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { type Distribution, type FoundPackage, mostCharacters } from "./package-databases.ts";
import { packageURL } from "./package-url.ts";

/** Most bytes of one package's header. */
const mostHeader = 16 << 20;

/** Most packages of a system. */
const mostPackages = 100_000;

/** Tags of a header. @see rpm, include/rpm/rpmtag.h */
const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  license: 1014,
  url: 1020,
  arch: 1022,
};

/** The kinds of values that are read: a number of 32 bits, a text, a text in several languages of which the first counts. */
const int32 = 4;
const texts: readonly number[] = [6, 9];

/**
 * The packages of a system whose package manager is rpm, in the database that it has had since 4.16.
 *
 * @param file where the database lies on this machine; it is only read
 * @param from its path in the image
 * @returns undefined where the file is no such database
 */
export function rpmPackages(
  file: string,
  from: string,
  distribution: Distribution,
): readonly FoundPackage[] | undefined {
  const url = pathToFileURL(file);
  // No journal is looked for, and none is made.
  url.searchParams.set("immutable", "1");
  try {
    using database = new DatabaseSync(url, { readOnly: true, allowExtension: false });
    const rows = database
      .prepare(`SELECT blob FROM Packages WHERE length(blob) <= ${mostHeader} ORDER BY hnum LIMIT ${mostPackages}`)
      .iterate();
    const found: FoundPackage[] = [];
    for (const { blob } of rows)
      if (blob instanceof Uint8Array) found.push(...packageIn(Buffer.from(blob), from, distribution));
    return found;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR") return undefined;
    throw error;
  }
}

function packageIn(header: Buffer, from: string, { id, version: distro }: Distribution): readonly FoundPackage[] {
  const values = headerValues(header);
  const text = (tag: number): string | undefined => {
    const value = values.get(tag);
    return typeof value === "string" && value !== "" && value !== "(none)" ? value : undefined;
  };
  const [name, version, release] = [text(tags.name), text(tags.version), text(tags.release)];
  if (name === undefined || version === undefined) return [];
  const whole = release === undefined ? version : `${version}-${release}`;
  const epoch = values.get(tags.epoch);
  const url = packageURL({
    ...{ type: "rpm", namespace: id || "redhat", name, version: whole },
    qualifiers: {
      arch: text(tags.arch),
      distro: distro === "" ? undefined : `${id}-${distro}`,
      epoch: epoch === undefined ? undefined : String(epoch),
    },
  });
  const [supplier, license, homepage] = [text(tags.vendor), text(tags.license), text(tags.url)];
  return [
    {
      ...{ name, version: epoch === undefined ? whole : `${epoch}:${whole}`, url, from },
      ...(supplier === undefined ? {} : { supplier }),
      ...(license === undefined ? {} : { license }),
      ...(homepage === undefined ? {} : { homepage }),
    },
  ];
}

/** The first value of each tag of a header: counts of index entries and of bytes, entries of tag, kind, offset and count, data. @see rpm docs/manual/format_header.md */
function headerValues(header: Buffer): ReadonlyMap<number, string | number> {
  const values = new Map<number, string | number>();
  if (header.length < 8) return values;
  const [entries, size] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const start = 8 + entries * 16;
  if (start + size > header.length) return values;
  const data = header.subarray(start, start + size);
  for (let at = 8; at < start; at += 16) {
    const [tag, kind, offset] = [header.readInt32BE(at), header.readUInt32BE(at + 4), header.readInt32BE(at + 8)];
    if (offset < 0 || offset >= data.length) continue;
    if (texts.includes(kind)) {
      const end = data.indexOf(0, offset);
      if (end >= 0) values.set(tag, data.toString("utf8", offset, Math.min(end, offset + mostCharacters)));
    } else if (kind === int32 && offset + 4 <= data.length) values.set(tag, data.readUInt32BE(offset));
  }
  return values;
}
