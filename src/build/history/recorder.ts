import { monotonic } from "../../base/clock.ts";
import { isKind, messageOf } from "../../base/errors.ts";
import type { Operation, ProgressEvent } from "../../base/operation.ts";
import type { Database } from "../../metadata/database.ts";
import type { BuildOptions } from "../build.ts";
import type { Graph, Vertex } from "../graph.ts";
import type { PlatformTarget } from "../lower-platforms.ts";
import type { KeyedContent, SolveWatcher } from "../solve.ts";
import { stageName } from "../stages.ts";
import { askedOf } from "./asked.ts";
import { BuildLogger } from "./build-log.ts";
import { buildName, subjectOf } from "./build-subject.ts";
import { hasFiles, saveBuild } from "./history.ts";
import { secretTexts, shown } from "./mask.ts";
import type { BuildStatus, PastStep, StepInputs, StepOutcome } from "./past-build.ts";
import { keptValue } from "./shown-value.ts";
import { stepCommand } from "./step-command.ts";
import { stepInputs } from "./step-inputs.ts";
import { longestError, StepRecorder } from "./step-recorder.ts";
import { unlessFull } from "./unless-full.ts";

/** What writes down how a build goes. */
export interface BuildRecorder {
  /** The build's own, which is told of everything. */
  readonly report: NonNullable<Operation["report"]>;
  readonly watcher: SolveWatcher;
  /** There is something to build: what fails before that is no build. */
  begun(): void;
  /** What is to be solved is known. */
  planned(graph: Graph, targets: readonly PlatformTarget[]): void;
  /**
   * Run a build, and keep what is known of it when it has ended, however it did. Where that can't be kept the build is none the worse.
   *
   * @returns what the body did, and what a user should be warned of
   */
  record<T extends { readonly output?: { readonly image: { readonly id: string } } | undefined }>(
    body: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly warnings: readonly string[] }>;
}

/** Begin to write a build down. @param about its ID, and what is built for which platform */
export function openRecorder(
  db: Database,
  options: BuildOptions,
  about: { readonly buildID: string; readonly platform: string },
): BuildRecorder {
  const recording = new Recording(db, options);
  let hasBegun = false;
  return {
    report: (event) => recording.report(event),
    watcher: recording,
    begun: () => {
      hasBegun = true;
    },
    planned: (graph, targets) => recording.planned(graph, targets),
    record: async (body) => {
      const save = async (ended: Ended): Promise<readonly string[]> => {
        if (options.records === false || !hasBegun) return [];
        const failure = await unlessFull(() => saveBuild(db, recording.recordOf(ended, about)));
        if (failure !== undefined) return [`the build is not recorded: ${failure}`];
        options.onRecorded?.(about.buildID);
        return [];
      };
      try {
        const result = await body();
        const image = result.output === undefined ? {} : { image: result.output.image.id };
        return { result, warnings: await save({ status: "completed", ...image }) };
      } catch (error) {
        const canceled = isKind(error, "canceled") || options.signal?.aborted === true;
        await save({ status: canceled ? "canceled" : "error", error: messageOf(error).slice(0, longestError) });
        throw error;
      }
    },
  };
}

interface Ended {
  readonly status: BuildStatus;
  readonly image?: string;
  readonly error?: string;
}

/** Bytes of the lists of files of one build, compressed, after which no more are kept. */
const mostListed = 8 << 20;

class Recording implements SolveWatcher {
  readonly #db: Database;
  readonly #options: BuildOptions;
  readonly #started = Date.now();
  readonly #begin = monotonic();
  readonly #logger = new BuildLogger();
  readonly #steps = new StepRecorder();
  readonly #ready = new Map<string, number>();
  readonly #inputs = new Map<string, StepInputs>();
  readonly #lists = new Map<string, Uint8Array>();
  #listed = 0;
  #graph: Graph = new Map();
  #unneeded: readonly string[] = [];

  constructor(db: Database, options: BuildOptions) {
    this.#db = db;
    this.#options = options;
  }

