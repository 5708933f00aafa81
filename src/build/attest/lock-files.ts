import { isObject, type JsonObject } from "../../base/json-object.ts";
import { jsonIn } from "../../oci/image-index.ts";
import type { FoundPackage } from "./package-databases.ts";
import { packageURL } from "./package-url.ts";

/** Reads what a lock file names. @param from its path */
type LockReader = (text: string, from: string) => readonly FoundPackage[];

/** Lock files by their names. */
const readers: Readonly<Record<string, LockReader>> = {
  "package-lock.json": npmPackages,
  ".package-lock.json": npmPackages,
  "composer.lock": composerPackages,
  "Cargo.lock": (text, from) => tomlPackages(text, from, "cargo"),
  "poetry.lock": (text, from) => tomlPackages(text, from, "pypi"),
  "uv.lock": (text, from) => tomlPackages(text, from, "pypi"),
};

/** How a file of a name is read; undefined for what is no lock file. */
export function lockReader(name: string): LockReader | undefined {
  return Object.hasOwn(readers, name) ? readers[name] : undefined;
}

/** @see npm docs, package-lock.json, lockfileVersion 2 and 3 */
function npmPackages(text: string, from: string): readonly FoundPackage[] {
  return Object.entries(objectIn(objectIn(jsonIn(Buffer.from(text)))["packages"])).flatMap(([place, value]) => {
    const { name: own, version, license, link } = objectIn(value);
    const path = place.split("node_modules/").at(-1) ?? "";
    const name = typeof own === "string" ? own : path;
    if (place === "" || link === true || name === "" || typeof version !== "string") return [];
    const scope = name.startsWith("@") ? name.slice(0, name.indexOf("/")) : "";
    const url = packageURL({
      ...{ type: "npm", namespace: scope, version },
      name: scope === "" ? name : name.slice(scope.length + 1),
    });
    return [{ name, version, url, from, ...(typeof license === "string" ? { license } : {}) }];
  });
}

/** @see Composer documentation, composer.lock */
function composerPackages(text: string, from: string): readonly FoundPackage[] {
  const { packages } = objectIn(jsonIn(Buffer.from(text)));
  return (Array.isArray(packages) ? packages : []).flatMap((value: unknown) => {
    const { name, version } = objectIn(value);
    if (typeof name !== "string" || typeof version !== "string") return [];
    const [vendor = "", own] = name.split("/");
    const url = packageURL({
      type: "composer",
      namespace: own === undefined ? "" : vendor,
      name: own ?? vendor,
      version,
    });
    return [{ name, version, url, from }];
  });
}

/** The `[[package]]` tables of a lock file in TOML, of which name and version alone are read. */
function tomlPackages(text: string, from: string, type: string): readonly FoundPackage[] {
  return text
    .split(/^\[\[package\]\][ \t]*$/m)
    .slice(1)
    .flatMap((table) => {
      const field = (name: string): string | undefined => new RegExp(`^${name} = "([^"\\\\]*)"`, "m").exec(table)?.[1];
      const [name, version] = [field("name"), field("version")];
      return name && version ? [{ name, version, url: packageURL({ type, name, version }), from }] : [];
    });
}

function objectIn(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
