import { randomID } from "../base/ids.ts";
import { openSourceMatcher } from "../dockerfile/ignore.ts";
import { type FileLinter, openLinter } from "../dockerfile/linter.ts";
import { sourceDateEpoch } from "../image/creation-time.ts";
import type { PreparedPull } from "../image/pull.ts";
import type { ChainID } from "../oci/digest.ts";
import { hostPlatform, type Platform, platformText } from "../oci/platform.ts";
import { checkAnnotations } from "./annotations.ts";
import { isAttested } from "./attest/options.ts";
import type { ScanOptions, Scans } from "./attest/scan.ts";
import { type BaseOptions, resolveBase } from "./base-image.ts";
import type { BuildDeps, BuildOptions, FilesResult } from "./build.ts";
import { exportCaches, importsOf, inlineCache } from "./build-caches.ts";
import { type DockerfileSource, inDockerfile } from "./build-error.ts";
import type { CacheImports } from "./cache-imports.ts";
import { namedTree, openContext } from "./context.ts";
import { parseEntitlements } from "./entitlements.ts";
import type { Built, Exported } from "./export-images.ts";
import { proxyEnv } from "./global-args.ts";
import { type BuildRecorder, openRecorder } from "./history/recorder.ts";
import { basesOf, linkedBase } from "./linked-base.ts";
import { lowerPlatforms, mergedGraph, type PlatformOptions, type PlatformTarget } from "./lower-platforms.ts";
import { type NamedContexts, parseContexts } from "./named-contexts.ts";
import { openFrontend } from "./open-frontend.ts";
import { networkMode } from "./options.ts";
import { askedPlatforms } from "./platforms.ts";
import { internalStep } from "./progress.ts";
import type { BaseImage } from "./resolve-stages.ts";
import { type AskedGraph, type SolvingOptions, solveDurably } from "./solve-durably.ts";
import type { SourceTree } from "./source-tree.ts";
import { deviceRegistry, grantDevices } from "./step-devices.ts";

/** What a target takes: what is asked for, and whether anybody needs its file system. */
type TargetOptions = BuildOptions & Pick<SolvingOptions, "isCacheOnly">;

/** What becomes of a target. */
interface Solving<Output> {
  readonly buildID: string;
  readonly platforms: readonly Platform[];
  readonly recorder: BuildRecorder;
  readonly finish: (built: Built, recorder: BuildRecorder) => Promise<Output>;
  /** How it is solved, once all that it needs is known. */
  readonly through: typeof solveDurably;
}

/** Solve a target, write its files out, have `finish` make what else is to come of it while its layers are held, and keep a record. */
export async function solveTarget<Output extends Exported | undefined>(
  deps: BuildDeps,
  given: TargetOptions,
  finish: Solving<Output>["finish"],
  through: typeof solveDurably = solveDurably,
): Promise<FilesResult & { readonly output: Output }> {
  const platforms = askedPlatforms(given.platform);
  const buildID = randomID();
  const platform = (platforms.length === 0 ? [hostPlatform] : platforms).map(platformText).join(",");
  const recorder = openRecorder(deps.db, given, { buildID, platform });
  const options: TargetOptions = { ...given, report: recorder.report };
  const { result, warnings } = await recorder.record(() =>
    solveAsked(deps, options, { buildID, platforms, recorder, finish, through }),
  );
  return { ...result, buildID, warnings: [...result.warnings, ...warnings] };
}

/** What is open while a target is solved. */
interface Opened {
  readonly context: Awaited<ReturnType<typeof openContext>>;
  readonly contexts: NamedContexts;
  readonly imports: CacheImports | undefined;
  readonly kept: AsyncDisposableStack;
}

