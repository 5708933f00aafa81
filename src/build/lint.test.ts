import { expect, test } from "vitest";
import { openSourceMatcher } from "../dockerfile/ignore.ts";
import { openLinter } from "../dockerfile/linter.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { digestOf } from "../oci/digest.ts";
import type { RunConfig } from "../oci/image-config.ts";
import { dockerfileFrontend } from "./dockerfile/frontend.ts";
import { lower } from "./lower.ts";

// Every rule: what gets its warning, and what doesn't. Messages are BuildKit's, frontend/dockerfile/linter/ruleset.go.

const platform = { os: "linux", architecture: "amd64" };
const bases: Readonly<Record<string, RunConfig>> = {
  a: { Env: ["PATH=/bin", "HOME=/root"] },
  shelly: { Shell: ["/bin/ash", "-c"] },
};

interface Lint {
  readonly given?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly ignore?: readonly string[];
  readonly target?: string;
  readonly architecture?: string;
}

async function lint(
  text: string,
  { given, buildArgs = {}, ignore = [], target, architecture = "amd64" }: Lint = {},
): Promise<readonly string[]> {
  const file = parseDockerfile(text);
  const linter = openLinter(file.directives, given);
  await lower(dockerfileFrontend(file), {
    linter,
    platform: { os: "linux", architecture },
    buildPlatform: platform,
    ignores: openSourceMatcher(ignore),
    buildArgs: new Map(Object.entries(buildArgs)),
    network: "default",
    allowsHostNetwork: false,
    resolveImage: async (name) => ({
      id: digestOf(name),
      chainID: undefined,
      name,
      unknown: name === "unknown",
      config: {
        os: "linux",
        architecture: name === "foreign" ? "arm64" : "amd64",
        config: bases[name] ?? {},
        rootfs: { type: "layers", diff_ids: [] },
      },
    }),
    ...(target === undefined ? { everyStage: true } : { target }),
  });
  return linter.diagnostics.map(({ rule, span, message }) => `${rule} ${span.start} ${message}`);
}

