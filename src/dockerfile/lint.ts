import type { AnyInstruction, Diagnostic, Directive, Dockerfile, From, Instruction, Stage } from "./ast.ts";
import { diagnose } from "./diagnose.ts";

// BuildKit's rules that need no more than the text. @see docs.docker.com/reference/build-checks/

/** What the whole file gets warnings for, whatever the target. */
export function lintFile(file: Pick<Dockerfile, "stages">): readonly Diagnostic[] {
  const { stages } = file;
  return [
    ...stages.flatMap(({ from, instructions }) => [...lintFrom(from), ...instructions.flatMap(lintMaintainer)]),
    ...lintNames(stages),
    ...lintCasing(stages.flatMap(({ from, instructions }) => [from, ...instructions])),
  ];
}

/** What a stage gets warnings for when it is built. */
export function lintStage(stage: Stage): readonly Diagnostic[] {
  const { instructions } = stage;
  return [...instructions.flatMap(lintInstruction), ...lintRepeated(instructions), ...lintWorkdir(instructions)];
}

/** Without what `# check=skip=Rule,Rule` or `# check=skip=all` silences. */
export function unskipped(diagnostics: readonly Diagnostic[], directives: readonly Directive[]): readonly Diagnostic[] {
  const check = directives.find(({ name }) => name === "check")?.value ?? "";
  const skip = check.split(";").find((setting) => setting.trim().startsWith("skip="));
  const rules =
    skip
      ?.split("=")[1]
      ?.split(",")
      .map((rule) => rule.trim()) ?? [];
  return rules.includes("all") ? [] : diagnostics.filter(({ rule }) => !rules.includes(rule));
}

function isLower(text: string): boolean {
  return text === text.toLowerCase();
}

function isUpper(text: string): boolean {
  return text === text.toUpperCase();
}

function lintFrom({ as, keyword, original, span }: From): readonly Diagnostic[] {
  if (as === undefined) return [];
  const found: Diagnostic[] = [];
  if (!isLower(as)) found.push(diagnose("StageNameCasing", `Stage name '${as}' should be lowercase`, span));
  const between = /\s(as)\s+\S+$/i.exec(original)?.[1] ?? "";
  const differs = isLower(keyword) ? !isLower(between) : isUpper(keyword) && !isUpper(between);
  if (differs)
    found.push(diagnose("FromAsCasing", `'${between}' and '${keyword}' keywords' casing do not match`, span));
  return found;
}

function lintMaintainer({ kind, span }: Instruction): readonly Diagnostic[] {
  if (kind !== "MAINTAINER") return [];
  return [diagnose("MaintainerDeprecated", "Maintainer instruction is deprecated in favor of using label", span)];
}

function lintNames(stages: readonly Stage[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return stages.flatMap(({ name, from: { span } }) => {
    if (name === undefined) return [];
    const quoted = JSON.stringify(name);
    const found: Diagnostic[] = [];
    if (name === "scratch" || name === "context")
      found.push(
        diagnose("ReservedStageName", `Stage name should not use the same name as reserved stage ${quoted}`, span),
      );
    if (seen.has(name))
      found.push(diagnose("DuplicateStageName", `Duplicate stage name ${quoted}, stage names should be unique`, span));
    seen.add(name);
    return found;
  });
}

function lintCasing(instructions: readonly AnyInstruction[]): readonly Diagnostic[] {
  const lower = instructions.filter(({ keyword }) => isLower(keyword)).length;
  const upper = instructions.filter(({ keyword }) => isUpper(keyword)).length;
  const [casing, fits] = lower > upper ? (["lowercase", isLower] as const) : (["uppercase", isUpper] as const);
  return instructions
    .filter(({ keyword }) => !fits(keyword))
    .map(({ keyword, span }) =>
      diagnose(
        "ConsistentInstructionCasing",
        `Command '${keyword}' should match the case of the command majority (${casing})`,
        span,
      ),
    );
}

function lintInstruction(instruction: Instruction): readonly Diagnostic[] {
  const { kind, keyword, span } = instruction;
  switch (kind) {
    case "ENV":
    case "LABEL":
      return instruction.pairs.flatMap(({ key, legacy }) => [
        ...(legacy ? [legacyPair(instruction)] : []),
        ...(kind === "ENV" ? lintSecret(instruction, key) : []),
      ]);
    case "ARG":
      return instruction.args.flatMap(({ name }) => lintSecret(instruction, name));
    case "CMD":
    case "ENTRYPOINT":
      if (instruction.command.form === "exec") return [];
      return [
        diagnose(
          "JSONArgsRecommended",
          `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`,
          span,
        ),
      ];
    default:
      return [];
  }
}

function legacyPair({ keyword, span }: Instruction): Diagnostic {
  return diagnose(
    "LegacyKeyValueFormat",
    `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
    span,
  );
}

const secret = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const harmless = /(?:_|^)(?:public|file|version)(?:_|$)/i;

function lintSecret({ kind, span }: Instruction, name: string): readonly Diagnostic[] {
  if (!secret.test(name) || harmless.test(name)) return [];
  const message = `Do not use ARG or ENV instructions for sensitive data (${kind} ${JSON.stringify(name)})`;
  return [diagnose("SecretsUsedInArgOrEnv", message, span)];
}

/** Of several such instructions only the last one counts: the others get the warning. */
function lintRepeated(instructions: readonly Instruction[]): readonly Diagnostic[] {
  return (["CMD", "ENTRYPOINT", "HEALTHCHECK"] as const).flatMap((kind) =>
    instructions
      .filter((instruction) => instruction.kind === kind)
      .slice(0, -1)
      .map(({ keyword, span }) =>
        diagnose(
          "MultipleInstructionsDisallowed",
          `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
          span,
        ),
      ),
  );
}

/** Only the first WORKDIR can depend on the base image. */
function lintWorkdir(instructions: readonly Instruction[]): readonly Diagnostic[] {
  const first = instructions.find(({ kind }) => kind === "WORKDIR");
  if (first?.kind !== "WORKDIR" || /^["']?[/$]/.test(first.value)) return [];
  const message = `Relative workdir ${JSON.stringify(first.value)} can have unexpected results if the base image changes`;
  return [diagnose("WorkdirRelativePath", message, first.span)];
}
