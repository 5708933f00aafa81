import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { garbageProblem, type Problem } from "../base/problem.ts";
import { checkBuilds } from "../build/history/check.ts";
import { checkContainers } from "../container/check-containers.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { lock } from "../host/lock.ts";
import { checkCache } from "../image/check-cache.ts";
import { checkImages } from "../image/check-images.ts";
import { checkIndexes } from "../image/check-indexes.ts";
import { checkManifests } from "../image/check-manifests.ts";
import type { HealDeps, Healer, ImageCheckOptions } from "../image/heal.ts";
import { checkBallast } from "../metadata/ballast.ts";
import { checkDatabase } from "../metadata/check.ts";
import type { DiffID } from "../oci/digest.ts";
import { findGarbage } from "./garbage.ts";
import { usersOf } from "./users.ts";

/** How {@link checkStore} checks. */
export interface StoreCheckOptions extends Operation {
  /** Mend what can be mended; nothing else is touched. */
  readonly repair?: boolean;
  /** Read no content: names, sizes and attributes alone. */
  readonly quick?: boolean;
  /** Told what was looked at, and how many of it: `layers`, 12. */
  readonly looked?: (what: string, count: number) => void;
}

/** Something that is wrong with a store. */
export interface StoreProblem {
  /** Number of the invariant in `docs/store.md`. */
  readonly invariant: string;
  readonly what: string;
  /** Names, or IDs where they have none, of the images that it touches. */
  readonly images: readonly string[];
  /** Names of the containers that it touches. */
  readonly containers: readonly string[];
  /** What a command that was killed has left: it takes space and does no harm. */
  readonly leftover: boolean;
  /** What to do, a sentence. */
  readonly advice: string;
  readonly mended: boolean;
  /** Why it couldn't be mended, where there is something to say: a clause. */
  readonly why?: string;
}

/** What checking a store works with. */
export interface StoreCheckDeps extends ContainerDeps, Pick<HealDeps, "openRegistries"> {}

/** Time that a command under way has to record what it made before that counts as garbage, milliseconds. */
const patience = 250;

/**
 * Check a store against its invariants, and mend what is wrong when asked. Others may go on using it meanwhile.
 *
 * @returns each thing that is wrong, as it is found
 */
export async function* checkStore(deps: StoreCheckDeps, options: StoreCheckOptions = {}): AsyncGenerator<StoreProblem> {
  const { repair = false, quick = false, signal, looked = () => undefined } = options;
  using _lock = repair ? await lock(deps.host.syscalls, join(deps.host.runRoot, "repair.lock"), options) : undefined;
  const operation = stoppedBy(signal);
  const healer = repair ? await openHealer(deps, operation) : {};
  for await (const problem of problems(deps, { quick, looked, ...operation, ...healer })) {
    // Asked before it is mended: garbage has no users, and what was mended may have none then.
    const users = usersOf(deps.db, problem);
    const done = repair && problem.mend !== undefined && (await problem.mend());
    const why = typeof done === "string" ? { why: done } : {};
    const { invariant, what, leftover = false } = problem;
    yield { invariant, what, ...users, leftover, advice: adviceOn(problem, repair), mended: done === true, ...why };
  }
}

/** What loses nothing comes first. */
function adviceOn({ advice, leftover, mend }: Problem, tried: boolean): string {
  if (tried || leftover === true || mend === undefined) return advice;
  const [first = "", ...rest] = advice;
  return `Try \`berth system check --repair\` first; where that can't mend it: ${first.toLowerCase()}${rest.join("")}`;
}

async function openHealer(deps: StoreCheckDeps, operation: Operation): Promise<{ readonly healer: Healer }> {
  const { Healer } = await import("../image/heal.ts");
  return { healer: new Healer(deps, operation) };
}

async function* problems(deps: ContainerDeps, options: ImageCheckOptions): AsyncGenerator<Problem> {
  const { healer } = options;
  yield* checkDatabase(deps.db, "metadata.db");
  yield* checkDatabase(deps.state, "state.db");
  options.looked("databases", 2);
  yield* checkBallast(deps.host);
  // Layers after images: what is garbage has been dealt with by then, and needs no check.
  yield* await lastingGarbage(deps);
  yield* checkImages(deps, options);
  yield* checkIndexes(deps, options);
  yield* checkManifests(deps, options);
  yield* checkCache(deps, options);
  yield* checkBuilds(deps.db, options);
  yield* checkContainers(deps, options);
  yield* deps.volumes.check(options);
  const archives = healer && { archives: (diffID: DiffID) => healer.archives(diffID) };
  yield* deps.snapshotter.check({ ...options, ...archives });
}

/** Garbage that is still there after a moment: what a command is about to record isn't any. */
async function lastingGarbage(deps: ContainerDeps): Promise<readonly Problem[]> {
  const first = await findGarbage(deps);
  if (first.length === 0) return [];
  await sleep(patience);
  const again = new Set((await findGarbage(deps)).map(({ garbage }) => garbage.what));
  return first
    .filter(({ garbage }) => again.has(garbage.what))
    .map(({ invariant, garbage }) => garbageProblem(invariant, garbage));
}