async function solveAsked<Output>(
  deps: BuildDeps,
  options: TargetOptions,
  solving: Solving<Output>,
): Promise<Omit<FilesResult, "buildID"> & { readonly output: Output }> {
  const startedAt = Date.now();
  checkAsked(options, solving.platforms);
  const contexts = parseContexts(options.contexts ?? {}, options.links);
  await using context = await openContext(deps, options);
  await using imports = await importsOf(deps, options);
  await using kept = new AsyncDisposableStack();
  const { dockerfile } = context;
  solving.recorder.begun();
  return await inDockerfile(dockerfile, async () => {
    const { targets, linter, scans, ...lowered } = await lowerTarget(
      deps,
      { context, contexts, imports, kept },
      { ...options, ...solving },
    );
    const { graph } = lowered;
    const solvedFrom = Date.now();
    const solved = await solving.through(deps, lowered, lowered.solving);
    const attest = await attesterOf(deps, options, { dockerfile, startedAt, solved: solved.solved, ...scans });
    const cache = { ...solved, graph, imports, solvedFrom, solving: lowered.solving };
    const inline = await inlineCache(deps, cache, options);
    const built = { targets, solved: solved.solved, epoch: lowered.solving.epoch, ...inline, ...attest };
    await writeFiles(deps, built, options);
    const output = await solving.finish(built, solving.recorder);
    const tops = targets.flatMap(({ lowered: { output } }) => solved.solved.get(output)?.chainID ?? []);
    const unsaved = await exportCaches(deps, { ...cache, tops }, options);
    await deps.snapshotter.referred([...solved.solved.values()].flatMap(({ chainID }) => chainID ?? []));
    const warnings = [...(targets[0]?.lowered.warnings ?? []), ...unsaved, ...(imports?.warnings ?? [])];
    const bases = basesOf(deps, built, options);
    const told = await provenanceOf(options, { dockerfile, startedAt }, targets);
    return { output, bases, warnings, diagnostics: linter.diagnostics, ...told };
  });
}

/** A target as a graph, and what it is to be solved with. */
interface LoweredTarget extends AskedGraph {
  readonly targets: readonly PlatformTarget[];
  /** Where an image lists the packages. */
  readonly scans: Pick<Scans, "vertices" | "generator"> | undefined;
  readonly linter: FileLinter;
  readonly solving: SolvingOptions;
}

/** Lower the stages for each platform. */
async function lowerTarget(
  deps: BuildDeps,
  { context, contexts, imports, kept }: Opened,
  {
    platforms,
    recorder,
    buildID,
    ...options
  }: TargetOptions & Pick<Solving<unknown>, "platforms" | "recorder" | "buildID">,
): Promise<LoweredTarget> {
  const network = networkMode(options.network);
  const entitlements = parseEntitlements(options.allow ?? []);
  const registry = deviceRegistry();
  const buildArgs = new Map(Object.entries(options.buildArgs ?? {}));
  const pulls: PreparedPull[] = [];
  const finding: FindOptions = {
    ...options,
    onPull: (pull) => pulls.push(pull),
    keep: (opened) => kept.use(opened),
  };
  const frontend = openFrontend(context.dockerfile, options);
  const linter = openLinter(frontend.directives, buildArgs.get("BUILDKIT_DOCKERFILE_CHECK"));
  const { targets, ...lowered } = await lowerPlatforms(frontend, {
    buildArgs,
    platforms,
    contexts,
    network,
    allowsHostNetwork: network === "host" || entitlements.hostNetwork,
    entitlements,
    devices: (requests) => grantDevices(registry(), entitlements, requests),
    linter,
    ignores: openSourceMatcher(context.ignore),
    resolve: (name, platform, shown) => findBase(deps, { name, platform }, { ...finding, shown }),
    ...loweredAs(options),
  }).finally(() => options.onDiagnostics?.(linter.diagnostics, context.dockerfile));
  linter.refuse();
  const find = (name: string): Promise<BaseImage> => findBase(deps, { name, platform: hostPlatform }, finding);
  const scans = await scansFor(targets, { ...options, network }, find);
  const graph = scans === undefined ? lowered.graph : mergedGraph([lowered.graph, scans.graph]);
  const outputs = [...targets.map(({ lowered }) => lowered.output), ...(scans?.vertices.values() ?? [])];
  recorder.planned(graph, targets);
  const { ssh } = options;
  const solving = {
    ...options,
    ...(ssh === undefined ? {} : { agents: (await import("./ssh-agent.ts")).openAgents(ssh) }),
    ...(imports === undefined ? {} : { imports }),
    registry,
    context: options.reads?.observe(context.tree) ?? context.tree,
    contexts: treesOf(contexts),
    proxy: proxyEnv(buildArgs),
    epoch: sourceDateEpoch(buildArgs.get("SOURCE_DATE_EPOCH") ?? ""),
    pulls,
    commits: new Map(),
    buildID,
    watcher: recorder.watcher,
  };
  return { graph, outputs, targets, scans, linter, solving };
}

