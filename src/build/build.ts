import type { Operation } from "../base/operation.ts";
import type { Diagnostic } from "../dockerfile/ast.ts";
import { lintStage, unskipped } from "../dockerfile/lint.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { creationTime, latestTime, sourceDateEpoch } from "../image/creation-time.ts";
import { createImage, type Image, type ImageDeps, parseTag } from "../image/images.ts";
import type { Networks } from "../network/networks.ts";
import type { Digest } from "../oci/digest.ts";
import { hostPlatform } from "../oci/platform.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Resources } from "../runtime/spec.ts";
import { resolveBase } from "./base-image.ts";
import { inDockerfile } from "./build-error.ts";
import { type BuildRecord, openBuildCache } from "./cache.ts";
import { openContext } from "./context.ts";
import { proxyEnv } from "./global-args.ts";
import { builtImageConfig } from "./image-config.ts";
import { layersOf } from "./layers.ts";
import { type Lowered, lower } from "./lower.ts";
import { openOps } from "./ops.ts";
import { networkMode, refuseForeignPlatform } from "./options.ts";
import { internalStep } from "./progress.ts";
import { type Solved, solve } from "./solve.ts";

/** What a build works with. */
export interface BuildDeps extends ImageDeps {
  readonly runtime: Runtime;
  readonly networks: Networks;
}

/** What to build, and how. */
export interface BuildOptions extends Operation {
  /** Directory of the build context, or a stream: a tar archive, compressed or not, or a Dockerfile alone. */
  readonly context: string | AsyncIterable<Uint8Array>;
  /** Path of the Dockerfile, inside the archive where the context is one; `Dockerfile` in the context when absent. */
  readonly dockerfile?: string;
  /** The Dockerfile itself, in place of a path. */
  readonly dockerfileText?: string;
  /** Names for the image. */
  readonly tags?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Stage to build; the last when absent. */
  readonly target?: string;
  /** Run every step, whatever earlier builds left. */
  readonly noCache?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** `os/architecture`; only this machine's. */
  readonly platform?: string;
  /** Network of `RUN` steps: `default`, `none` or `host`. */
  readonly network?: string;
  /** What steps may ask for beyond a plain step: `network.host`, which the network `host` includes. */
  readonly allow?: readonly "network.host"[];
  /** Limits of each `RUN` step. */
  readonly resources?: Resources;
  /** Secrets for `RUN --mount=type=secret`, by id. */
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  /** Ask the registry for newer base images. */
  readonly pull?: boolean;
}

/** What a build came to. */
export interface BuildResult {
  readonly image: Image;
  readonly diagnostics: readonly Diagnostic[];
  readonly warnings: readonly string[];
}

/**
 * Build an image from a Dockerfile.
 *
 * The Dockerfile is lowered to a graph of what the target needs; the graph is solved, each step from the cache or by
 * running it; the layers and the config become an image. What was built before a failure stays in the cache.
 *
 * @throws {BuildError} with the lines of the Dockerfile that are to blame, and of a `RUN` that failed the exit code and
 *   the last lines of output; the reason of `signal`, when that aborts
 */
export async function build(deps: BuildDeps, options: BuildOptions): Promise<BuildResult> {
  const references = (options.tags ?? []).map((tag) => parseTag(tag, "build tag cannot contain a digest"));
  const network = networkMode(options.network);
  refuseForeignPlatform(options.platform);
  const buildArgs = new Map(Object.entries(options.buildArgs ?? {}));
  await using context = await openContext(deps, options);
  return await inDockerfile(context.dockerfile, async () => {
    const { file, diagnostics } = parseDockerfile(context.dockerfile.text);
    const lowered = await lower(file, {
      buildArgs,
      platform: hostPlatform,
      network,
      allowsHostNetwork: network === "host" || options.allow?.includes("network.host") === true,
      resolveImage: (name, wanted) => resolveBase(deps, { name, platform: wanted }, options),
      ...(options.target === undefined ? {} : { target: options.target }),
    });
    const warnings = [...lowered.warnings, ...(options.pull === true ? [pullWarning] : [])];
    const epoch = sourceDateEpoch(buildArgs.get("SOURCE_DATE_EPOCH") ?? "");
    const solving = { ...options, context: context.tree, proxy: proxyEnv(buildArgs), epoch };
    const solved = await solveDurably(deps, lowered, solving);
    const image = await internalStep(options, "exporting to image", () =>
      exportImage(deps, { lowered, solved }, { references, labels: options.labels ?? {}, epoch }),
    );
    await deps.snapshotter.referred([...solved.values()].flatMap(({ chainID }) => chainID ?? []));
    const linted = lowered.stages.flatMap(lintStage);
    return { image, warnings, diagnostics: [...diagnostics, ...unskipped(linted, file.directives)] };
  });
}

const pullWarning = "--pull has no effect: registries are not supported yet, base images come from the store";

type SolvingOptions = Omit<BuildOptions, "context"> &
  Parameters<typeof openOps>[1] & { readonly epoch: number | undefined };

/** Solve a graph; what it made is durable and in the cache when this returns, also when it throws. */
async function solveDurably(
  deps: BuildDeps,
  { graph }: Lowered,
  options: SolvingOptions,
): Promise<ReadonlyMap<Digest, Solved>> {
  const cache = openBuildCache(deps.db, (chainID) => deps.snapshotter.find(chainID) !== undefined);
  const records: BuildRecord[] = [];
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    await deps.snapshotter.flush();
    await cache.save(records);
  });
  const ops = stack.use(openOps(deps, options));
  return await solve({ cache, plan: ops.plan }, graph, {
    ...operationOf(options),
    ...(options.epoch === undefined ? {} : latestTime(options.epoch)),
    noCache: options.noCache === true,
    onRecord: (record) => records.push(record),
  });
}

async function exportImage(
  deps: BuildDeps,
  { lowered, solved }: { readonly lowered: Lowered; readonly solved: ReadonlyMap<Digest, Solved> },
  options: {
    readonly references: ReturnType<typeof parseTag>[];
    readonly labels: Readonly<Record<string, string>>;
    readonly epoch: number | undefined;
  },
): Promise<Image> {
  const { references, labels, epoch } = options;
  const layers = layersOf(deps.snapshotter, solved.get(lowered.output)?.chainID);
  const config = builtImageConfig(lowered.image, {
    diffIDs: layers.map(({ diffID }) => diffID),
    createdAt: (vertex) => solved.get(vertex)?.created,
    labels,
    now: new Date().toISOString(),
    ...(epoch === undefined ? {} : { epoch: creationTime(epoch) }),
  });
  return createImage(deps, config, { references });
}

function operationOf({ signal, report }: Operation): Operation {
  return { ...(signal === undefined ? {} : { signal }), ...(report === undefined ? {} : { report }) };
}
