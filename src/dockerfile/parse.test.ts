import { describe, expect, test } from "vitest";
import type { Instruction } from "./ast.ts";
import { DockerfileError } from "./errors.ts";
import { parseDockerfile, parseInstructions, parseTrigger } from "./parse.ts";

/** The instructions of the first stage of `FROM a` and `text`, without what all have. */
function parsed(text: string): readonly object[] {
  return parseDockerfile(`FROM a\n${text}`).stages.flatMap(({ instructions }) => instructions.map(essence));
}

function essence({ original: _original, keyword: _keyword, span: _span, ...rest }: Instruction): object {
  return rest;
}

const run = { heredocs: [], mounts: [], network: "default", security: "sandbox", devices: [] };
const copy = { kind: "COPY", files: [], link: false, exclude: [], parents: false };
const add = { kind: "ADD", files: [], link: false, exclude: [] };
const pair = (key: string, value: string, legacy = false): object => ({ key, value, legacy });

const table: readonly [string, object][] = [
  ["RUN echo  a 'b  c'", { kind: "RUN", ...run, command: { form: "shell", command: "echo  a 'b  c'" } }],
  ['RUN ["a", "b\\u0041"]', { kind: "RUN", ...run, command: { form: "exec", args: ["a", "bA"] } }],
  ["RUN ['a']", { kind: "RUN", ...run, command: { form: "shell", command: "['a']" } }],
  ['RUN ["a"] b', { kind: "RUN", ...run, command: { form: "shell", command: '["a"] b' } }],
  ["RUN []", { kind: "RUN", ...run, command: { form: "exec", args: [] } }],
  ["RUN", { kind: "RUN", ...run, command: { form: "shell", command: "" } }],
  [
    "RUN --network=none --mount=type=cache,target=/c --mount=target=/d --security=insecure --device=x a",
    {
      kind: "RUN",
      ...run,
      command: { form: "shell", command: "a" },
      mounts: ["type=cache,target=/c", "target=/d"],
      network: "none",
      security: "insecure",
      devices: ["x"],
    },
  ],
  ["RUN -- --a", { kind: "RUN", ...run, command: { form: "shell", command: "--a" } }],
  ["CMD a b", { kind: "CMD", command: { form: "shell", command: "a b" } }],
  ['ENTRYPOINT ["a", "b"]', { kind: "ENTRYPOINT", command: { form: "exec", args: ["a", "b"] } }],
  ["COPY a b c/", { ...copy, sources: ["a", "b"], destination: "c/" }],
  ['COPY ["a b", "c"]', { ...copy, sources: ["a b"], destination: "c" }],
  [
    "COPY --from=x --chown=1:2 --chmod=0755 --link --parents --exclude=*.md --exclude=d a b",
    {
      ...copy,
      sources: ["a"],
      destination: "b",
      from: "x",
      chown: "1:2",
      chmod: "0755",
      link: true,
      parents: true,
      exclude: ["*.md", "d"],
    },
  ],
  ["COPY --link=false a b", { ...copy, sources: ["a"], destination: "b" }],
  ["ADD a b", { ...add, sources: ["a"], destination: "b" }],
  [
    "ADD --checksum=sha256:0 --keep-git-dir --unpack=false --link a b",
    { ...add, sources: ["a"], destination: "b", checksum: "sha256:0", keepGitDir: true, unpack: false, link: true },
  ],
  [
    `ENV A=1 B="2 3" C='4' D=\\ 5`,
    {
      kind: "ENV",
      pairs: [
        ["A", "1"],
        ["B", '"2 3"'],
        ["C", "'4'"],
        ["D", "\\ 5"],
      ].map(([k = "", v = ""]) => pair(k, v)),
    },
  ],
  ["ENV A b  c", { kind: "ENV", pairs: [pair("A", "b  c", true)] }],
  ["ENV A=", { kind: "ENV", pairs: [pair("A", "")] }],
  ["LABEL a.b=c=d", { kind: "LABEL", pairs: [pair("a.b", "c=d")] }],
  [
    'ARG A B=1 C="x y"',
    { kind: "ARG", args: [{ name: "A" }, { name: "B", value: "1" }, { name: "C", value: '"x y"' }] },
  ],
  ["EXPOSE 90 80/tcp $P", { kind: "EXPOSE", words: ["$P", "80/tcp", "90"] }],
  ["VOLUME /a /b", { kind: "VOLUME", words: ["/a", "/b"] }],
  ['VOLUME ["/a b"]', { kind: "VOLUME", words: ["/a b"] }],
  ["USER a:b", { kind: "USER", value: "a:b" }],
  ["WORKDIR /a b", { kind: "WORKDIR", value: "/a b" }],
  ["STOPSIGNAL 9", { kind: "STOPSIGNAL", value: "9" }],
  ["MAINTAINER A <a@b>", { kind: "MAINTAINER", value: "A <a@b>" }],
  ['SHELL ["/bin/bash", "-c"]', { kind: "SHELL", shell: ["/bin/bash", "-c"] }],
  ["ONBUILD RUN a", { kind: "ONBUILD", expression: "RUN a" }],
  ["onbuild  copy a b", { kind: "ONBUILD", expression: "copy a b" }],
  ["ONBUILD RUN <<E\nx\nE", { kind: "ONBUILD", expression: "RUN <<E\nx\nE" }],
  ["HEALTHCHECK NONE", { kind: "HEALTHCHECK", healthcheck: { Test: ["NONE"] } }],
  ["HEALTHCHECK CMD a b", { kind: "HEALTHCHECK", healthcheck: { Test: ["CMD-SHELL", "a b"] } }],
  [
    'HEALTHCHECK --interval=1m30s --timeout=2s --start-period=3ms --start-interval=4s --retries=5 cmd ["a"]',
    {
      kind: "HEALTHCHECK",
      healthcheck: {
        Test: ["CMD", "a"],
        Interval: 90e9,
        Timeout: 2e9,
        StartPeriod: 3e6,
        StartInterval: 4e9,
        Retries: 5,
      },
    },
  ],
  ["HEALTHCHECK --interval=0s CMD a", { kind: "HEALTHCHECK", healthcheck: { Test: ["CMD-SHELL", "a"] } }],
];

