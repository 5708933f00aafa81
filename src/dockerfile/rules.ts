// The rules of BuildKit's linter: names, descriptions and messages are its own.
// @see docs.docker.com/reference/build-checks/

/** Name of a rule, as `# check=skip=` has it. */
export type RuleName =
  | "StageNameCasing"
  | "FromAsCasing"
  | "NoEmptyContinuation"
  | "ConsistentInstructionCasing"
  | "DuplicateStageName"
  | "ReservedStageName"
  | "JSONArgsRecommended"
  | "MaintainerDeprecated"
  | "UndefinedArgInFrom"
  | "WorkdirRelativePath"
  | "UndefinedVar"
  | "MultipleInstructionsDisallowed"
  | "LegacyKeyValueFormat"
  | "InvalidBaseImagePlatform"
  | "RedundantTargetPlatform"
  | "SecretsUsedInArgOrEnv"
  | "InvalidDefaultArgInFrom"
  | "FromPlatformFlagConstDisallowed"
  | "CopyIgnoredFile"
  | "InvalidDefinitionDescription"
  | "ExposeProtoCasing"
  | "ExposeInvalidFormat";

/** One rule. */
interface Rule {
  readonly description: string;
  /** What is wrong in one place. */
  readonly message: (...values: string[]) => string;
  /** True for a rule that only speaks where it is asked for. */
  readonly experimental?: boolean;
  /** False for a rule that no page explains. */
  readonly explained?: boolean;
}

const rules: Readonly<Record<RuleName, Rule>> = {
  StageNameCasing: {
    description: "Stage names should be lowercase",
    message: (name) => `Stage name '${name}' should be lowercase`,
  },
  FromAsCasing: {
    description: "The 'as' keyword should match the case of the 'from' keyword",
    message: (from, as) => `'${as}' and '${from}' keywords' casing do not match`,
  },
  NoEmptyContinuation: {
    description: "Empty continuation lines will become errors in a future release",
    message: () => "Empty continuation line",
  },
  ConsistentInstructionCasing: {
    description: "All commands within the Dockerfile should use the same casing (either upper or lower)",
    message: (keyword, casing) => `Command '${keyword}' should match the case of the command majority (${casing})`,
  },
  DuplicateStageName: {
    description: "Stage names should be unique",
    message: (name) => `Duplicate stage name ${quoted(name)}, stage names should be unique`,
  },
  ReservedStageName: {
    description: "Reserved words should not be used as stage names",
    message: (name) => `Stage name should not use the same name as reserved stage ${quoted(name)}`,
  },
  JSONArgsRecommended: {
    description: "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    message: (keyword) =>
      `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`,
  },
  MaintainerDeprecated: {
    description: "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    message: () => "Maintainer instruction is deprecated in favor of using label",
  },
  UndefinedArgInFrom: {
    description: "FROM command must use declared ARGs",
    message: (name, meant) => `FROM argument '${name}' is not declared${didYouMean(meant)}`,
  },
  WorkdirRelativePath: {
    description:
      "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    message: (path) => `Relative workdir ${quoted(path)} can have unexpected results if the base image changes`,
  },
  UndefinedVar: {
    description: "Variables should be defined before their use",
    message: (name, meant) => `Usage of undefined variable '$${name}'${didYouMean(meant && `$${meant}`)}`,
  },
  MultipleInstructionsDisallowed: {
    description: "Multiple instructions of the same type should not be used in the same stage",
    message: (keyword) =>
      `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
  },
  LegacyKeyValueFormat: {
    description: "Legacy key/value format with whitespace separator should not be used",
    message: (keyword) => `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
  },
  InvalidBaseImagePlatform: {
    description: "Base image platform does not match expected target platform",
    message: (image, expected, actual) =>
      `Base image ${image} was pulled with platform ${quoted(actual)}, expected ${quoted(expected)} for current build`,
    explained: false,
  },
  RedundantTargetPlatform: {
    description: "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    message: (platform) =>
      `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
  },
  SecretsUsedInArgOrEnv: {
    description: "Sensitive data should not be used in the ARG or ENV commands",
    message: (keyword, name) => `Do not use ARG or ENV instructions for sensitive data (${keyword} ${quoted(name)})`,
  },
  InvalidDefaultArgInFrom: {
    description: "Default value for global ARG results in an empty or invalid base image name",
    message: (base) => `Default value for ARG ${base} results in empty or invalid base image name`,
  },
  FromPlatformFlagConstDisallowed: {
    description: "FROM --platform flag should not use a constant value",
    message: (platform) => `FROM --platform flag should not use constant value ${quoted(platform)}`,
  },
  CopyIgnoredFile: {
    description: "Attempting to Copy file that is excluded by .dockerignore",
    message: (verb, path) => `Attempting to ${verb} file ${quoted(path)} that is excluded by .dockerignore`,
  },
  InvalidDefinitionDescription: {
    description:
      "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    message: (keyword, name) => `Comment for ${keyword} should follow the format: \`# ${name} <description>\``,
    experimental: true,
  },
  ExposeProtoCasing: {
    description: "Protocol in EXPOSE instruction should be lowercase",
    message: (port) => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  },
  ExposeInvalidFormat: {
    description:
      "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    message: (port) => `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
  },
};

/** What a warning of a rule says. */
export interface RuleText {
  readonly rule: RuleName;
  readonly description: string;
  readonly message: string;
  /** The page that explains the rule. */
  readonly url?: string;
}

/** A warning of `rule` in words. @param values what the rule's message is about, in its order */
export function ruleText(rule: RuleName, values: readonly string[]): RuleText {
  const { description, message, explained = true } = rules[rule];
  const page = rule
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
  const text = { rule, description, message: message(...values) };
  return explained ? { ...text, url: `https://docs.docker.com/go/dockerfile/rule/${page}/` } : text;
}

/** True for a rule that only speaks where `experimental=` names it. */
export function isExperimental(rule: RuleName): boolean {
  return rules[rule].experimental === true;
}

function quoted(text = ""): string {
  return JSON.stringify(text);
}

function didYouMean(meant = ""): string {
  return meant === "" ? "" : ` (did you mean ${meant}?)`;
}
