import { attestText } from "../../bake/definition/entries.ts";
import { isRemote } from "../../bake/definition/paths.ts";
import { printable } from "../../bake/definition/print.ts";
import { type Plan, planTargets } from "../../bake/definition/targets.ts";
import { scopeForLimits } from "../../build/step-limits.ts";
import { buildTargets, checkTargets } from "../bake/build-targets.ts";
import { callTargets, type TargetCall } from "../bake/call-targets.ts";
import { readConfig, shownError } from "../bake/define.ts";
import { listText, parseList } from "../bake/list.ts";
import { checkPrivileges, parseAllowed } from "../bake/privileges.ts";
import { type TargetBuild, targetBuild } from "../bake/target-build.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";
import type { Values } from "../flags/flag.ts";
import { bool, list, text } from "../flags/kinds.ts";
import { goJson } from "../format/go-json.ts";
import { displayOf } from "../progress/choose.ts";
import { parseBuildCall } from "../request/build-call.ts";
import { buildFlags, buildProgress, missingBuildFlags } from "../request/build-flags.ts";
import {
  checkResultFiles,
  metadataOptions,
  resultMetadata,
  warningsMetadata,
  writeMetadata,
} from "../request/build-metadata.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { tellResult } from "./build.ts";
import type { Exported } from "./build-exports.ts";

const flags = {
  ...builderFlags,
  policy: missingBuildFlags.policy,
  allow: list("Allow build to access specified resources", { valueName: "stringArray" }),
  call: buildFlags.call,
  check: buildFlags.check,
  file: list("Build definition file", { short: "f", valueName: "stringArray" }),
  list: text("List targets or variables"),
  load: bool('Shorthand for "--set=*.output=type=docker". Conditional.'),
  "metadata-file": buildFlags["metadata-file"],
  "no-cache": bool("Do not use cache when building the image"),
  print: bool("Print the options without building"),
  progress: buildFlags.progress,
  provenance: text('Shorthand for "--set=*.attest=type=provenance"'),
  pull: bool("Always attempt to pull all referenced images"),
  push: bool('Shorthand for "--set=*.output=type=registry". Conditional.'),
  sbom: text('Shorthand for "--set=*.attest=type=sbom"'),
  set: list('Override target value (e.g., "targetpattern.key=value")', { valueName: "stringArray" }),
  var: list('Set a variable value (e.g., "name=value")', { valueName: "stringArray" }),
};

type BakeValues = Values<typeof flags>;

/** `berth bake` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [TARGET...]",
  arity: { min: 0 },
  flags,
  examples: [
    "bake",
    "bake app db",
    "bake -f docker-bake.hcl -f override.hcl --print",
    'bake --set "*.platform=linux/amd64" --set app.args.VERSION=2 app',
    "bake --list=variables",
    "bake -f bake.ts",
    "bake --check",
  ],
  run: bake,
});

async function bake(call: Call<BakeValues>): Promise<number> {
  const { values, io, args } = call;
  if (args[0] !== undefined && isRemote(args[0]))
    throw new CliError(`ERROR: berth can't read a bake definition from ${args[0]} yet`, {
      hint: "Clone the repository, and run bake in it.",
    });
  if (values.print && values.list !== undefined) throw new CliError("ERROR: --print and --list are mutually exclusive");
  refuseRelativePaths(io.env);
  const allowed = parseAllowed(values.allow);
  const { config, lookup } = await readConfig({ files: values.file, variables: values.var }, io);
  if (values.list !== undefined) {
    io.stdout.write(listText(config, parseList(values.list)));
    return 0;
  }
  const plan = planned(() => planTargets(config, { names: args, overrides: overridesOf(call), lookup }));
  const dated = withEpoch(plan, io.env["SOURCE_DATE_EPOCH"]);
  if (!values.print) return await run(call, { plan: dated, allowed });
  io.stdout.write(`${goJson(printable(dated), "  ")}\n`);
  return 0;
}

function planned<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw shownError(error);
  }
}

function refuseRelativePaths(env: Call<BakeValues>["io"]["env"]): void {
  const name = "BUILDX_BAKE_FILE_RELATIVE_PATHS";
  if (/^(1|t|true)$/i.test(env[name] ?? ""))
    throw new CliError(`ERROR: berth doesn't have ${name} yet: paths are relative to the working directory`);
}

/** What flags set in every target, as `--set` would. */
function overridesOf({ values, given }: Call<BakeValues>): readonly string[] {
  const call = parseBuildCall(values.call, values.check);
  return [
    ...values.set,
    ...(values.push ? ["*.push=true"] : []),
    ...(values.load ? ["*.load=true"] : []),
    // buildx's own word, which --print shows.
    ...(call === undefined ? [] : [`*.call=${call.name === "check" ? "lint" : call.name}`]),
    ...(given.has("no-cache") ? [`*.no-cache=${values["no-cache"]}`] : []),
    ...(given.has("pull") ? [`*.pull=${values.pull}`] : []),
    ...(values.sbom === undefined ? [] : [`*.attest=${attestText("sbom", values.sbom)}`]),
    ...(values.provenance === undefined ? [] : [`*.attest=${attestText("provenance", values.provenance)}`]),
  ];
}