describe("an instruction", () => {
  test.each(table)("%s", (text, expected) => {
    expect(parsed(text)).toEqual([expected]);
  });
});

describe("lines", () => {
  const lines: readonly [string, string, readonly string[]][] = [
    ["joined at an escape", "RUN a \\\n  b", ["RUN a   b"]],
    ["joined past blanks behind it", "RUN a \\ \t\nb", ["RUN a b"]],
    ["not joined when it is escaped itself", "RUN a \\\\\nUSER b", ["RUN a \\\\", "USER b"]],
    ["joined to the end of the file", "RUN a \\", ["RUN a"]],
    ["with a comment in between", "RUN a \\\n# c\n  # d\nb", ["RUN a b"]],
    ["with an empty line in between", "RUN a \\\n\n  \nb", ["RUN a b"]],
    ["indented", "  RUN a\n\t# c\n\n", ["RUN a"]],
    ["that end in CRLF", "RUN a \\\r\nb\r\nUSER c\r\n", ["RUN a b", "USER c"]],
    ["with a # that starts no comment", "RUN a # b", ["RUN a # b"]],
  ];
  test.each(lines)("%s", (_name, text, originals) => {
    const [stage] = parseDockerfile(`FROM a\n${text}`).stages;
    expect(stage?.instructions.map(({ original }) => original)).toEqual(originals);
  });

  test("are counted from 1, heredocs and continuations included", () => {
    const file = parseDockerfile("# c\n\nFROM a\nRUN b \\\n  c\nRUN <<E\nx\nE\n\nFROM d\nUSER e\n");
    expect(file.stages.map(({ span }) => span)).toEqual([
      { start: 3, end: 8 },
      { start: 10, end: 11 },
    ]);
    expect(file.stages[0]?.instructions.map(({ span }) => span)).toEqual([
      { start: 4, end: 5 },
      { start: 6, end: 8 },
    ]);
  });
});

describe("directives", () => {
  test("choose the escape character", () => {
    const file = parseDockerfile("#escape=`\n# Syntax = a/b:1 \n# check=skip=all\nFROM a\nRUN C:\\ `\nb\n");
    expect(file.escape).toBe("`");
    expect(file.directives).toEqual([
      { name: "escape", value: "`", line: 1 },
      { name: "syntax", value: "a/b:1", line: 2 },
      { name: "check", value: "skip=all", line: 3 },
    ]);
    expect(file.stages[0]?.instructions[0]?.original).toBe("RUN C:\\ b");
  });

  test.each(["\n# escape=`", "# a comment\n# escape=`", "# unknown=1\n# escape=`", "FROM x\n# escape=`"])(
    "end with a line that is none: %j",
    (top) => {
      expect(parseDockerfile(`${top}\nFROM a\n`).escape).toBe("\\");
    },
  );

  test("may follow a byte order mark", () => {
    expect(parseDockerfile("\ufeff# escape=`\nFROM a").escape).toBe("`");
  });
});

