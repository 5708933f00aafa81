import { isKind } from "../../base/errors.ts";
import type { Dockerfile } from "../../dockerfile/ast.ts";
import { lintFile } from "../../dockerfile/lint.ts";
import { lintDefaultBases, lintFroms } from "../../dockerfile/lint-from.ts";
import type { Linter } from "../../dockerfile/linter.ts";
import type { Frontend } from "../frontend.ts";
import { globalArgs } from "../global-args.ts";
import { refuseCycles } from "../stages.ts";
import { planStages, targetStage } from "./plan-stages.ts";

/** A Dockerfile as what stages are read from. What the text alone deserves a warning for is told on the way. */
export function dockerfileFrontend(file: Dockerfile): Frontend {
  return {
    directives: file.directives,
    plan: async ({ target, contexts, wanted, linter, ...options }) => {
      const naming = { ...options, target: target ?? file.stages.at(-1)?.name ?? "default" };
      const args = globalArgs(file, naming);
      lintFile(file, linter);
      lintDefaults(file, naming, linter);
      lintFroms(file, args, linter);
      const stages = planStages(file, { args, contexts, wanted });
      const found = targetStage(stages, target);
      refuseCycles(stages);
      return { stages, target: found, args, asked: [], escape: file.escape };
    },
  };
}

/** What `FROM` lines are without build arguments; where that is an error, it may be none with them. */
function lintDefaults(file: Dockerfile, naming: Parameters<typeof globalArgs>[1], linter: Linter): void {
  try {
    lintDefaultBases(file, globalArgs(file, { ...naming, buildArgs: new Map() }), linter);
  } catch (error) {
    if (!isKind(error, "invalid-argument")) throw error;
  }
}
