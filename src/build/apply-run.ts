import { join, resolve } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import type { Heredoc, Run, Single } from "../dockerfile/ast.ts";
import { parseDevice } from "../dockerfile/device.ts";
import { heredocText, parseHeredocMark } from "../dockerfile/heredoc.ts";
import { hostPlatform } from "../oci/platform.ts";
import { commandArgs, withShell } from "./apply-metadata.ts";
import type { ExecOp, InlineFile, VertexLabel } from "./graph.ts";
import { lowerMounts } from "./run-mounts.ts";
import {
  nameStep,
  type StageContext,
  type StageState,
  shownInstruction,
  withConfig,
  withHistory,
  withLayer,
  word,
} from "./stage-state.ts";

/** Where scripts of here-documents show in a step, as in BuildKit. */
export const scriptDirectory = "/dev/pipes";

/**
 * Apply `RUN`: one vertex, one layer.
 *
 * @throws {BerthError} invalid-argument, not-found and permission-denied, with BuildKit's text
 */
export function applyRun(state: StageState, context: StageContext, step: Run): StageState {
  const isInsecure = step.security === "insecure";
  if (isInsecure && context.entitlements?.insecure !== true)
    throw new BerthError("permission-denied", "failed to load LLB: security.insecure is not allowed", {
      hint: "`--allow security.insecure` lets steps that ask for it have every privilege: they can change this machine.",
    });
  if (step.network === "host" && !context.allowsHostNetwork)
    throw new BerthError("permission-denied", "failed to load LLB: network.host is not allowed", {
      hint: "`--allow network.host` lets steps that ask for it have this machine's network.",
    });
  const requests = step.devices.map(parseDevice);
  const devices = requests.length === 0 ? [] : (context.devices?.(requests) ?? []);
  const { args, scripts, summary } = commandOf(state, step);
  const mounts = lowerMounts(state, context, step.mounts);
  const op: ExecOp = {
    kind: "exec",
    args,
    env: [...state.env].map(([name, value]) => `${name}=${value}`),
    cwd: state.image.config.WorkingDir || "/",
    user: state.image.config.User ?? "",
    network: step.network === "default" ? context.network : step.network,
    ...(isInsecure ? { security: "insecure" } : {}),
    ...(devices.length === 0 ? {} : { devices }),
    mounts: mounts.mounts,
    scripts,
    ...(context.settings === undefined ? {} : { settings: context.settings }),
  };
  const [name, named] = nameStep(state, `${shownInstruction(state, context, step.original)}${summary}`);
  const vertex = context.graph.add(op, [state.tip, ...mounts.inputs], {
    ...{ name, span: step.span, args: state.args.map((arg) => arg.name) },
    ...architectureOf(state),
  });
  return withLayer(named, vertex, `RUN ${[...declared(state), ...args].join(" ")} # buildkit`);
}

/** Told where it isn't this machine's. */
function architectureOf({ image: { platform } }: StageState): Pick<VertexLabel, "architecture"> {
  return platform.architecture === hostPlatform.architecture ? {} : { architecture: platform.architecture };
}

/** Apply `WORKDIR`: a layer with the directory, unless it is the root. */
export function applyWorkdir(state: StageState, context: StageContext, step: Single): StageState {
  const written = word(state, context, step.value);
  const current = state.image.config.WorkingDir || "/";
  // As BuildKit: an absolute path stays as written, a relative one is cleaned; an empty one is where the stage is.
  const path = written.startsWith("/") ? written : written === "" ? current : resolve("/", current, written);
  if (!state.workdirSet && !written.startsWith("/")) context.warn("WorkdirRelativePath", written);
  const next = { ...withConfig(state, { WorkingDir: path }), workdirSet: true };
  if (path === "/") return withHistory(next, `WORKDIR ${path}`);
  const [name, named] = nameStep(next, shownInstruction(state, context, step.original));
  const op = { kind: "mkdir", path, user: state.image.config.User ?? "" } as const;
  const vertex = context.graph.add(op, [state.tip], { name, span: step.span });
  return withLayer(named, vertex, `WORKDIR ${path}`);
}

interface StepCommand {
  readonly args: readonly string[];
  readonly scripts: readonly InlineFile[];
  /** What progress adds for a here-document. */
  readonly summary: string;
}

function commandOf(state: StageState, step: Run): StepCommand {
  const plain = { args: commandArgs(state, step.command), scripts: [], summary: "" };
  const [first, ...more] = step.heredocs;
  if (first === undefined || step.command.form === "exec") return plain;
  const { command } = step.command;
  if (more.length > 0 || parseHeredocMark(command) === undefined) {
    const documents = step.heredocs.map(({ content, name }) => `\n${content}${name}`);
    return { ...plain, args: withShell(state, [command, ...documents].join("")) };
  }
  const data = heredocText(first);
  const summary = ` (${summaryOf(first)})`;
  if (!data.startsWith("#!")) return { args: withShell(state, data), scripts: [], summary };
  const args = withShell(state, join(scriptDirectory, first.name));
  return { args, scripts: [{ name: first.name, data }], summary };
}

function summaryOf(heredoc: Heredoc): string {
  const [first = "", ...more] = heredoc.content.trim().split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}

/** `|2 A=1 B=2`: the arguments that the stage has declared, with the values that the step sees. */
function declared(state: StageState): readonly string[] {
  if (state.args.length === 0) return [];
  const values = new Map(state.args.map(({ name, value }) => [name, state.env.get(name) ?? value ?? ""]));
  return [`|${values.size}`, ...[...values].map(([name, value]) => `${name}=${value}`)];
}
