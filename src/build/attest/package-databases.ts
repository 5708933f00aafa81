import { packageURL } from "./package-url.ts";

/** A package that is in an image. */
export interface FoundPackage {
  readonly name: string;
  readonly version: string;
  /** Package URL. */
  readonly url: string;
  /** The file that says that it is there, absolute. */
  readonly from: string;
  readonly supplier?: string;
  readonly homepage?: string;
  /** As the package has it, in whatever form. */
  readonly license?: string;
}

/** Most characters of a field; what has more is cut. */
export const mostCharacters = 2000;

/** The distribution of an image. @see os-release(5) */
export interface Distribution {
  /** `debian`; empty where none is told. */
  readonly id: string;
  /** `12`; empty where none is told. */
  readonly version: string;
}

/** Read /etc/os-release. */
export function distributionIn(text: string): Distribution {
  const field = (name: string): string => {
    const value = new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
    return value.replace(/^(["'])(.*)\1$/, "$2");
  };
  return { id: field("ID"), version: field("VERSION_ID") };
}

/** The packages of a Debian system that are installed. @see dpkg-query(1), deb822(5) */
export function dpkgPackages(text: string, from: string, distribution: Distribution): readonly FoundPackage[] {
  return paragraphs(text).flatMap((lines) => {
    const fields = fieldsOf(lines, /^([A-Za-z0-9-]+):[ \t]*(.*)$/);
    const [name, version, status] = [fields.get("Package"), fields.get("Version"), fields.get("Status")];
    if (!name || !version || (status !== undefined && !/ installed$/.test(status))) return [];
    const { id, version: release } = distribution;
    const url = packageURL({
      ...{ type: "deb", namespace: id || "debian", name, version },
      qualifiers: { arch: fields.get("Architecture"), distro: release === "" ? undefined : `${id}-${release}` },
    });
    const [supplier, homepage] = [fields.get("Maintainer"), fields.get("Homepage")];
    return [{ name, version, url, from, ...(supplier ? { supplier } : {}), ...(homepage ? { homepage } : {}) }];
  });
}

/** The packages of an Alpine system. @see Alpine wiki, Apk spec */
export function apkPackages(text: string, from: string, distribution: Distribution): readonly FoundPackage[] {
  return paragraphs(text).flatMap((lines) => {
    const fields = fieldsOf(lines, /^([A-Za-z]):(.*)$/);
    const [name, version] = [fields.get("P"), fields.get("V")];
    if (!name || !version) return [];
    const { id, version: release } = distribution;
    const url = packageURL({
      ...{ type: "apk", namespace: id || "alpine", name, version },
      qualifiers: { arch: fields.get("A"), distro: release === "" ? undefined : `${id}-${release}` },
    });
    const [supplier, homepage, license] = [fields.get("m"), fields.get("U"), fields.get("L")];
    return [
      {
        ...{ name, version, url, from },
        ...(supplier ? { supplier } : {}),
        ...(homepage ? { homepage } : {}),
        ...(license ? { license } : {}),
      },
    ];
  });
}

/** A Python package's METADATA. @see Python Packaging User Guide, core metadata */
export function pythonPackages(text: string, from: string): readonly FoundPackage[] {
  const [lines = []] = paragraphs(text);
  const fields = fieldsOf(lines, /^([A-Za-z-]+): (.*)$/);
  const [name, version, license] = [fields.get("Name"), fields.get("Version"), fields.get("License-Expression")];
  if (!name || !version) return [];
  // The specification has it in lower case, with `-` for `_` and `.`.
  const url = packageURL({ type: "pypi", name: name.toLowerCase().replaceAll(/[-_.]+/g, "-"), version });
  return [{ name, version, url, from, ...(license ? { license } : {}) }];
}

function paragraphs(text: string): readonly (readonly string[])[] {
  return text.split(/\r?\n[ \t]*\r?\n/).map((paragraph) => paragraph.split(/\r?\n/));
}

/** The first value of each field; what continues on the next line isn't needed. */
function fieldsOf(lines: readonly string[], pattern: RegExp): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = pattern.exec(line) ?? [];
    if (name !== "" && !fields.has(name)) fields.set(name, value.trim().slice(0, mostCharacters));
  }
  return fields;
}
