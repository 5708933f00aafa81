import { BerthError, isKind } from "../base/errors.ts";
import type { Diagnostic, Span } from "../dockerfile/ast.ts";
import { DockerfileError } from "../dockerfile/errors.ts";
import { openSourceMatcher } from "../dockerfile/ignore.ts";
import { type FileLinter, openLinter } from "../dockerfile/linter.ts";
import { getImage, type Image, type ImageDeps } from "../image/images.ts";
import { getPlatformImage } from "../image/indexes.ts";
import { chainIDs, digestOf } from "../oci/digest.ts";
import { hostPlatform, type Platform } from "../oci/platform.ts";
import type { BuildOptions } from "./build.ts";
import { BuildError, type DockerfileSource } from "./build-error.ts";
import { openContext } from "./context.ts";
import { parseEntitlements } from "./entitlements.ts";
import type { Frontend } from "./frontend.ts";
import { layoutPrefix } from "./layout-reference.ts";
import { type Lowered, lower } from "./lower.ts";
import { parseContexts } from "./named-contexts.ts";
import { openFrontend } from "./open-frontend.ts";
import { networkMode } from "./options.ts";
import { askedPlatforms } from "./platforms.ts";
import type { BaseImage } from "./resolve-stages.ts";
import type { ReceiveDeps } from "./stream-context.ts";

/** What a check found. */
export interface CheckedBuild {
  readonly dockerfile: DockerfileSource;
  readonly diagnostics: readonly Diagnostic[];
  /** Why it can't be built, where that is so. */
  readonly error?: { readonly message: string; readonly span?: Span; readonly hint?: string };
  /** Base images that aren't in the store, by name: what depends on them was not checked. */
  readonly unknown: readonly string[];
}

/** What of {@link BuildOptions} a check looks at. */
export type CheckBuildOptions = Pick<
  BuildOptions,
  | "context"
  | "dockerfile"
  | "dockerfileText"
  | "graph"
  | "buildArgs"
  | "target"
  | "platform"
  | "network"
  | "allow"
  | "contexts"
  | "secrets"
  | "ssh"
  | "signal"
>;

/**
 * Look for what deserves a warning, in the stages that the target needs or in all where none is named. Nothing is built and
 * nothing fetched: of a base image that isn't in the store nothing is known.
 *
 * @throws {BerthError} when the context or the Dockerfile can't be read
 */
export async function checkBuild(deps: ImageDeps & ReceiveDeps, options: CheckBuildOptions): Promise<CheckedBuild> {
  await using context = await openContext(deps, options);
  const { dockerfile } = context;
  const unknown = new Set<string>();
  let linter: FileLinter | undefined;
  try {
    const frontend = openFrontend(dockerfile, options);
    linter = openLinter(frontend.directives, options.buildArgs?.["BUILDKIT_DOCKERFILE_CHECK"]);
    const ignores = openSourceMatcher(context.ignore);
    const everyStage = (options.target ?? "") === "";
    const onUnknown = (name: string): void => void unknown.add(name);
    await lowerLocally(deps, frontend, { ...options, linter, ignores, everyStage, onUnknown });
    linter.refuse();
    return { dockerfile, diagnostics: linter.diagnostics, unknown: [...unknown] };
  } catch (error) {
    if (!(error instanceof BerthError) || isKind(error, "canceled")) throw error;
    return { dockerfile, diagnostics: linter?.diagnostics ?? [], error: placed(error), unknown: [...unknown] };
  }
}

/** How {@link lowerLocally} lowers. */
export interface LocalOptions extends CheckBuildOptions {
  readonly everyStage: boolean;
  readonly linter: FileLinter;
  readonly ignores: (path: string) => boolean;
  readonly onUnknown: (name: string) => void;
}

/** Lower stages without building or fetching anything: what isn't in the store counts as an image that nothing is known of. */
export async function lowerLocally(deps: ImageDeps, frontend: Frontend, options: LocalOptions): Promise<Lowered> {
  const { linter, ignores, target, everyStage, onUnknown } = options;
  const [wanted = hostPlatform] = askedPlatforms(options.platform);
  const network = networkMode(options.network);
  const allowed = parseEntitlements(options.allow ?? []);
  return await lower(frontend, {
    buildArgs: new Map(Object.entries(options.buildArgs ?? {})),
    platform: wanted,
    buildPlatform: hostPlatform,
    network,
    // What steps may do is a question of the build that runs them.
    allowsHostNetwork: true,
    entitlements: { ...allowed, hostNetwork: true, insecure: true },
    linter,
    ignores,
    contexts: parseContexts(options.contexts ?? {}),
    resolveImage: async (name, platform) => {
      const image = name.startsWith(layoutPrefix) ? undefined : localImage(deps, name, platform);
      if (image !== undefined) return baseOf(name, image);
      onUnknown(name);
      return unknownBase(name, platform ?? wanted);
    },
    everyStage,
    ...(target === undefined ? {} : { target }),
  });
}

/** The image of the store, be it for another platform; undefined without any. */
function localImage(deps: ImageDeps, name: string, platform: Platform | undefined): Image | undefined {
  const found = <T>(find: () => T): T | undefined => {
    try {
      return find();
    } catch (error) {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    }
  };
  const fitting = platform === undefined ? undefined : found(() => getPlatformImage(deps, name, platform));
  return fitting ?? found(() => getImage(deps, name));
}

function baseOf(name: string, { id, config }: Image): BaseImage {
  return { id, config, name, chainID: chainIDs(config.rootfs.diff_ids).at(-1) };
}

function unknownBase(name: string, platform: Platform): BaseImage {
  const config = { ...platform, rootfs: { type: "layers", diff_ids: [] } } as const;
  return { id: digestOf(name), config, name, chainID: undefined, unknown: true };
}

function placed(error: BerthError): NonNullable<CheckedBuild["error"]> {
  const span = error instanceof BuildError || error instanceof DockerfileError ? error.span : undefined;
  return {
    message: error.message,
    ...(span === undefined ? {} : { span }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
