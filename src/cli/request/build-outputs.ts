import { statSync } from "node:fs";
import { messageOf } from "../../base/errors.ts";
import type { BuildAnnotation } from "../../build/annotations.ts";
import { parseCSV } from "../../dockerfile/csv.ts";
import type { ImageForm } from "../../image/shipped-image.ts";
import type { LayerCompression } from "../../oci/image-index.ts";
import { CliError } from "../cli-error.ts";
import { annotationsOf, checkTimestamps, flagOf, formOf, type Take, wrong } from "./output-attributes.ts";

interface NamedOutput {
  readonly names: readonly string[];
  readonly annotations?: readonly BuildAnnotation[];
}

type SavedForm = ImageForm & { readonly compression: LayerCompression };

/** One `--output`. `dest` is a path; `-` is standard output. */
export type BuildOutput = NamedOutput &
  (
    | { readonly type: "local" | "tar"; readonly dest: string; readonly split?: boolean }
    | {
        readonly type: "docker";
        readonly dest: string;
        /** Layers are as they are, in OCI's words, when absent. */
        readonly form?: SavedForm;
      }
    | {
        readonly type: "oci";
        readonly dest: string;
        /** A directory rather than an archive. */
        readonly isDirectory: boolean;
        readonly form: SavedForm;
      }
    | {
        readonly type: "image";
        readonly push: boolean;
        /** Push without a tag. */
        readonly byDigest?: boolean;
        readonly form?: ImageForm;
      }
    | { readonly type: "cacheonly" }
  );

/** What `--output`, `--load` and `--push` ask for together; one image in the store where nothing is given. @throws {CliError} */
export function buildOutputs(
  values: {
    readonly output: readonly string[];
    readonly load: boolean;
    readonly push: boolean;
  },
  hasEpoch = false,
): readonly BuildOutput[] {
  const given = values.output.map((text) => parseOutput(text, hasEpoch));
  const asked: readonly BuildOutput[] = [
    ...(values.load ? [{ type: "image", names: [], push: false } as const] : []),
    ...(values.push ? [{ type: "image", names: [], push: true } as const] : []),
  ];
  const all = [...given, ...asked];
  if (all.filter((output) => "dest" in output && output.dest === "-").length > 1)
    throw wrong("only one output can be written to standard output");
  return all.length === 0 ? [{ type: "image", names: [], push: false }] : all;
}

/** @throws {CliError} in buildx's words */
function parseOutput(text: string, hasEpoch: boolean): BuildOutput {
  const fields = fieldsOf(text);
  if (fields.length === 1 && !text.startsWith("type=")) {
    return text === "-" ? { type: "tar", dest: "-", names: [] } : { type: "local", dest: directory(text), names: [] };
  }
  const attributes = new Map(fields.map(readField));
  const take: Take = (name) => {
    const value = attributes.get(name);
    attributes.delete(name);
    return value;
  };
  const output = outputOf(take);
  const annotations = output.type === "image" || output.type === "oci" ? annotationsOf(attributes.keys(), take) : [];
  if (output.type === "image" || output.type === "oci" || output.type === "docker") checkTimestamps(take, hasEpoch);
  const [other] = attributes.keys();
  if (other === undefined) return annotations.length === 0 ? output : { ...output, annotations };
  throw new CliError(`ERROR: berth doesn't have the attribute ${other} of the output ${output.type} yet`);
}

function fieldsOf(text: string): readonly string[] {
  try {
    return parseCSV(text);
  } catch (error) {
    throw wrong(messageOf(error), error);
  }
}

function readField(field: string): readonly [name: string, value: string] {
  const equals = field.indexOf("=");
  if (equals < 0) throw wrong(`invalid value ${field}`);
  return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1)];
}

function outputOf(take: Take): BuildOutput {
  const type = take("type");
  switch (type) {
    case undefined:
    case "":
      throw wrong("type is required for output");
    case "local":
      return { type, dest: directory(take("dest")), names: [], ...splitOf(take) };
    case "tar":
      return { type, dest: file(type, take("dest") ?? "-"), names: [], ...splitOf(take) };
    case "oci":
      return layoutOf(take);
    case "docker":
      return dockerOf(take);
    case "image":
    case "registry":
      return imageOf(take, type === "registry");
    case "cacheonly":
      return { type, names: [] };
    default:
      throw wrong(`exporter ${JSON.stringify(type)} could not be found`);
  }
}

function layoutOf(take: Take): BuildOutput {
  const isDirectory = !flagOf(take, "tar", true);
  const given = take("dest");
  const dest = isDirectory ? directory(given, "oci") : file("oci", given ?? "-");
  const form = formOf(take) ?? { compression: "gzip", keepsWhatCame: true };
  return { type: "oci", dest, isDirectory, names: namesOf(take), form };
}

/** Without a destination it is the store. */
function dockerOf(take: Take): BuildOutput {
  const dest = take("dest");
  const names = namesOf(take);
  const form = formOf(take, "none");
  if (dest !== undefined)
    return { type: "docker", dest: file("docker", dest), names, ...(form === undefined ? {} : { form }) };
  if (form !== undefined) throw inStore("dest=FILE");
  return { type: "image", names, push: false };
}

function inStore(where: string): CliError {
  return wrong("the store keeps layers as they are", undefined, `Forms are for ${where}, and for type=oci.`);
}

function imageOf(take: Take, isPushed: boolean): BuildOutput {
  const names = namesOf(take);
  const push = flagOf(take, "push", isPushed);
  const byDigest = flagOf(take, "push-by-digest", false);
  const form = formOf(take);
  if (!flagOf(take, "store", true)) throw wrong("what berth builds is in its store: store=false can't be had");
  if (!push && form !== undefined) throw inStore("push=true");
  const tagged = byDigest ? names.find((name) => /:[^/]*$/.test(name)) : undefined;
  if (tagged !== undefined) throw wrong(`can't push tagged ref ${tagged} by digest`);
  return { type: "image", names, push, ...(byDigest ? { byDigest } : {}), ...(form === undefined ? {} : { form }) };
}

function splitOf(take: Take): { readonly split?: boolean } {
  const given = take("platform-split");
  return given === undefined ? {} : { split: flagOf(() => given, "platform-split", true) };
}

function namesOf(take: Take): readonly string[] {
  return (take("name") ?? "").split(",").filter((name) => name !== "");
}

function directory(dest: string | undefined, type = "local"): string {
  if (dest === undefined) throw wrong(`dest is required for ${type} exporter`);
  if (dest === "-") throw wrong(`dest cannot be stdout for ${type} exporter`);
  const there = statSync(dest, { throwIfNoEntry: false });
  if (there !== undefined && !there.isDirectory()) throw wrong(`destination directory ${dest} is a file`);
  return dest;
}

function file(type: string, dest: string): string {
  if (dest === "") throw wrong(`dest is required for ${type} exporter`);
  const there = dest === "-" ? undefined : statSync(dest, { throwIfNoEntry: false });
  if (there?.isDirectory() === true) throw wrong(`destination file ${dest} is a directory`);
  return dest;
}
