import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Diagnostic } from "../dockerfile/ast.ts";
import { type Image, parseTag } from "../image/images.ts";
import { lintConfig } from "../image/lint-image.ts";
import type { Networks } from "../network/networks.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { RemoteCacheDeps } from "../remote-cache/deps.ts";
import type { CacheExport, CacheImport } from "../remote-cache/options.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Resources } from "../runtime/spec.ts";
import type { BuildAnnotation } from "./annotations.ts";
import type { PlatformProvenance } from "./attest/attest.ts";
import type { AttestOptions } from "./attest/options.ts";
import type { BaseDeps } from "./base-image.ts";
import type { DockerfileSource } from "./build-error.ts";
import type { FilesOutput } from "./export-files.ts";
import { configOf, exportImages, type ImageVariant } from "./export-images.ts";
import type { Links, PlatformBase } from "./linked-base.ts";
import { internalStep } from "./progress.ts";
import type { ContextReads } from "./read-context.ts";
import type { SharedSteps } from "./solve.ts";
import { solveTarget } from "./solve-target.ts";
import type { SshSource } from "./ssh-agent.ts";
import type { StepSecurity, StepSettings } from "./step-settings.ts";
import type { BuildGraph } from "./typed/graph.ts";

/** What a build works with. */
export interface BuildDeps extends BaseDeps, RemoteCacheDeps {
  readonly runtime: Runtime;
  readonly networks: Networks;
}

/** What to build, and how. */
export interface BuildOptions extends Operation {
  /**
   * Directory of the build context; or a git repository, with `#ref:directory`; or a tar archive, compressed or not, or a Dockerfile
   * alone, as a stream or behind an http or https address.
   */
  readonly context: string | AsyncIterable<Uint8Array>;
  /** Path of the Dockerfile, inside the archive where the context is one; `Dockerfile` in the context when absent. */
  readonly dockerfile?: string;
  /** The Dockerfile itself, in place of a path. */
  readonly dockerfileText?: string;
  /**
   * Stages of a program, in place of a Dockerfile; of several, `target` names the one to build. `dockerfile` is the file then that errors
   * show lines of: the one that calls `from` when absent.
   */
  readonly graph?: BuildGraph;
  /** Names for the image. */
  readonly tags?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Stage to build; the last when absent. */
  readonly target?: string;
  /** Run every step, whatever earlier builds left. */
  readonly noCache?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** `os/architecture[/variant]`, several with commas between them: those make one image for all. This machine's when absent. */
  readonly platform?: string;
  /** Network of `RUN` steps: `default`, `none` or `host`. */
  readonly network?: string;
  /**
   * What steps may ask for beyond a plain step: `network.host`, which the network `host` includes; `security.insecure`; `device`, or
   * `device=NAME`.
   */
  readonly allow?: readonly string[];
  /** Stages in which every step is run, by name. */
  readonly noCacheStages?: readonly string[];
  /** Limits of each `RUN` step. */
  readonly resources?: Resources;
  /** What each `RUN` step gets to see. */
  readonly settings?: StepSettings;
  readonly security?: StepSecurity;
  /** Secrets for `RUN --mount=type=secret`, by id. */
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  /** Agents for `RUN --mount=type=ssh`; that for `default` also for git. */
  readonly ssh?: readonly SshSource[];
  /** Ask the registry for newer base images, also where one is in the store. */
  readonly pull?: boolean;
  /** What names in `FROM` and `--from` stand for: a directory, `docker-image://REFERENCE`, a git repository, or a file behind an address. */
  readonly contexts?: Readonly<Record<string, string>>;
  /** Names and values that go with the image. */
  readonly annotations?: readonly BuildAnnotation[];
  /** The same image once more, for each: with other names, and annotations in place of those. */
  readonly variants?: readonly BuildVariant[];
  /** What is to be said of the image, beside it in an index. Nothing when absent. */
  readonly attestations?: AttestOptions;
  /** Whether the result tells how it was made. */
  readonly tellsProvenance?: boolean;
  /** Where the target's file system goes, too. */
  readonly files?: readonly FilesOutput[];
  /** Caches that other builds wrote, looked into behind the store's own. What can't be read is a warning. */
  readonly cacheFrom?: readonly CacheImport[];
  /** Where the cache goes that this build leaves. */
  readonly cacheTo?: readonly CacheExport[];
  /** Write the records of the image's layers into its config. */
  readonly inlineCache?: boolean;
  /** Remembers what the build reads of its context. */
  readonly reads?: ContextReads;
  /** Other conditions than usual; what is built under them isn't recorded. */
  readonly conditions?: BuildConditions;
  /** Results of other builds, by what a context names them: `target:base`. */
  readonly links?: Links;
  /** Steps of builds that run side by side: {@link buildTogether}. */
  readonly shared?: SharedSteps;
  /** Told once of what deserves a warning, before anything runs, also where the Dockerfile can't be built; the result has it as well. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[], dockerfile: DockerfileSource) => void;
  /** False to keep no record of the build. */
  readonly records?: boolean;
  /** Told the ID of the build when what is known of it is kept, also of one that failed. */
  readonly onRecorded?: (buildID: string) => void;
}