/** SOURCE_DATE_EPOCH comes from the environment unasked, as with buildx. */
function withEpoch(plan: Plan, epoch: string | undefined): Plan {
  if (epoch === undefined || epoch === "") return plan;
  const targets = [...plan.targets].map(([name, target]) => {
    const args = { SOURCE_DATE_EPOCH: epoch, ...target.args };
    return [name, { ...target, args }] as const;
  });
  return { ...plan, targets: new Map(targets) };
}

async function run(
  { values, io, engine }: Call<BakeValues>,
  { plan, allowed }: { readonly plan: Plan; readonly allowed: ReturnType<typeof parseAllowed> },
): Promise<number> {
  using interrupt = interruptible(io);
  checkResultFiles(values);
  checkPrivileges(plan.targets.values(), allowed, io);
  const builds = new Map<string, TargetBuild>();
  for (const [name, target] of plan.targets) builds.set(name, await targetBuild(name, target, io));
  const limits = [...builds.values()].map(({ options }) => options);
  // A definition that came on standard input doesn't come again.
  if (!values.file.includes("-")) await scopeForLimits(limits, io.env);
  const calls = callsOf(plan, builds, values);
  const { signal } = interrupt;
  if (calls.length > 0) {
    for (const { build } of calls) builds.delete(build.name);
    const code = await callTargets(plan, calls, { io, engine: await engine(), signal });
    if (code !== 0 || [...builds.keys()].every((name) => plan.linked.has(name))) return code;
  }
  const results = await built(plan, builds, {
    ...metadataOptions(values, io.env),
    ...{ io, engine, signal, progress: values.progress },
  });
  if (values["metadata-file"] === undefined) return 0;
  const named = [...results].filter(([name]) => !plan.linked.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  const metadata = named.map(([name, result]) => [name, resultMetadata(result, io.env)] as const);
  const found = named.map(([name, { diagnostics }]) => ({ diagnostics, file: plan.targets.get(name)?.dockerfile }));
  writeMetadata(values["metadata-file"], { ...Object.fromEntries(metadata), ...warningsMetadata(found, io.env) });
  return 0;
}

interface BuiltOptions extends Pick<Call<BakeValues>, "io" | "engine"> {
  readonly signal: AbortSignal;
  readonly progress: BakeValues["progress"];
  readonly tellsProvenance?: boolean;
}

/** Build under a display of the progress, and tell what came of it. */
async function built(
  plan: Plan,
  builds: ReadonlyMap<string, TargetBuild>,
  { io, engine, signal, progress, ...more }: BuiltOptions,
): Promise<ReadonlyMap<string, Exported>> {
  await checkTargets(builds, io);
  const { kind } = buildProgress({ progress, quiet: false }, io);
  const quiet = kind === "none" || kind === "rawjson";
  const opened = await engine();
  let warnings = "";
  const build = async (): Promise<ReadonlyMap<string, Exported>> => {
    using display = displayOf(io, kind);
    const report = display === undefined ? {} : { report: display.report };
    const onWarnings = (text: string): void => {
      warnings += text;
    };
    return await buildTargets(plan, builds, { io, engine: opened, signal, onWarnings, ...report, ...more });
  };
  try {
    const results = await build();
    for (const [name, result] of quiet ? [] : results) tellResult(io, result, builds.get(name)?.values.tag ?? []);
    return results;
  } finally {
    if (!quiet) io.stderr.write(warnings);
  }
}

/** The targets that are called and not built: by `--call`, or by their own `call`. */
function callsOf(
  { targets, linked }: Plan,
  builds: ReadonlyMap<string, TargetBuild>,
  values: BakeValues,
): readonly TargetCall[] {
  const asked = parseBuildCall(values.call, values.check);
  return [...builds].flatMap(([name, build]) => {
    const own = parseBuildCall(targets.get(name)?.call, false);
    if (own === undefined || linked.has(name)) return [];
    return [
      { build, call: asked === undefined ? own : { ...own, json: asked.json, ignoreStatus: asked.ignoreStatus } },
    ];
  });
}
