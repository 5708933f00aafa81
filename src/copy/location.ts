import { BerthError } from "../base/errors.ts";
import { parseReference, type Reference } from "../oci/reference.ts";

/** Where an image is, or is to be. */
export type Location =
  | { readonly transport: "docker"; readonly reference: Reference }
  | { readonly transport: "store"; readonly name: string }
  | {
      readonly transport: "oci" | "oci-archive";
      readonly path: string;
      /** What the layout calls it: a tag, or any name. */
      readonly image: string | undefined;
    }
  | { readonly transport: "docker-archive"; readonly path: string; readonly reference: Reference | undefined }
  | { readonly transport: "dir"; readonly path: string };

/** What an OCI layout may call an image. @see containers/image, oci/internal `refRegexp` */
const layoutName = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

const readers: Readonly<Record<string, (rest: string) => Location>> = {
  docker: (rest) => {
    if (!rest.startsWith("//")) throw invalid(`docker: image reference ${rest} does not start with //`);
    return { transport: "docker", reference: parseReference(rest.slice(2)) };
  },
  store: stored,
  "docker-daemon": stored,
  "containers-storage": stored,
  oci: (rest) => ({ transport: "oci", ...layoutIn(rest) }),
  "oci-archive": (rest) => ({ transport: "oci-archive", ...layoutIn(rest) }),
  "docker-archive": (rest) => {
    const [path, name] = splitPath(rest);
    const reference = name === undefined ? undefined : parseReference(name);
    if (reference?.digest !== undefined) throw invalid("docker-archive: an archive's image has no digest");
    return { transport: "docker-archive", path, reference };
  },
  dir: (rest) => ({ transport: "dir", path: nonEmpty(rest) }),
};

const hint =
  "Name one of: docker://NAME[:TAG|@DIGEST] (a registry), store:NAME (this engine), docker-archive:PATH[:NAME[:TAG]], oci:PATH[:TAG], oci-archive:PATH[:TAG], dir:PATH.";

/**
 * Read where an image is as skopeo writes it: `docker://debian:12`, `oci:layout:12`. What is Docker's or Podman's store there
 * (`docker-daemon:`, `containers-storage:`) is this engine's.
 *
 * @throws {BerthError} invalid-argument, in skopeo's words
 * @see containers-transports(5)
 */
export function parseLocation(text: string): Location {
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw invalid(`Invalid image name ${JSON.stringify(text)}, expected colon-separated transport:reference`);
  }
  const transport = text.slice(0, colon);
  const read = Object.hasOwn(readers, transport) ? readers[transport] : undefined;
  if (read === undefined) {
    throw invalid(`Invalid image name ${JSON.stringify(text)}, unknown transport ${JSON.stringify(transport)}`);
  }
  return read(text.slice(colon + 1));
}

function stored(rest: string): Location {
  if (rest === "") throw invalid("the store's image has no name");
  return { transport: "store", name: rest };
}

function layoutIn(rest: string): { readonly path: string; readonly image: string | undefined } {
  const [path, image] = splitPath(rest);
  if (image !== undefined && !layoutName.test(image)) throw invalid(`Invalid image ${image}`);
  return { path, image };
}

/** A path ends at the first colon, as skopeo has it. */
function splitPath(rest: string): readonly [string, string | undefined] {
  const colon = rest.indexOf(":");
  const [path, name] = colon < 0 ? [rest, ""] : [rest.slice(0, colon), rest.slice(colon + 1)];
  return [nonEmpty(path), name === "" ? undefined : name];
}

function nonEmpty(path: string): string {
  if (path === "") throw invalid("the path is empty");
  return path;
}

function invalid(message: string): BerthError {
  return new BerthError("invalid-argument", message, { hint });
}