/** What an image gets that is the same but for its names and annotations. */
export interface BuildVariant {
  readonly tags: readonly string[];
  readonly annotations: readonly BuildAnnotation[];
}

/** What steps see, or don't, that no result may depend on. */
export interface BuildConditions {
  /** The host's name that steps see. */
  readonly hostname: string;
  /** Most steps that run at once. */
  readonly parallelism: number;
}

/** What a build came to. */
export interface BuildResult extends FilesResult, BuiltImage {
  /** In the order of the options. */
  readonly variants: readonly BuiltImage[];
}

/** An image that was built. */
export interface BuiltImage {
  /** Of several platforms, the one that stands for all. */
  readonly image: Image;
  /** Digest of the index in the store, where there are several platforms, or where more is said of the image. */
  readonly index?: Digest;
  /** What it is known by: the image's ID, or of several platforms the index's digest. */
  readonly id: Digest;
}

/** What a build came to that makes no image. */
export interface FilesResult {
  /** What the build is known by: see `Engine.builds`. */
  readonly buildID: string;
  /** What other builds that run beside it can start from, for each platform; none of one that runs alone. */
  readonly bases: readonly PlatformBase[];
  readonly diagnostics: readonly Diagnostic[];
  readonly warnings: readonly string[];
  /** How it was made, for each platform; where that was asked for. */
  readonly provenance?: readonly PlatformProvenance[];
}

/**
 * Build an image from a Dockerfile, or from stages of a program.
 *
 * The stages are lowered to a graph of what the target needs; the graph is solved, each step from the cache or by
 * running it; the layers and the config become an image. What was built before a failure stays in the cache.
 *
 * @throws {BuildError} with the lines of the Dockerfile that are to blame, and of a `RUN` that failed the exit code and
 *   the last lines of output; the reason of `signal`, when that aborts
 */
export async function build(deps: BuildDeps, options: BuildOptions): Promise<BuildResult> {
  const { tags = [], annotations = [], labels = {} } = options;
  const first = variantOf({ tags, annotations });
  const others = (options.variants ?? []).map(variantOf);
  const { output: image, ...result } = await solveTarget(deps, options, (built, recorder) =>
    internalStep(recorder, "exporting to image", async () => {
      const [asked, ...variants] = await exportImages(deps, built, { labels, first, others });
      return { ...asked, variants };
    }),
  );
  const seen = lintConfig(image.image.config).map(({ what, fix }) => `${what}. ${fix}`);
  return { ...result, ...image, warnings: [...result.warnings, ...seen] };
}

function variantOf({ tags, annotations }: BuildVariant): ImageVariant {
  return { references: tags.map((tag) => parseTag(tag, "build tag cannot contain a digest")), annotations };
}

/** The same, for the target's files alone, or for what it leaves in the cache: no image is made. @throws {BuildError} as {@link build} */
export async function buildFiles(
  deps: BuildDeps,
  options: Omit<BuildOptions, "tags" | "labels">,
): Promise<FilesResult> {
  // What others stand on is needed, though nothing is made of it here.
  const isCacheOnly = (options.files ?? []).length === 0 && options.shared === undefined;
  const { output: _none, ...result } = await solveTarget(deps, { ...options, isCacheOnly }, async () => undefined);
  if (options.inlineCache !== true) return result;
  return { ...result, warnings: [...result.warnings, "no image was made that an inline cache could be in"] };
}

/** Build for one platform, and look at what became of it: nothing is recorded, no image, no step, no build. @param use the layers are there until it ends */
export async function buildUnrecorded<T>(
  deps: BuildDeps,
  options: Omit<BuildOptions, "tags" | "records"> & { readonly conditions: BuildConditions },
  use: (config: ImageConfig) => Promise<T>,
): Promise<T> {
  const seen: T[] = [];
  await solveTarget(deps, { ...options, records: false }, async (built) => {
    const [target, ...others] = built.targets;
    if (target === undefined || others.length > 0)
      throw new BerthError("invalid-argument", "images are compared for one platform: name one");
    seen.push(await use(configOf(deps, { ...built, target }, options.labels ?? {})));
    return undefined;
  });
  const [output] = seen;
  if (output === undefined) throw new Error("a build that succeeds is looked at");
  return output;
}
