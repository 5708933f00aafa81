import { digestOf } from "../../oci/digest.ts";
import type { ExecOp, Op, Vertex } from "../graph.ts";
import type { Solved } from "../solve.ts";
import { keyedSettings } from "../step-settings.ts";
import type { StepField, StepFiles, StepInputs, StepSource } from "./past-build.ts";
import { keptValue } from "./shown-value.ts";

/** What the solver found out about a vertex. */
export interface KeyedStep {
  readonly vertex: Vertex;
  readonly inputs: readonly Solved[];
  readonly key: string | undefined;
  readonly files: readonly StepFiles[];
  readonly noCache: boolean;
  /** The latest time of a file, as {@link StepOperation} has it. */
  readonly latest: bigint | undefined;
}

/** Most fields that a step is recorded with. */
const mostFields = 500;

/** What a step is keyed by, as a record keeps it. */
export function stepInputs({ vertex, inputs, key, files, noCache, latest }: KeyedStep): StepInputs {
  const { op } = vertex;
  const epoch: StepField[] =
    latest === undefined || op.kind === "image"
      ? []
      : [{ kind: "setting", name: "SOURCE_DATE_EPOCH", value: String(latest / 1_000_000_000n) }];
  return {
    definition: digestOf(JSON.stringify(op)),
    fields: [...fieldsOf(op, new Set(vertex.args)), ...epoch].slice(0, mostFields),
    sources: vertex.inputs.map((input, index): StepSource => {
      const { chainID, context } = inputs[index] ?? {};
      return { vertex: input, result: chainID ?? null, ...(context === undefined ? {} : { context }) };
    }),
    files,
    ...(key === undefined ? {} : { key }),
    ...(noCache ? { noCache } : {}),
  };
}

/** Fields of an operation that come from flags and other instructions; the others are what its own instruction says. */
const settingNames = new Set(["cwd", "user", "network", "security"]);

/** Shown under the words that people have for them. */
const shownNames: Readonly<Record<string, string>> = { cwd: "working directory" };

/**
 * The instruction first, then the rest, so that the first that differs is the one that somebody wrote. Of what is fetched a digest is
 * kept: an address may have credentials in it.
 */
function fieldsOf({ kind, ...op }: Op, args: ReadonlySet<string>): readonly StepField[] {
  const own: StepField[] = [];
  const others: StepField[] = [];
  for (const [name, value] of Object.entries(op)) {
    if (isSpecial(name)) others.push(...specialFields(name, value, args));
    else if (kind === "http" || kind === "git")
      own.push(field("instruction", name, digestOf(JSON.stringify(value ?? null))));
    else if (settingNames.has(name)) others.push(field("setting", shownNames[name] ?? name, value));
    else own.push(field("instruction", name, kind === "image" && name === "chainID" ? undefined : value));
  }
  return [...own, ...others];
}

type Special = "env" | "mounts" | "scripts" | "inline" | "settings";

function isSpecial(name: string): name is Special {
  return ["env", "mounts", "scripts", "inline", "settings"].includes(name);
}

function specialFields(name: Special, value: unknown, args: ReadonlySet<string>): readonly StepField[] {
  const op = { [name]: value } as Partial<ExecOp> & { readonly inline?: ExecOp["scripts"] };
  const { env = [], mounts = [], scripts = [], inline = [], settings = {} } = op;
  return [
    ...env.map((pair) => variable(pair, args)),
    ...mounts.map((mount) =>
      mount.type === "secret"
        ? field("secret", mount.id, mount)
        : field("mount", `${mount.type} ${"target" in mount ? mount.target : ""}`.trim(), mount),
    ),
    ...[...scripts, ...inline].map(({ name: file, data }) => field("file", file, digestOf(data))),
    ...Object.entries(keyedSettings(settings)).map(([setting, given]) => field("setting", setting, given)),
  ];
}

function variable(pair: string, args: ReadonlySet<string>): StepField {
  const equals = pair.indexOf("=");
  const name = pair.slice(0, equals);
  return { kind: args.has(name) ? "argument" : "variable", name, value: keptValue(name, pair.slice(equals + 1)) };
}

function field(kind: StepField["kind"], name: string, value: unknown): StepField {
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return { kind, name, value: keptValue("", text) };
}
