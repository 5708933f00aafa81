import { namesSecret } from "../../dockerfile/lint.ts";
import type { ExecOp, Vertex } from "../graph.ts";
import { withoutCredentials } from "../redact.ts";
import { shown } from "./mask.ts";
import type { PastStep, StepCommand } from "./past-build.ts";

/** Longest command that is kept, characters of JSON: here-documents may be long. */
const longest = 64 << 10;

/** What the command of a `RUN` ran with, as a record keeps it; nothing for other steps. @param secrets that are not to be in it */
export function stepCommand(vertex: Vertex | undefined, secrets: readonly string[]): Pick<PastStep, "command"> {
  if (vertex?.op.kind !== "exec") return {};
  const { op, architecture } = vertex;
  const { kind: _kind, args: _args, ...rest } = op;
  const kept = { ...rest, env: op.env.filter((pair) => !isSecret(pair, secrets)) };
  const withheld = op.env.filter((pair) => isSecret(pair, secrets)).map((pair) => pair.slice(0, pair.indexOf("=")));
  const command: StepCommand = {
    op: withoutSecrets(kept, secrets),
    ...(architecture === undefined ? {} : { architecture }),
    ...(withheld.length === 0 ? {} : { withheld }),
  };
  return JSON.stringify(command).length > longest ? {} : { command };
}

function isSecret(pair: string, secrets: readonly string[]): boolean {
  const name = pair.slice(0, pair.indexOf("="));
  return namesSecret(name) || withoutCredentials(pair) !== pair || shown(pair, secrets) !== pair;
}

function withoutSecrets(op: StepCommand["op"], secrets: readonly string[]): StepCommand["op"] {
  if (secrets.length === 0) return op;
  const scripts: ExecOp["scripts"] = op.scripts.map(({ name, data }) => ({ name, data: shown(data, secrets) }));
  return { ...op, scripts };
}