const table: readonly [what: string, text: string, warnings: readonly string[], options?: Lint][] = [
  ["StageNameCasing, good", "FROM a AS b", []],
  ["StageNameCasing, bad", "FROM a AS B", ["StageNameCasing 1 Stage name 'B' should be lowercase"]],
  ["FromAsCasing, good", "from a as b", []],
  ["FromAsCasing, bad", "FROM a as b", ["FromAsCasing 1 'as' and 'FROM' keywords' casing do not match"]],
  ["NoEmptyContinuation, good", "FROM a\nRUN b \\\n# c\n d", []],
  ["NoEmptyContinuation, bad", "FROM a\nRUN b \\\n\n c", ["NoEmptyContinuation 4 Empty continuation line"]],
  ["ConsistentInstructionCasing, good", "from a\nrun b", []],
  [
    "ConsistentInstructionCasing, bad",
    "FROM a\nRun b\nuser c",
    [
      "ConsistentInstructionCasing 2 Command 'Run' should match the case of the command majority (uppercase)",
      "ConsistentInstructionCasing 3 Command 'user' should match the case of the command majority (uppercase)",
    ],
  ],
  [
    "ConsistentInstructionCasing, lower",
    "from a\nrun b\nUSER c",
    ["ConsistentInstructionCasing 3 Command 'USER' should match the case of the command majority (lowercase)"],
  ],
  ["DuplicateStageName, good", "FROM a AS b\nFROM a AS c", []],
  [
    "DuplicateStageName, bad",
    "FROM a AS b\nFROM a AS b",
    [`DuplicateStageName 2 Duplicate stage name "b", stage names should be unique`],
  ],
  ["ReservedStageName, good", "FROM scratch AS scratched", []],
  [
    "ReservedStageName, bad",
    "FROM a AS context",
    [`ReservedStageName 1 Stage name should not use the same name as reserved stage "context"`],
  ],
  ["JSONArgsRecommended, good", 'FROM a\nCMD ["b"]\nFROM a\nSHELL ["c"]\nENTRYPOINT d\nFROM shelly\nCMD e', []],
  [
    "JSONArgsRecommended, bad",
    "FROM a\nENTRYPOINT b",
    [
      "JSONArgsRecommended 2 JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals",
    ],
  ],
  ["MaintainerDeprecated, good", "FROM a\nLABEL org.opencontainers.image.authors=b", []],
  [
    "MaintainerDeprecated, bad",
    "FROM a\nMAINTAINER b",
    ["MaintainerDeprecated 2 Maintainer instruction is deprecated in favor of using label"],
  ],
  ["UndefinedArgInFrom, good", "ARG V=a\nFROM $V\nFROM --platform=$BUILDPLATFORM a", []],
  [
    "UndefinedArgInFrom, bad",
    `ARG VERSION\nFROM a\${VERSON}`,
    ["UndefinedArgInFrom 2 FROM argument 'VERSON' is not declared (did you mean VERSION?)"],
  ],
  [
    "UndefinedArgInFrom, in a platform",
    `FROM --platform=\${X:-linux} a`,
    ["UndefinedArgInFrom 1 FROM argument 'X' is not declared"],
  ],
  ["WorkdirRelativePath, good", "FROM a AS b\nWORKDIR /b\nWORKDIR c\nFROM b\nWORKDIR d", []],
  [
    "WorkdirRelativePath, bad",
    "FROM a\nWORKDIR b\nWORKDIR c",
    [`WorkdirRelativePath 2 Relative workdir "b" can have unexpected results if the base image changes`],
  ],
  ["UndefinedVar, good", 'FROM a\nARG b\nENV c=$b\nENV d=$HOME$PATH$c\nRUN echo $e\nCMD ["$e"]\nEXPOSE $e 80', []],
  [
    "UndefinedVar, bad",
    `FROM a\nENV DIR=/d\nCOPY $DRI \${xyzzy} /b\nWORKDIR /$xyzzy`,
    [
      "UndefinedVar 3 Usage of undefined variable '$DRI' (did you mean $DIR?)",
      "UndefinedVar 3 Usage of undefined variable '$xyzzy'",
      "UndefinedVar 4 Usage of undefined variable '$xyzzy'",
    ],
  ],
  [
    "UndefinedVar, in an ARG, a mount and a heredoc",
    "FROM a\nARG b=$xyzzy\nRUN --mount=type=cache,target=/c/$xyzzy d\nCOPY <<E /f\n$xyzzy\nE",
    [
      "UndefinedVar 2 Usage of undefined variable '$xyzzy'",
      "UndefinedVar 3 Usage of undefined variable '$xyzzy'",
      "UndefinedVar 4 Usage of undefined variable '$xyzzy'",
    ],
  ],
  ["UndefinedVar, on a base that nobody looked up", "FROM unknown AS b\nENV c=$xyzzy\nFROM b\nENV d=$xyzzy", []],
  ["MultipleInstructionsDisallowed, good", 'FROM a AS b\nCMD ["c"]\nFROM b\nCMD ["d"]', []],
  [
    "MultipleInstructionsDisallowed, bad",
    'FROM a\nCMD ["b"]\nHEALTHCHECK NONE\nCMD ["c"]\nHEALTHCHECK CMD d',
    [
      "MultipleInstructionsDisallowed 2 Multiple CMD instructions should not be used in the same stage because only the last one will be used",
      "MultipleInstructionsDisallowed 3 Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used",
    ],
  ],
  ["LegacyKeyValueFormat, good", "FROM a\nENV b=c\nLABEL d=e", []],
  [
    "LegacyKeyValueFormat, bad",
    "FROM a\nENV b c\nLABEL d e f",
    [
      `LegacyKeyValueFormat 2 "ENV key=value" should be used instead of legacy "ENV key value" format`,
      `LegacyKeyValueFormat 3 "LABEL key=value" should be used instead of legacy "LABEL key value" format`,
    ],
  ],
  ["InvalidBaseImagePlatform, good", "FROM --platform=$BUILDPLATFORM a", []],
  [
    "InvalidBaseImagePlatform, bad",
    "FROM foreign\nFROM a\nCOPY --from=foreign b c",
    [
      `InvalidBaseImagePlatform 1 Base image foreign was pulled with platform "linux/arm64", expected "linux/amd64" for current build`,
      `InvalidBaseImagePlatform 3 Base image foreign was pulled with platform "linux/arm64", expected "linux/amd64" for current build`,
    ],
  ],
  [
    "InvalidBaseImagePlatform, for another platform",
    "FROM --platform=$BUILDPLATFORM a AS b\nFROM foreign",
    [],
    { architecture: "arm64" },
  ],
  ["RedundantTargetPlatform, good", "FROM --platform=$BUILDPLATFORM a", []],
  [
    "RedundantTargetPlatform, bad",
    `FROM --platform=\${TARGETPLATFORM} a`,
    [
      `RedundantTargetPlatform 1 Setting platform to predefined \${TARGETPLATFORM} in FROM is redundant as this is the default behavior`,
    ],
  ],
  ["SecretsUsedInArgOrEnv, good", "FROM a\nARG PUBLIC_KEY\nENV TOKEN_FILE=/x MONKEY=y", []],
  [
    "SecretsUsedInArgOrEnv, bad",
    "FROM a\nARG API_TOKEN\nENV KEY=y",
    [
      `SecretsUsedInArgOrEnv 2 Do not use ARG or ENV instructions for sensitive data (ARG "API_TOKEN")`,
      `SecretsUsedInArgOrEnv 3 Do not use ARG or ENV instructions for sensitive data (ENV "KEY")`,
    ],
  ],
  ["InvalidDefaultArgInFrom, good", `ARG V=a\nFROM \${V}`, []],
  [
    "InvalidDefaultArgInFrom, bad",
    `ARG V\nFROM a:\${V}`,
    [`InvalidDefaultArgInFrom 2 Default value for ARG a:\${V} results in empty or invalid base image name`],
    { buildArgs: { V: "1" } },
  ],
  ["FromPlatformFlagConstDisallowed, good", "FROM --platform=linux/amd64 a AS build-amd64", []],
  [
    "FromPlatformFlagConstDisallowed, bad",
    "FROM --platform=linux/amd64 a AS build",
    [`FromPlatformFlagConstDisallowed 1 FROM --platform flag should not use constant value "linux/amd64"`],
  ],
  [
    "CopyIgnoredFile, good",
    "FROM a AS b\nCOPY src . /c/\nFROM a\nCOPY --from=b tmp /d",
    [],
    { ignore: ["tmp", "*.log"] },
  ],
  [
    "CopyIgnoredFile, bad",
    "FROM a\nCOPY ./tmp/file src /b/\nADD a.log /c",
    [
      `CopyIgnoredFile 2 Attempting to Copy file "tmp/file" that is excluded by .dockerignore`,
      `CopyIgnoredFile 3 Attempting to Add file "a.log" that is excluded by .dockerignore`,
    ],
    { ignore: ["tmp", "*.log"] },
  ],
  ["CopyIgnoredFile, with exceptions", "FROM a\nCOPY tmp /b/", [], { ignore: ["tmp", "!tmp/kept"] }],
  [
    "CopyIgnoredFile, everything",
    "FROM a\nCOPY . /b/",
    [`CopyIgnoredFile 2 Attempting to Copy file "." that is excluded by .dockerignore`],
    { ignore: ["**"] },
  ],
  [
    "InvalidDefinitionDescription, good",
    "# V which one\nARG V=a\n# other\n#\nFROM $V AS b\n# d c\nARG d\n# b\nRUN e",
    [],
    { given: "experimental=InvalidDefinitionDescription" },
  ],
  [
    "InvalidDefinitionDescription, bad",
    "# a base\nFROM a AS B2\n# two\nARG d e",
    [
      "StageNameCasing 2 Stage name 'B2' should be lowercase",
      "InvalidDefinitionDescription 2 Comment for FROM should follow the format: `# b2 <description>`",
      "InvalidDefinitionDescription 4 Comment for ARG should follow the format: `# <arg_key> <description>`",
    ],
    { given: "experimental=all" },
  ],
  ["InvalidDefinitionDescription, unasked", "# a base\nFROM a AS b", []],
  ["ExposeProtoCasing, good", "FROM a\nEXPOSE 80/tcp", []],
  [
    "ExposeProtoCasing, bad",
    "FROM a\nEXPOSE 80/TCP",
    ["ExposeProtoCasing 2 Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"],
  ],
  ["ExposeInvalidFormat, good", "FROM a\nEXPOSE 8000-8010", []],
  [
    "ExposeInvalidFormat, bad",
    "FROM a\nEXPOSE 127.0.0.1:80:80",
    [
      "ExposeInvalidFormat 2 EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
    ],
  ],
  ["skip", "# check=skip=StageNameCasing, FromAsCasing;error=true\nFROM a as B", []],
  ["skip all", "# check=skip=all\nfrom a AS scratch\nMAINTAINER b", []],
  [
    "the build argument in place of the directive",
    "# check=skip=all\nFROM a AS B",
    ["StageNameCasing 2 Stage name 'B' should be lowercase"],
    { given: "skip=FromAsCasing" },
  ],
  [
    "skip for one instruction",
    "FROM a\n# check=skip=LegacyKeyValueFormat\nENV b c\n\nENV d e",
    [`LegacyKeyValueFormat 5 "ENV key=value" should be used instead of legacy "ENV key value" format`],
  ],
  ["a stage that the target doesn't need", "FROM a AS b\nFROM a AS c\nCMD d", [], { target: "b" }],
];

test.each(table)("%s", async (_what, text, warnings, options) => {
  expect(await lint(text, options)).toEqual(warnings);
});
