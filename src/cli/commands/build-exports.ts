import type { Operation } from "../../base/operation.ts";
import type { BuildAnnotation } from "../../build/annotations.ts";
import type { BuildOptions, BuildResult, BuildVariant, BuiltImage, FilesResult } from "../../build/build.ts";
import { internalStep } from "../../build/progress.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Digest } from "../../oci/digest.ts";
import { familiar, fullName, parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import type { BuildOutput } from "../request/build-outputs.ts";
import { checkTarget, plainMode, writeArchive } from "../terminal/output-file.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What the outputs of a build are made with. */
export interface Exporting {
  readonly io: Pick<Terminal, "stdout">;
  readonly engine: Engine;
  readonly outputs: readonly BuildOutput[];
  /** Names from `--tag`, which come in place of an output's own. */
  readonly tags: readonly string[];
  /** Look the image through before it gets a name, and goes anywhere. */
  readonly guard: boolean;
}

/** What a build came to, and what left the store. */
export type Exported = (BuildResult | (FilesResult & { readonly [Name in "image" | "index" | "id"]?: undefined })) & {
  /** The manifest or index that was pushed, or else written into a layout or an archive: the last one. */
  readonly sent?: SentImage;
  /** Names that the image got. */
  readonly names: readonly string[];
};

/** What an image is known by outside of the store. */
export interface SentImage {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of the manifest or index. */
  readonly size: number;
}

/** The outputs that are images: all but those of files alone. */
function isImageOutput({ type }: BuildOutput): boolean {
  return type !== "local" && type !== "tar" && type !== "cacheonly";
}

interface CheckOptions {
  readonly iidfile?: string | undefined;
  /** How many; one when absent. */
  readonly platforms?: number;
  /** Whether `--annotation` is given. */
  readonly annotated?: boolean;
  /** Whether something is to be said of the image. */
  readonly attested?: boolean;
}

/** Refuse what can't be written before anything is built. @throws {CliError} */
export async function checkOutputs(
  { io, outputs, tags, guard }: Omit<Exporting, "engine">,
  options: CheckOptions = {},
): Promise<void> {
  if (options.iidfile !== undefined && !outputs.some(isImageOutput))
    throw new CliError("ERROR: --iidfile needs an image, and these outputs make none", {
      hint: "Add `--output type=image`.",
    });
  if (guard && !outputs.every(isImageOutput))
    throw new CliError(
      "ERROR: --guard looks images through: these outputs have files, which are written before there is one",
    );
  for (const output of outputs) {
    checkForm(output, options);
    if (output.type === "image" && output.push && namesOf(output, tags).length === 0)
      throw new CliError("ERROR: tag is needed when pushing to registry");
    if ("dest" in output && output.type !== "local" && !(output.type === "oci" && output.isDirectory))
      await checkFile(io, output);
  }
}

/** Docker's forms hold less than OCI's. */
function checkForm(output: BuildOutput, { platforms = 1, annotated = false, attested = false }: CheckOptions): void {
  if (attested && "form" in output && output.form?.family === "docker")
    throw new CliError('ERROR: cannot export attestations with "oci-mediatypes=false"');
  if (output.type !== "docker") return;
  if (annotated) throw new CliError("ERROR: Docker's archive holds no annotations", { hint: "type=oci does." });
  if (platforms > 1 || attested)
    throw new CliError("ERROR: docker exporter does not currently support exporting manifest lists", {
      hint: "type=oci takes several platforms; `--load` has them in the store.",
    });
}

async function checkFile(
  io: Exporting["io"],
  { type, dest }: { readonly type: string; readonly dest: string },
): Promise<void> {
  if (dest !== "-") await checkTarget(io, { output: dest, failure: "ERROR: failed to export" });
  else if (io.stdout.isTTY === true)
    throw new CliError(`ERROR: dest file is required for ${type} exporter. refusing to write to console`);
}

/** Build, and write what is asked for. An image that goes into an archive or to a registry is in the store as well. */
export async function buildAndExport(
  exporting: Exporting,
  options: Omit<BuildOptions, "files" | "tags"> & { readonly signal: AbortSignal },
): Promise<Exported> {
  const { engine, io, outputs, guard } = exporting;
  const files = outputs.flatMap((output) => filesOf(output, io, options.signal));
  const forms = formsOf(exporting, options.annotations ?? []);
  const [first, ...others] = [...forms.values()].map((form) => (guard ? { ...form, tags: [] } : form));
  if (first === undefined) return { ...(await engine.buildFiles({ ...options, files })), names: [] };
  const result = await engine.build({ ...options, ...first, variants: others, files });
  const images = [result, ...result.variants];
  const made = new Map([...forms].map(([key, form], index) => [key, { ...form, image: images[index] ?? result }]));
  if (guard) {
    const { guardNew } = await import("./guard.ts");
    const names = [...made.values()].flatMap(({ tags, image }) => tags.map((tag) => [tag, wholeOf(image)] as const));
    await guardNew(engine.images, { id: result.image.id, names }, { signal: options.signal });
  }
  const sent: { pushed?: SentImage; saved?: SentImage } = {};
  for (const output of outputs.filter(isImageOutput)) {
    const image = made.get(formKey(output))?.image ?? result;
    const left = await exportImage(exporting, { output, image }, options);
    if (left !== undefined) sent[output.type === "image" ? "pushed" : "saved"] = left;
  }
  const last = sent.pushed ?? sent.saved;
  const names = [...forms.values()].flatMap((form) => form.tags);
  return { ...result, names, ...(last === undefined ? {} : { sent: last }) };
}

/**
 * Outputs with other annotations are other images in the store. A name that several have leads to what goes to the store or a registry, and
 * to the last of those.
 *
 * @param all annotations that all of them have
 * @returns each by {@link formKey}, in the order of the outputs
 */
function formsOf({ outputs, tags }: Exporting, all: readonly BuildAnnotation[]): ReadonlyMap<string, BuildVariant> {
  const images = outputs.filter(isImageOutput);
  const keys = new Map<string, string>();
  for (const output of images.toSorted((a, b) => Number(a.type === "image") - Number(b.type === "image")))
    for (const name of isByDigest(output) ? tags : namesOf(output, tags)) keys.set(name, formKey(output));
  return new Map(
    images.map((output) => {
      const names = [...keys].filter(([, key]) => key === formKey(output)).map(([name]) => name);
      return [formKey(output), { tags: names, annotations: [...all, ...(output.annotations ?? [])] }];
    }),
  );
}

function formKey({ annotations = [] }: BuildOutput): string {
  return JSON.stringify(annotations);
}

function isByDigest(output: BuildOutput): boolean {
  return output.type === "image" && output.byDigest === true;
}

function namesOf(output: BuildOutput, tags: readonly string[]): readonly string[] {
  return tags.length > 0 ? tags : output.names;
}

function filesOf(output: BuildOutput, io: Exporting["io"], signal: AbortSignal): NonNullable<BuildOptions["files"]> {
  if (output.type !== "local" && output.type !== "tar") return [];
  const { split, dest } = output;
  const how = split === undefined ? {} : { split };
  if (output.type === "local") return [{ kind: "local", directory: dest, ...how }];
  return [{ kind: "tar", write: (archive) => writeTo(io, archive, { dest, signal }), ...how }];
}

interface Export {
  readonly output: BuildOutput;
  readonly image: BuiltImage;
}

function wholeOf({ image, index }: BuiltImage): Digest {
  return index ?? image.id;
}

/** @returns what was pushed last, or what was written */
async function exportImage(
  exporting: Exporting,
  { output, image }: Export,
  { signal, report }: Pick<BuildOptions, "report"> & { readonly signal: AbortSignal },
): Promise<SentImage | undefined> {
  const operation = { signal, ...(report === undefined ? {} : { report }) };
  const names = namesOf(output, exporting.tags).map((name) => withDefaultTag(parseReference(name)));
  if (output.type === "image" && output.push) return await push(exporting.engine, { output, image, names }, operation);
  if (output.type !== "oci" && output.type !== "docker") return undefined;
  return await internalStep(operation, `exporting to ${output.type} image format`, () =>
    save(exporting, { output, image, names }, signal),
  );
}

interface NamedExport<Type extends BuildOutput["type"]> extends Export {
  readonly output: Extract<BuildOutput, { readonly type: Type }>;
  readonly names: readonly Reference[];
}

async function save(
  { engine: { images }, io }: Exporting,
  { output, image, names }: NamedExport<"oci" | "docker">,
  signal: AbortSignal,
): Promise<SentImage | undefined> {
  if (output.type === "oci" && output.isDirectory) {
    return await images.writeLayout(wholeOf(image), { path: output.dest, names, form: output.form, signal });
  }
  const { compression, ...form } = output.form ?? { compression: undefined };
  const shape = { format: output.type, ...(compression === undefined ? {} : { compression, form }) };
  let described: SentImage | undefined;
  const onDescribed = (image: SentImage): void => {
    described = image;
  };
  const options = { signal, references: names, reuse: true, onDescribed, ...shape };
  await writeTo(io, images.save([wholeOf(image)], options), { dest: output.dest, signal });
  return described;
}

async function push(
  { images }: Engine,
  { output: { byDigest, form }, image, names }: NamedExport<"image">,
  operation: Operation & { readonly signal: AbortSignal },
): Promise<SentImage | undefined> {
  let sent: SentImage | undefined;
  const how = { ...(form === undefined ? {} : { form }), ...(byDigest === true ? { byDigest } : {}) };
  for (const name of names) {
    await internalStep(operation, `pushing ${fullName(name)}`, async () => {
      const request = { ...how, image: wholeOf(image), signal: operation.signal };
      for await (const pushed of images.push(familiar(name), request)) {
        const { mediaType, digest, size } = pushed;
        sent = { mediaType, digest, size };
      }
    });
  }
  return sent;
}

async function writeTo(
  io: Exporting["io"],
  archive: AsyncIterable<Uint8Array>,
  { dest, signal }: { readonly dest: string; readonly signal: AbortSignal },
): Promise<void> {
  await writeArchive(io, archive, { output: dest === "-" ? undefined : dest, signal, mode: plainMode });
}