type FindOptions = BaseOptions & Pick<BuildOptions, "links">;

/** A base image: another build's result, or one of the store or a registry. */
async function findBase(
  deps: BuildDeps,
  base: Parameters<typeof resolveBase>[1],
  options: FindOptions,
): Promise<BaseImage> {
  return linkedBase(options.links, base.name, base.platform) ?? (await resolveBase(deps, base, options));
}

/** The steps that list the packages of targets, where an image does that. */
async function scansFor(
  targets: readonly PlatformTarget[],
  { attestations, network }: Pick<BuildOptions, "attestations"> & Pick<ScanOptions, "network">,
  find: ScanOptions["find"],
): Promise<Scans | undefined> {
  const { sbom } = attestations ?? {};
  if (typeof sbom !== "object") return undefined;
  const { scansOf } = await import("./attest/scan.ts");
  return await scansOf(targets, { ...sbom, network, find });
}

interface EndedTargets extends Partial<Pick<Scans, "vertices" | "generator">> {
  readonly dockerfile: DockerfileSource;
  readonly startedAt: number;
  readonly solved: Built["solved"];
}

async function attesterOf(
  deps: BuildDeps,
  options: BuildOptions,
  { vertices, solved, ...about }: EndedTargets,
): Promise<Pick<Built, "attest">> {
  if (!isAttested(options.attestations)) return {};
  const { openAttester } = await import("./attest/attest.ts");
  const scanned = (lowered: PlatformTarget["lowered"]): ChainID | undefined => {
    const vertex = vertices?.get(lowered);
    return vertex === undefined ? undefined : solved.get(vertex)?.chainID;
  };
  return { attest: openAttester(deps, options, { ...about, scanned }) };
}

async function provenanceOf(
  options: BuildOptions,
  about: { readonly dockerfile: DockerfileSource; readonly startedAt: number },
  targets: readonly PlatformTarget[],
): Promise<Pick<FilesResult, "provenance">> {
  if (options.tellsProvenance !== true) return {};
  const { provenances } = await import("./attest/attest.ts");
  return { provenance: await provenances(options, about, targets) };
}

function loweredAs({ target, settings, noCacheStages, buildArgs }: BuildOptions): Partial<PlatformOptions> {
  const hostname = buildArgs?.["BUILDKIT_SANDBOX_HOSTNAME"];
  return {
    ...(target === undefined ? {} : { target }),
    ...(hostname !== undefined ? { settings: { ...settings, hostname } } : settings !== undefined && { settings }),
    ...(noCacheStages === undefined ? {} : { noCacheStages }),
  };
}

/** Refuse what can't come of a build before anything is done. */
function checkAsked(
  { annotations = [], variants = [], attestations }: BuildOptions,
  platforms: readonly Platform[],
): void {
  checkAnnotations([...annotations, ...variants.flatMap((variant) => variant.annotations)], {
    platforms: platforms.length === 0 ? [hostPlatform] : platforms,
    hasIndex: platforms.length > 1 || isAttested(attestations),
  });
}

function treesOf(contexts: NamedContexts): ReadonlyMap<string, SourceTree> {
  const local = [...contexts.values()].filter((context) => context.kind === "local");
  return new Map(local.map(({ name, directory }) => [name, namedTree(directory)]));
}

async function writeFiles(deps: BuildDeps, built: Built, options: BuildOptions): Promise<void> {
  const { files = [] } = options;
  if (files.length === 0) return;
  const { exportTargets } = await import("./export-files.ts");
  await internalStep(options, "exporting to client", () => exportTargets(deps, built, options));
}
