import { targetObject } from "../../bake/definition/print.ts";
import type { Plan } from "../../bake/definition/targets.ts";
import type { Engine } from "../../engine/engine.ts";
import { CliError } from "../cli-error.ts";
import { answerBuildCall } from "../commands/build-call.ts";
import { failureOf } from "../commands/build-failure.ts";
import { goJson } from "../format/go-json.ts";
import { errorText } from "../print-error.ts";
import type { BuildCall } from "../request/build-call.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { TargetBuild } from "./target-build.ts";

/** What {@link callTargets} works with. */
export interface CallOptions {
  readonly io: Terminal;
  readonly engine: Engine;
  readonly signal: AbortSignal;
}

/** A call for one target. */
export interface TargetCall {
  readonly build: TargetBuild;
  readonly call: BuildCall;
}

/** Answer `--call` for each target, in the order of their names. @returns the exit code */
export async function callTargets(
  { targets, groups }: Plan,
  calls: readonly TargetCall[],
  options: CallOptions,
): Promise<number> {
  const inOrder = calls.toSorted((a, b) => (a.build.name < b.build.name ? -1 : 1));
  const isJson = inOrder.some(({ call }) => call.json);
  let code = 0;
  const answers: [name: string, answer: object][] = [];
  for (const [index, each] of inOrder.entries()) {
    const { name } = each.build;
    const { text, exit } = await answered(each, options);
    code ||= exit;
    const target = targets.get(name);
    if (isJson) {
      const build = target === undefined ? {} : targetObject(target);
      answers.push([name, { build, [each.call.name]: parsed(text) }]);
      continue;
    }
    const description = target?.description === undefined ? "" : `${target.description}\n`;
    options.io.stdout.write(`${index === 0 ? "" : "\n"}${name}\n${description}\n${text}`);
  }
  if (isJson) {
    const group = Object.fromEntries([...groups].sort().map(([name, { name: _, ...rest }]) => [name, rest]));
    options.io.stdout.write(`${goJson({ group, target: Object.fromEntries(answers) }, "  ")}\n`);
  }
  return code;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { error: text.trimEnd() };
  }
}

/** What `build --call` prints and ends with. */
async function answered(
  { build, call }: TargetCall,
  { io, engine, signal }: CallOptions,
): Promise<{ readonly text: string; readonly exit: number }> {
  let text = "";
  const stdout: Terminal["stdout"] = Object.assign(Object.create(io.stdout), {
    write: (chunk: string) => {
      text += chunk;
      return true;
    },
  });
  const shownName = build.values.file ?? `${build.context === "." ? "" : `${build.context}/`}Dockerfile`;
  try {
    const contexts = Object.entries(build.options.contexts ?? {}).filter(([, value]) => !value.startsWith("target:"));
    const checked = { ...build.options, contexts: Object.fromEntries(contexts), signal };
    const options = { call, build: checked, shownName, fix: false };
    const exit = await answerBuildCall(engine, { ...io, stdout }, options);
    return { text, exit };
  } catch (error) {
    signal.throwIfAborted();
    const failure = failureOf(error);
    if (!(failure instanceof CliError)) throw failure;
    return { text: `${text}${call.json ? "" : `error: ${errorText(failure)}\n`}`, exit: 1 };
  }
}
