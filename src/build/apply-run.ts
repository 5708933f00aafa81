import { resolve } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import { hostPlatform } from "../oci/platform.ts";
import { commandArgs } from "./apply-metadata.ts";
import type { ExecOp, VertexLabel } from "./graph.ts";
import { lowerMounts } from "./run-mounts.ts";
import { nameStep, type StageContext, type StageState, withConfig, withHistory, withLayer } from "./stage-state.ts";
import type { RunStep, WorkdirStep } from "./steps.ts";

/** Where scripts of here-documents show in a step, as in BuildKit. */
export const scriptDirectory = "/dev/pipes";

/** A step and how progress shows it. */
interface Shown<Each> {
  readonly step: Each;
  readonly shown: string;
}

/**
 * Apply `RUN`: one vertex, one layer.
 *
 * @throws {BerthError} invalid-argument, not-found and permission-denied, with BuildKit's text
 */
export function applyRun(state: StageState, context: StageContext, { step, shown }: Shown<RunStep>): StageState {
  const isInsecure = step.security === "insecure";
  if (isInsecure && context.entitlements?.insecure !== true)
    throw new BerthError("permission-denied", "failed to load LLB: security.insecure is not allowed", {
      hint: "`--allow security.insecure` lets steps that ask for it have every privilege: they can change this machine.",
    });
  if (step.network === "host" && !context.allowsHostNetwork)
    throw new BerthError("permission-denied", "failed to load LLB: network.host is not allowed", {
      hint: "`--allow network.host` lets steps that ask for it have this machine's network.",
    });
  const devices = step.devices.length === 0 ? undefined : context.devices?.(step.devices);
  const args = commandArgs(state, step.command);
  const directory = state.image.config.WorkingDir || "/";
  const cwd = step.cwd === undefined ? directory : resolve("/", directory, step.cwd);
  const mounts = lowerMounts(context, step.mounts, cwd);
  const op: ExecOp = {
    kind: "exec",
    args,
    env: [...new Map([...state.env, ...Object.entries(step.env ?? {})])].map(([name, value]) => `${name}=${value}`),
    cwd,
    user: step.user ?? state.image.config.User ?? "",
    network: step.network === "default" ? context.network : step.network,
    ...(isInsecure ? { security: "insecure" } : {}),
    ...(devices === undefined || devices.names.length === 0 ? {} : { devices: devices.names }),
    mounts: mounts.mounts,
    scripts: step.scripts,
    ...(context.settings === undefined ? {} : { settings: context.settings }),
  };
  const [name, named] = nameStep(state, shown);
  const vertex = context.graph.add(op, [state.tip, ...mounts.inputs], {
    ...{ name, ...context.place, args: state.args.map((arg) => arg.name) },
    ...architectureOf(state),
    ...(devices === undefined ? {} : { devices: devices.counted }),
  });
  return withLayer(named, vertex, `RUN ${[...declared(state), ...args].join(" ")} # buildkit`);
}

/** Told where it isn't this machine's. */
function architectureOf({ image: { platform } }: StageState): Pick<VertexLabel, "architecture"> {
  return platform.architecture === hostPlatform.architecture ? {} : { architecture: platform.architecture };
}

/** Apply `WORKDIR`: a layer with the directory, unless it is the root. */
export function applyWorkdir(
  state: StageState,
  context: StageContext,
  { step, shown }: Shown<WorkdirStep>,
): StageState {
  const { value } = step;
  const current = state.image.config.WorkingDir || "/";
  // As BuildKit: an absolute path stays as written, a relative one is cleaned; an empty one is where the stage is.
  const path = value.startsWith("/") ? value : value === "" ? current : resolve("/", current, value);
  if (!state.workdirSet && !value.startsWith("/")) context.warn("WorkdirRelativePath", value);
  const next = { ...withConfig(state, { WorkingDir: path }), workdirSet: true };
  if (path === "/") return withHistory(next, `WORKDIR ${path}`);
  const [name, named] = nameStep(next, shown);
  const op = { kind: "mkdir", path, user: state.image.config.User ?? "" } as const;
  const vertex = context.graph.add(op, [state.tip], { name, ...context.place });
  return withLayer(named, vertex, `WORKDIR ${path}`);
}

/** `|2 A=1 B=2`: the arguments that the stage has declared, with the values that the step sees. */
function declared(state: StageState): readonly string[] {
  if (state.args.length === 0) return [];
  const values = new Map(state.args.map(({ name, value }) => [name, state.env.get(name) ?? value ?? ""]));
  return [`|${values.size}`, ...[...values].map(([name, value]) => `${name}=${value}`)];
}