describe("stages", () => {
  test("have what their FROM says, and names in lower case", () => {
    const file = parseDockerfile("ARG V=1\nARG W\nFROM --platform=$P a:$V as Base\nRUN b\nfrom base\n");
    expect(file.globalArgs.flatMap(({ args }) => args)).toEqual([{ name: "V", value: "1" }, { name: "W" }]);
    const [first, second] = file.stages;
    expect(first).toMatchObject({ name: "base", from: { base: "a:$V", platform: "$P", as: "Base" } });
    expect(second).toMatchObject({ from: { base: "base" }, instructions: [] });
    expect(second).not.toHaveProperty("name");
  });
});

// The file, the message, and the line that it blames.
const errors: readonly [string, string, number][] = [
  ["", "the Dockerfile cannot be empty", 1],
  ["\n# only a comment\n", "file with no instructions", 2],
  ["ARG A\n", "dockerfile contains no stages to build", 1],
  ["RUN a\nFROM b", "no build stage in current context", 1],
  ["FROM a\n\nFRO b", "dockerfile parse error on line 3: unknown instruction: FRO (did you mean FROM?)", 3],
  ["FROM a\nrunn b", "dockerfile parse error on line 2: unknown instruction: runn (did you mean run?)", 2],
  ["FROM a\nCpoy b c", "dockerfile parse error on line 2: unknown instruction: Cpoy (did you mean copy?)", 2],
  ["FROM a\nSOMETHING b", "dockerfile parse error on line 2: unknown instruction: SOMETHING", 2],
  ["FROM", "dockerfile parse error on line 1: FROM requires either one or three arguments", 1],
  ["FROM a b", "dockerfile parse error on line 1: FROM requires either one or three arguments", 1],
  ["FROM a is b", "dockerfile parse error on line 1: FROM requires either one or three arguments", 1],
  [
    "FROM a AS 1b",
    `dockerfile parse error on line 1: invalid name for build stage: "1b", name can't start with a number or contain symbols`,
    1,
  ],
  ["FROM --platfrom=x a", "dockerfile parse error on line 1: unknown flag: --platfrom (did you mean platform?)", 1],
  [
    "FROM a\nCOPY b",
    "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined",
    2,
  ],
  [
    "FROM a\nADD",
    "dockerfile parse error on line 2: ADD requires at least two arguments, but only one was provided. Destination could not be determined",
    2,
  ],
  ["FROM a\nCOPY --form=x b c", "dockerfile parse error on line 2: unknown flag: --form (did you mean from?)", 2],
  ["FROM a\nRUN --device=x,foo=1 b", "dockerfile parse error on line 2: unexpected key 'foo' in 'foo=1'", 2],
  ["FROM a\nCOPY --other b c", "dockerfile parse error on line 2: unknown flag: --other", 2],
  ["FROM a\nCOPY --from b c", "dockerfile parse error on line 2: missing a value on flag: --from", 2],
  ["FROM a\nCOPY --from=a --from=b c d", "dockerfile parse error on line 2: duplicate flag specified: --from", 2],
  ["FROM a\nCOPY --link= c d", "dockerfile parse error on line 2: missing a value on flag: --link", 2],
  [
    "FROM a\nCOPY --link=no c d",
    "dockerfile parse error on line 2: expecting boolean value for flag --link, not: no",
    2,
  ],
  ["FROM a\nCOPY b <<E\nE", "dockerfile parse error on line 2: COPY cannot accept a heredoc as a destination", 2],
  ["FROM a\nRUN <<E\nx", "unterminated heredoc", 2],
  ["FROM a\nRUN --network=x b", 'dockerfile parse error on line 2: invalid network mode "x"', 2],
  ["FROM a\nRUN --security=x b", 'dockerfile parse error on line 2: security "x" is not valid', 2],
  [
    "FROM a\nRUN --mount=from=$x b",
    "dockerfile parse error on line 2: 'from' doesn't support variable expansion, define alias stage instead",
    2,
  ],
  ["FROM a\nCMD --x b", "dockerfile parse error on line 2: unknown flag: --x", 2],
  ["FROM a\nENV", "dockerfile parse error on line 2: ENV requires at least one argument", 2],
  ["FROM a\nENV B", "ENV must have two arguments", 2],
  ["FROM a\nENV =b", "dockerfile parse error on line 2: ENV names can not be blank", 2],
  ["FROM a\nLABEL b=c d", `Syntax error - can't find = in "d". Must be of the form: name=value`, 2],
  ["FROM a\nARG", "dockerfile parse error on line 2: ARG requires at least one argument", 2],
  ["FROM a\nARG =b", "dockerfile parse error on line 2: ARG names can not be blank", 2],
  ["FROM a\nWORKDIR", "dockerfile parse error on line 2: WORKDIR requires exactly one argument", 2],
  ["FROM a\nEXPOSE", "dockerfile parse error on line 2: EXPOSE requires at least one argument", 2],
  ["FROM a\nVOLUME", "dockerfile parse error on line 2: VOLUME requires at least one argument", 2],
  ['FROM a\nVOLUME [" "]', "dockerfile parse error on line 2: VOLUME specified can not be an empty string", 2],
  ["FROM a\nSHELL []", "dockerfile parse error on line 2: SHELL requires at least one argument", 2],
  ["FROM a\nSHELL sh -c", "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form", 2],
  ["FROM a\nCMD [1]", "when using JSON array syntax, arrays must be comprised of strings only", 2],
  ["FROM a\nONBUILD", "dockerfile parse error on line 2: ONBUILD requires at least one argument", 2],
  [
    "FROM a\nONBUILD ONBUILD RUN b",
    "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
    2,
  ],
  ["FROM a\nONBUILD FROM b", "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger", 2],
  ["FROM a\nHEALTHCHECK", "dockerfile parse error on line 2: HEALTHCHECK requires at least one argument", 2],
  ["FROM a\nHEALTHCHECK NONE b", "dockerfile parse error on line 2: HEALTHCHECK NONE takes no arguments", 2],
  ["FROM a\nHEALTHCHECK CMD", "dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD", 2],
  ["FROM a\nHEALTHCHECK run b", 'dockerfile parse error on line 2: Unknown type "RUN" in HEALTHCHECK (try CMD)', 2],
  [
    "FROM a\nHEALTHCHECK --interval=1us CMD b",
    'dockerfile parse error on line 2: Interval "interval" cannot be less than 1ms',
    2,
  ],
  ["FROM a\nHEALTHCHECK --timeout=5 CMD b", 'dockerfile parse error on line 2: time: missing unit in duration "5"', 2],
  ["FROM a\nHEALTHCHECK --retries=-1 CMD b", "dockerfile parse error on line 2: --retries cannot be negative (-1)", 2],
  [
    "FROM a\nHEALTHCHECK --retries=x CMD b",
    'dockerfile parse error on line 2: strconv.ParseInt: parsing "x": invalid syntax',
    2,
  ],
  ["# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", 1],
  ["# syntax=a\n# syntax=b\nFROM a", "only one syntax parser directive can be used", 2],
  [`FROM a\nRUN ${"x".repeat(65536)}`, "dockerfile line greater than max allowed size of 65535", 2],
];

