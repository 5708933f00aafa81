import type { ProgressEvent } from "../../base/operation.ts";
import type { BuildOptions } from "../../build/build.ts";
import type { Engine } from "../../engine/engine.ts";
import type { PastBuild } from "../engine-types.ts";
import type { BuildValues } from "../request/build-flags.ts";
import { checkTarget, plainMode, writeArchive } from "../terminal/output-file.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What a page that can't be written is told with. */
export const pageFailure = "failed to write the page";

type Asked = Pick<BuildValues, "explain" | "timeline">;
type Reporting = Pick<BuildOptions, "report" | "onRecorded">;

/** What is made of a build's record when it has ended, however it did. */
export interface RecordOutputs {
  /** What the build is to be told with: what a display takes, and what is recorded beside. */
  readonly reporting: (display: Pick<BuildOptions, "report">) => Required<Reporting>;
  /** Complete the record by what came after the build itself, such as a push, and write what is asked for. */
  readonly write: () => Promise<void>;
}

/** Refuse a page that can't be written before anything is built. @throws {CliError} */
export async function checkRecordOutputs(io: Terminal, { timeline }: Asked): Promise<void> {
  if (timeline !== undefined) await checkTarget(io, { output: timeline, failure: pageFailure });
}

/** Follow a build for `--explain`, `--timeline` and its record. */
export function recordOutputs({ builds }: Engine, io: Terminal, { explain, timeline }: Asked): RecordOutputs {
  let id: string | undefined;
  const later: { readonly time: number; readonly event: ProgressEvent }[] = [];
  return {
    reporting: ({ report }) => ({
      onRecorded: (recorded) => {
        id = recorded;
      },
      report: (event) => {
        if (id !== undefined && event.kind === "step") later.push({ time: Date.now(), event });
        report?.(event);
      },
    }),
    write: async () => {
      if (id === undefined) return;
      if (later.length > 0) await builds.extend(id, later);
      if (timeline !== undefined) {
        const { signal } = new AbortController();
        await writeTimeline(io, await builds.get(id), { output: timeline, signal });
      }
      if (!explain) return;
      const { explanationText, usualPaths } = await import("../format/explanation.ts");
      const text = explanationText(await builds.explain(id), { now: Date.now(), mostPaths: usualPaths });
      io.stderr.write(`\n${text}`);
    },
  };
}

/** Write a build's timeline as a page. @param target standard output without a file */
export async function writeTimeline(
  io: Terminal,
  build: PastBuild,
  target: { readonly output: string | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const { timelinePage } = await import("../page/timeline.ts");
  await writeArchive(io, bytesOf(timelinePage(build)), { ...target, mode: plainMode });
}

async function* bytesOf(texts: Iterable<string>): AsyncGenerator<Uint8Array> {
  for (const each of texts) yield Buffer.from(each);
}
