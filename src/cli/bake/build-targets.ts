import { linksOf, type Plan } from "../../bake/definition/targets.ts";
import type { BuildOptions } from "../../build/build.ts";
import { buildTogether, type LinkedBuild, type Together } from "../../build/build-together.ts";
import type { Engine } from "../../engine/engine.ts";
import { checkRequest } from "../commands/build.ts";
import { buildAndExport, type Exported } from "../commands/build-exports.ts";
import { failureOf } from "../commands/build-failure.ts";
import { warningsText } from "../format/build-call.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { prefixed } from "./prefixed.ts";
import { ofTarget, type TargetBuild } from "./target-build.ts";

/** What {@link buildTargets} works with. */
export interface BuildTargetsOptions {
  readonly io: Terminal;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  readonly report?: BuildOptions["report"];
  readonly tellsProvenance?: boolean;
  /** Told what Dockerfiles deserve a warning for, as a text for the end. */
  readonly onWarnings?: (text: string) => void;
}

/** Refuse what can't be written before anything is built. @throws {CliError} */
export async function checkTargets(builds: ReadonlyMap<string, TargetBuild>, io: Terminal): Promise<void> {
  for (const { name, options, outputs, values } of builds.values()) {
    await checkRequest(values, { options, outputs }, io).catch((error: unknown) => {
      throw ofTarget(error, name);
    });
  }
}

/** Build all targets side by side. @returns results by name. @throws {CliError} */
export async function buildTargets(
  { targets }: Plan,
  builds: ReadonlyMap<string, TargetBuild>,
  options: BuildTargetsOptions,
): Promise<ReadonlyMap<string, Exported>> {
  const several = builds.size > 1;
  const linked = [...builds].map(([name, build]) => {
    const target = targets.get(name);
    const run: LinkedBuild<Exported> = {
      links: target === undefined ? [] : linksOf(target),
      build: (together) => buildTarget(build, { ...options, together, several }),
    };
    return [name, run] as const;
  });
  return await buildTogether(new Map(linked), options);
}

interface TargetOptions extends BuildTargetsOptions {
  readonly together: Together;
  readonly several: boolean;
}

async function buildTarget(
  { name, options, outputs, values }: TargetBuild,
  { io, engine, report, tellsProvenance = false, onWarnings, together, several }: TargetOptions,
): Promise<Exported> {
  const shown = report === undefined || !several ? report : prefixed(report, name);
  try {
    return await buildAndExport(
      { io, engine, outputs, tags: values.tag, guard: values.guard },
      {
        ...options,
        ...together,
        tellsProvenance,
        ...(shown === undefined ? {} : { report: shown }),
        onDiagnostics: (diagnostics, dockerfile) => {
          onWarnings?.(warningsText(diagnostics, io.env["BERTH_DEBUG"] === "1" ? dockerfile : undefined));
        },
      },
    );
  } catch (error) {
    throw several ? ofTarget(error, name) : failureOf(error);
  }
}
