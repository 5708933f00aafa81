import type { BuildDeps } from "../build/build.ts";
import type { ImportedBuild } from "../build/bundle/import.ts";
import type { LoggedEvent } from "../build/history/build-log.ts";
import type { Explanation } from "../build/history/explain.ts";
import type { LaterEvent } from "../build/history/extend.ts";
import type { BuildSummary, PastBuild } from "../build/history/past-build.ts";
import type { RecordedRequest } from "../build/history/recorded-request.ts";
import type { BuildPlan, PlanOptions } from "../build/plan-build.ts";
import type { PastRun, PastShellOptions } from "../build/run-past.ts";
import type { ArchiveSource } from "../image/archive-files.ts";
import type { ImageDeps } from "../image/images.ts";

/** Earlier builds: what is known of the newest of them. */
export interface Builds {
  /** The newest first. */
  list(): Promise<readonly BuildSummary[]>;
  /**
   * One with its steps.
   *
   * @param ref an ID or the beginning of one; `^N`, the one N before the newest; empty for the newest
   * @throws {BerthError} not-found; invalid-argument, where several begin so
   */
  get(ref: string): Promise<PastBuild>;
  /** What its steps told and wrote, in order. @param ref as {@link get} */
  log(ref: string): Promise<readonly LoggedEvent[]>;
  /** Why the steps of a build ran. @param ref as {@link get}, or the name of an image: then the newest build that made it */
  explain(ref: string): Promise<Explanation>;
  /** What the newest build of an image was asked, to ask for the same again. @throws {BerthError} not-found */
  request(image: string): Promise<RecordedRequest>;
  /**
   * Run a command, or a shell, in the file system that a `RUN` of a build began with, on this process's standard streams.
   *
   * @returns its exit code
   * @throws {BerthError} failed-precondition, where there is none, or it isn't in the store any more
   */
  shell(past: PastRun, options: PastShellOptions): Promise<number>;
  /** Say what a build would do, and do nothing. @throws {BuildError} */
  plan(options: PlanOptions): Promise<BuildPlan>;
  /**
   * Add what came after a build itself: steps of a push or an archive. One that failed makes the build one that failed.
   *
   * @param events with milliseconds since the epoch
   */
  extend(id: string, events: readonly LaterEvent[]): Promise<void>;
  /**
   * Records as an archive, in the form of `buildx history export`.
   *
   * @param refs as {@link get}
   */
  export(refs: readonly string[] | "all"): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Keep the records that such an archive has, to look at. What was recorded already stays.
   *
   * @throws {BerthError} invalid-argument, for what is no such archive
   */
  import(source: ArchiveSource): Promise<readonly ImportedBuild[]>;
  /** Forget builds; their images and what they left in the cache stay. @param refs as {@link get} @returns whole IDs */
  remove(refs: readonly string[] | "all"): Promise<readonly string[]>;
}

/** Builds with which one is compared at most. */
const mostCompared = 10;

/** Open the earlier builds of a store. Nothing is loaded before it is used. */
export function openBuildHistory(deps: BuildDeps): Builds {
  const { db } = deps;
  const history = () => import("../build/history/history.ts");
  const idsOf = async (refs: readonly string[] | "all"): Promise<readonly string[]> => {
    const { findBuild, listBuilds } = await history();
    return refs === "all" ? listBuilds(db).map(({ id }) => id) : refs.map((ref) => findBuild(db, ref));
  };
  return {
    list: async () => (await history()).listBuilds(db),
    get: async (ref) => {
      const { findBuild, readBuild } = await history();
      return readBuild(db, findBuild(db, ref));
    },
    log: async (ref) => {
      const { findBuild, readLog } = await history();
      return readLog(db, findBuild(db, ref));
    },
    explain: async (ref) => {
      const [{ earlierBuilds, readBuild, readFiles }, { explainBuild }] = await Promise.all([
        history(),
        import("../build/history/explain.ts"),
      ]);
      const build = readBuild(db, await meant(deps, ref));
      return explainBuild(build, {
        earlier: earlierBuilds(db, build, mostCompared),
        files: (key) => readFiles(db, key),
      });
    },
    request: async (image) => (await import("../build/history/recorded-request.ts")).recordedRequest(deps, image),
    shell: async (past, options) => (await import("../build/run-past.ts")).shellInPast(deps, past, options),
    plan: async (options) => (await import("../build/plan-build.ts")).planBuild(deps, options),
    extend: async (id, events) => (await import("../build/history/extend.ts")).extendBuild(db, id, events),
    export: async (refs) => {
      const [ids, { exportBundle }] = await Promise.all([idsOf(refs), import("../build/bundle/export.ts")]);
      return exportBundle(db, ids);
    },
    import: async (source) => {
      const { importBundle } = await import("../build/bundle/import.ts");
      return await importBundle(db, source, () => deps.snapshotter.scratch());
    },
    remove: async (refs) => {
      const ids = await idsOf(refs);
      const { removeBuilds } = await history();
      await removeBuilds(db, refs === "all" ? "all" : ids);
      return ids;
    },
  };
}

/** The build that a text means, which may be the name of an image. */
async function meant(deps: ImageDeps, ref: string): Promise<string> {
  const [{ buildOfImage, findBuild }, { getImage }, { BerthError, isKind }] = await Promise.all([
    import("../build/history/history.ts"),
    import("../image/images.ts"),
    import("../base/errors.ts"),
  ]);
  try {
    return findBuild(deps.db, ref);
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
  }
  let image: string;
  try {
    image = getImage(deps, ref).id;
  } catch (error) {
    if (!isKind(error, "not-found") && !isKind(error, "invalid-argument")) throw error;
    throw new BerthError("not-found", `no build and no image is known as ${ref}`, {
      cause: error,
      hint: "`berth builds` lists the builds that are recorded.",
    });
  }
  const build = buildOfImage(deps.db, image);
  if (build !== undefined) return build;
  throw new BerthError("not-found", `no build is recorded that made ${ref}`, {
    hint: "`berth builds` lists the builds that are recorded: the newest ones.",
  });
}
