import type { BuildDeps } from "../build/build.ts";
import { type KeptStep, keptSteps } from "../build/kept-steps.ts";
import type { StepRunOptions, StepShellOptions } from "../build/step-shell.ts";

/** The `RUN` steps that failed and are kept: the file system as the command left it, and what it ran with. */
export interface FailedSteps {
  /** The newest first. */
  list(): readonly KeptStep[];
  /** Run a command, or a shell, in one, on this process's standard streams. @returns its exit code @throws {BerthError} */
  shell(step: KeptStep, options: StepShellOptions): Promise<number>;
  /** Run the step's command again in one; its result is in the build cache then. @throws {BuildError} when it fails again */
  retry(step: KeptStep, options: StepRunOptions): Promise<void>;
}

/** What {@link FailedSteps} is to an engine. */
export function openFailedSteps(deps: BuildDeps): FailedSteps {
  return {
    list: () => keptSteps(deps.db),
    shell: async (step, options) => {
      const { shellInKept } = await import("../build/run-kept.ts");
      return await shellInKept(deps, step, options);
    },
    retry: async (step, options) => {
      const { retryKept } = await import("../build/run-kept.ts");
      await retryKept(deps, step, options);
    },
  };
}