describe("errors", () => {
  test.each(errors)("%j", (text, message, line) => {
    const error = thrown(() => parseDockerfile(text));
    expect(error.message).toBe(message);
    expect(error.line).toBe(line);
  });

  test("explain that a comment needs a line of its own", () => {
    const error = thrown(() => parseDockerfile("FROM debian # :latest implicit"));
    expect(error.message).toBe("dockerfile parse error on line 1: FROM requires either one or three arguments");
    expect(error.hint).toMatch(/comment needs a line of its own/);
  });
});

describe("instructions outside a Dockerfile", () => {
  test("are read one by one", () => {
    const kinds = parseInstructions('CMD ["a"]\nENV B=c\nEXPOSE 80').map(({ kind }) => kind);
    expect(kinds).toEqual(["CMD", "ENV", "EXPOSE"]);
  });

  test("are blamed without a line in the message", () => {
    const error = thrown(() => parseInstructions("ENV A=b\nWORKDIR"));
    expect(error.message).toBe("WORKDIR requires exactly one argument");
    expect(error.line).toBe(2);
  });

  const from = parseDockerfile("\n\nFROM a").stages[0]?.from.span;
  if (from === undefined) throw new Error("no stage");

  test("run as triggers at the FROM that brought them", () => {
    expect(parseTrigger("RUN <<E\na\nE", from)).toMatchObject({ kind: "RUN", span: { start: 3, end: 3 } });
  });

  test.each(["RUN a\nRUN b", "FROM b"])("are no trigger when they are not one: %j", (text) => {
    const error = thrown(() => parseTrigger(text, from));
    expect(error.message).toBe("onbuild trigger should be a single expression");
    expect(error.line).toBe(3);
  });
});

function thrown(body: () => unknown): DockerfileError {
  try {
    body();
  } catch (error) {
    if (error instanceof DockerfileError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