  planned(graph: Graph, targets: readonly PlatformTarget[]): void {
    this.#graph = graph;
    // Each platform has the same stages, and may need others of them.
    const unneeded = targets.map(({ lowered: { plan, stages } }) =>
      plan.stages.filter((stage) => !stages.has(stage)).map(stageName),
    );
    const [first = [], ...others] = unneeded;
    this.#unneeded = first.filter((name) => others.every((names) => names.includes(name)));
  }

  report(event: ProgressEvent): void {
    const now = this.#now();
    if (event.kind === "step") this.#steps.add(event, now);
    else this.#logger.add(now, event);
    this.#options.report?.(event);
  }

  ready({ digest }: Vertex): void {
    this.#ready.set(digest, this.#now());
  }

  keyed(found: Parameters<SolveWatcher["keyed"]>[0]): void {
    // Nothing is kept of a vertex that is no step.
    if (found.vertex.name === "" || this.#options.records === false) return;
    if (!found.isCached) for (const content of found.content) this.#list(content);
    const files = found.content.map(({ key, mount }) => ({ key, mount }));
    this.#inputs.set(found.vertex.digest, stepInputs({ ...found, files }));
  }

  /** What is known of the build, now that it has ended. */
  recordOf(
    ended: Ended,
    { buildID, platform }: { readonly buildID: string; readonly platform: string },
  ): Parameters<typeof saveBuild>[1] {
    const { tags = [], buildArgs = {}, noCache = false, target } = this.#options;
    const secrets = secretTexts(this.#options);
    const recorded = this.#recorded(secrets);
    const of = (outcome: StepOutcome): number => recorded.filter((step) => step.outcome === outcome).length;
    return {
      subject: subjectOf(this.#options, buildID),
      log: this.#logger.packed(secrets),
      lists: this.#lists,
      build: {
        id: buildID,
        started: this.#started,
        duration: Math.round(this.#now()),
        ...ended,
        ...(ended.error === undefined ? {} : { error: shown(ended.error, secrets) }),
        ...buildName(this.#options),
        ...(target === undefined || target === "" ? {} : { target }),
        platform,
        tags,
        steps: { total: recorded.length, completed: of("ran") + of("cached"), cached: of("cached") },
        recorded,
        unneeded: this.#unneeded,
        buildArgs: Object.fromEntries(Object.entries(buildArgs).map(([name, value]) => [name, keptValue(name, value)])),
        noCache,
        asked: askedOf(this.#options),
      },
    };
  }

  #recorded(secrets: readonly string[]): readonly PastStep[] {
    const skipped = [...this.#graph.values()]
      .filter(({ digest, name }) => name !== "" && !this.#steps.has(digest))
      .map(({ digest, name }): PastStep => ({ vertex: digest, name, outcome: "skipped" }));
    return [...this.#steps.all(), ...skipped].map((step) => {
      const ready = this.#ready.get(step.vertex);
      const inputs = this.#inputs.get(step.vertex);
      const vertex = this.#graph.get(step.vertex as Vertex["digest"]);
      const { op, span } = vertex ?? {};
      return {
        ...step,
        name: shown(step.name, secrets),
        ...(step.error === undefined ? {} : { error: shown(step.error, secrets) }),
        ...(ready === undefined ? {} : { ready }),
        ...(op === undefined ? {} : { op: op.kind }),
        ...(span === undefined ? {} : { span }),
        ...(inputs === undefined ? {} : { inputs, ...stepCommand(vertex, secrets) }),
      };
    });
  }

  /** Keep the list of what a step reads that runs, unless there is one already: steps that are cached write nothing. */
  #list({ key, files }: KeyedContent): void {
    if (files === undefined || this.#listed > mostListed || this.#lists.has(key) || hasFiles(this.#db, key)) return;
    const packed = files.packed();
    if (packed === undefined) return;
    this.#listed += packed.length;
    this.#lists.set(key, packed);
  }

  /** Milliseconds since the build began, to a tenth. */
  #now(): number {
    return Math.round((monotonic() - this.#begin) * 10) / 10;
  }
}
