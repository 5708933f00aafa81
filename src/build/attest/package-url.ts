import { type Platform, platformText } from "../../oci/platform.ts";
import { familiarRepository, type Reference } from "../../oci/reference.ts";

/** What a package is found by. */
export interface PackageName {
  /** `deb`, `npm`, `docker`, … */
  readonly type: string;
  readonly namespace?: string;
  readonly name: string;
  readonly version?: string;
  readonly qualifiers?: Readonly<Record<string, string | undefined>>;
}

/** A package URL. @see package-url/purl-spec, PURL-SPECIFICATION.rst */
export function packageURL({ type, namespace = "", name, version, qualifiers = {} }: PackageName): string {
  const path = [...namespace.split("/").filter((part) => part !== ""), name].map(encoded).join("/");
  const pairs = Object.entries(qualifiers)
    .flatMap(([key, value]) => (value === undefined || value === "" ? [] : [`${key}=${encoded(value)}`]))
    .sort();
  const query = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return `pkg:${type}/${path}${version === undefined ? "" : `@${encoded(version)}`}${query}`;
}

/** An image's package URL, as BuildKit has it. @see buildkit util/purl/image.go */
export function imageURL(reference: Reference, platform: Platform): string {
  const parts = familiarRepository(reference).split("/");
  const { tag, digest } = reference;
  return packageURL({
    type: "docker",
    namespace: parts.slice(0, -1).join("/"),
    name: parts.at(-1) ?? "",
    ...(tag === undefined ? {} : { version: tag }),
    qualifiers: { digest, platform: platformText(platform) },
  });
}

/** A colon stays, as the specification has it. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":");
}
