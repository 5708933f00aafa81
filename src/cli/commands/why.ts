import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import type { Explanation } from "../engine-types.ts";
import { bool, text } from "../flags/kinds.ts";
import { explanationJSON, explanationText, usualPaths } from "../format/explanation.ts";

/** `berth why` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE|BUILD [STEP]",
  arity: { min: 1, max: 2 },
  flags: {
    format: text('Format output: "json" prints one object'),
    "no-trunc": bool("Name every file that changed"),
  },
  onFullDisk: true,
  examples: ["why app", "why ^0", "why app 4", "why --no-trunc app 'COPY src'"],
  run: async ({ values: { format, "no-trunc": whole }, args: [ref = "", step], io, engine }) => {
    if (format !== undefined && format !== "json") throw new CliError(`unsupported format: ${format}`);
    const explanation = await (await engine()).builds.explain(ref);
    const shown = step === undefined ? explanation : onlySteps(explanation, step);
    if (format === "json") io.stdout.write(`${JSON.stringify(explanationJSON(shown))}\n`);
    else {
      const mostPaths = whole ? Number.POSITIVE_INFINITY : usualPaths;
      io.stdout.write(explanationText(shown, { now: Date.now(), mostPaths }));
    }
    return 0;
  },
});

/** The steps that a text means: a line of the Dockerfile, or a part of the step's name. */
function onlySteps(explanation: Explanation, text: string): Explanation {
  const line = /^\d+$/.test(text) ? Number(text) : undefined;
  const steps = explanation.steps.filter(({ step: { name, span } }) =>
    line === undefined ? name.includes(text) : span !== undefined && span.start <= line && line <= span.end,
  );
  if (steps.length > 0) return { ...explanation, build: { ...explanation.build, unneeded: [] }, steps };
  const what = line === undefined ? `has ${JSON.stringify(text)} in its name` : `is on line ${line}`;
  throw new CliError(`ERROR: no step of the build ${what}`, {
    hint: "A step is named by its line in the Dockerfile or by a part of its name, as `berth builds inspect` shows it.",
  });
}
