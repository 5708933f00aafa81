import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { codeOf } from "../../base/errors.ts";
import { dockerConfigPath, type Env } from "../../host/docker-config.ts";
import { digestOf, isDigest } from "../../oci/digest.ts";
import { jsonIn, partsOf } from "../../oci/image-index.ts";
import { isPlatformValue } from "../../oci/platform.ts";
import { fullName, parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { goJson } from "../format/go-json.ts";
import { parsedName } from "../request/name.ts";
import { type ImageManifest, toJson, type WholePlatform } from "./image-manifest.ts";

/**
 * Lists of manifests that are being made, where Docker's client keeps them: below `manifests` beside its `config.json`, a directory for
 * each list with a file for each image.
 *
 * @see Docker CLI, cli/manifest/store
 */
export interface LocalLists {
  /** An image of a list, or undefined. @throws {CliError} when its file is damaged */
  get(list: Reference, image: Reference): ImageManifest | undefined;
  /** The images of a list, by their files' names; undefined where there is no such list. @throws {CliError} as `get` */
  all(list: Reference): readonly ImageManifest[] | undefined;
  save(list: Reference, image: Reference, manifest: ImageManifest): void;
  remove(list: Reference): void;
}

/** Open the lists of a user. @throws {CliError} when there is no place for them */
export function localLists(env: Env): LocalLists {
  const config = dockerConfigPath(env);
  if (config === undefined) throw new CliError("there is no place for lists: neither DOCKER_CONFIG nor HOME is set");
  const root = join(dirname(config), "manifests");
  const directoryOf = (list: Reference): string => join(root, fileName(fullName(list)));
  const pathOf = (list: Reference, image: Reference): string => join(directoryOf(list), fileName(fullName(image)));
  return {
    get: (list, image) => readImage(pathOf(list, image)),
    all: (list) => {
      const names = namesIn(directoryOf(list));
      return names?.flatMap((name) => readImage(join(directoryOf(list), name)) ?? []);
    },
    save: (list, image, manifest) => {
      mkdirSync(directoryOf(list), { recursive: true });
      // Beside the list, not in it: every file in it is one of its images.
      const temporary = join(root, `.${process.pid}-${fileName(fullName(image))}`);
      writeFileSync(temporary, goJson(toJson(manifest)), { mode: 0o644 });
      renameSync(temporary, pathOf(list, image));
    },
    remove: (list) => rmSync(directoryOf(list), { recursive: true, force: true }),
  };
}

/** A name of the list's verbs: `:latest` where it has neither tag nor digest. @throws {CliError} */
export function listName(text: string, tell?: (reason: string) => string): Reference {
  return withDefaultTag(parsedName(text, tell));
}

/** Docker's error for a list that isn't there. */
export function noSuchList(list: Reference): CliError {
  return new CliError(`No such manifest: ${fullName(list)}`);
}

function fileName(name: string): string {
  return name.replaceAll(":", "-").replaceAll("/", "_");
}

function namesIn(directory: string): readonly string[] | undefined {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function readImage(path: string): ImageManifest | undefined {
  try {
    return imageIn(path, jsonIn(readFileSync(path)));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Files of before 2018 have neither the manifest's bytes nor its descriptor; they are not taken. */
function imageIn(path: string, value: unknown): ImageManifest {
  const { Ref: ref, Descriptor: descriptor, Raw: raw } = (value ?? {}) as Record<string, unknown>;
  const { mediaType, digest, platform } = (descriptor ?? {}) as Record<string, unknown>;
  const bytes = Buffer.from(typeof raw === "string" ? raw : "", "base64");
  const isWhole =
    typeof ref === "string" &&
    typeof mediaType === "string" &&
    typeof digest === "string" &&
    isDigest(digest) &&
    digestOf(bytes) === digest &&
    partsOf(jsonIn(bytes)) !== undefined &&
    (platform === undefined || isPlatformValue(platform));
  if (!isWhole) {
    throw new CliError(`invalid manifest file ${path}`, {
      hint: "`berth manifest rm` deletes the list that it is in.",
    });
  }
  parseReference(ref);
  return { ref, mediaType, digest, size: bytes.length, platform: platform as WholePlatform | undefined, bytes };
}
