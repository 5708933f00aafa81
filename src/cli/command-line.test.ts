import { readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { runCommandLine } from "./command-line.ts";
import type { Entry } from "./group.ts";
import { flagTable } from "./help.ts";
import { groups, topLevel } from "./registry.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { outputInto } from "./terminal/testing.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const noEngine = (): never => {
  throw new BerthError("unavailable", "the engine was opened");
};

async function berth(...argv: readonly string[]): Promise<Outcome> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const io: Terminal = {
    stdin,
    stdout: outputInto(stdout),
    stderr: outputInto(stderr),
    env: {},
    setVariable: () => undefined,
    cwd: "/",
    onSignals: () => ({ [Symbol.dispose]: () => undefined }),
  };
  const code = await runCommandLine(argv, io, noEngine);
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

const runUsage = `
Usage:  berth run [OPTIONS] IMAGE [COMMAND] [ARG...]

Run 'berth run --help' for more information
`;

describe("wrong use is told in the words of Docker's client 28, with its exit code", () => {
  test.each<[string, number, string]>([
    ["foo", 1, "berth: unknown command: berth foo\n\nRun 'berth --help' for more information\n"],
    [
      "--foo",
      125,
      "unknown flag: --foo\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\nRun 'berth --help' for more information\n",
    ],
    [
      "-x",
      125,
      "unknown shorthand flag: 'x' in -x\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\nRun 'berth --help' for more information\n",
    ],
    [
      "image foo",
      1,
      "berth: unknown command: berth image foo\n\nUsage:  berth image\n\nRun 'berth image --help' for more information\n",
    ],
    [
      "image --foo",
      125,
      "unknown flag: --foo\n\nUsage:  berth image\n\nRun 'berth image --help' for more information\n",
    ],
    [
      "run",
      1,
      "berth: 'berth run' requires at least 1 argument\n\nUsage:  berth run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'berth run --help' for more information\n",
    ],
    ["run --foo", 125, `unknown flag: --foo\n${runUsage}`],
    ["run -itx busybox", 125, `unknown shorthand flag: 'x' in -x\n${runUsage}`],
    ["run --name", 125, `flag needs an argument: --name\n${runUsage}`],
    [
      "run --cpus=abc busybox",
      125,
      `invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number\n${runUsage}`,
    ],
    ["run -m x b", 125, `invalid argument "x" for "-m, --memory" flag: invalid size: 'x'\n${runUsage}`],
    ["run -d -a stdout b", 1, "conflicting options: cannot specify both --attach and --detach\n"],
    ["run -it b", 1, "the input device is not a TTY\n"],
    [
      "run --env-file /nonexist b",
      125,
      "berth: open /nonexist: no such file or directory\n\nRun 'berth run --help' for more information\n",
    ],
    [
      "exec foo",
      1,
      "berth: 'berth exec' requires at least 2 arguments\n\nUsage:  berth exec [OPTIONS] CONTAINER COMMAND [ARG...]\n\nSee 'berth exec --help' for more information\n",
    ],
    [
      "ps a",
      1,
      "berth: 'berth ps' accepts no arguments\n\nUsage:  berth ps [OPTIONS]\n\nRun 'berth ps --help' for more information\n",
    ],
    [
      "container ls a",
      1,
      "berth: 'berth container ls' accepts no arguments\n\nUsage:  berth container ls [OPTIONS]\n\nRun 'berth container ls --help' for more information\n",
    ],
    [
      "ps --filter foo",
      125,
      `invalid argument "foo" for "-f, --filter" flag: bad format of filter (expected name=value)\n\nUsage:  berth ps [OPTIONS]\n\nRun 'berth ps --help' for more information\n`,
    ],
    [
      "diff a b",
      1,
      "berth: 'berth diff' requires 1 argument\n\nUsage:  berth diff CONTAINER\n\nRun 'berth diff --help' for more information\n",
    ],
    [
      "tag a",
      1,
      "berth: 'berth tag' requires 2 arguments\n\nUsage:  berth tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\nRun 'berth tag --help' for more information\n",
    ],
    [
      "commit a b c",
      1,
      "berth: 'berth commit' requires at least 1 and at most 2 arguments\n\nUsage:  berth commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]\n\nRun 'berth commit --help' for more information\n",
    ],
    [
      "tag busybox Foo",
      1,
      'Error parsing reference: "Foo" is not a valid repository/tag: invalid reference format: repository name (library/Foo) must be lowercase\n',
    ],
    ["commit x Foo", 1, "invalid reference format: repository name (library/Foo) must be lowercase\n"],
    ["build -t Foo .", 1, 'ERROR: invalid tag "Foo": repository name must be lowercase\n'],
    ["build -t a:b:c .", 1, 'ERROR: invalid tag "a:b:c": invalid reference format\n'],
    ["build --secret type=x,id=s .", 1, 'ERROR: unsupported secret type "x"\n'],
    ["build --secret foo .", 1, "ERROR: invalid field 'foo' must be a key=value pair\n"],
    ["build --cache-from type=registry .", 1, "ERROR: registry cache importer requires ref\n"],
    ["build --build-context foo .", 1, "ERROR: invalid context value: foo, expected key=value\n"],
    ["build --allow foo .", 1, "ERROR: unknown entitlement foo\n"],
    ["build --label =x .", 1, 'ERROR: invalid key-value pair "=x": empty key\n'],
    ["build --progress foo .", 1, "ERROR: invalid progress mode foo\n"],
    ["import /nonexistent", 1, "open /nonexistent: no such file or directory\n"],
    ["load -i /nonexistent", 1, "open /nonexistent: no such file or directory\n"],
    [
      "save -o /nonexistent/x busybox",
      1,
      "failed to save image: invalid output path: stat /nonexistent: no such file or directory\n",
    ],
    ["logs --since x web", 1, `invalid value for "since": failed to parse value as time or duration: "x"\n`],
    ["version -f {{.Foo", 64, "template parsing error: template: :1: unclosed action\n"],
    ["ps", 1, "Error response from daemon: the engine was opened\n"],
    ["pull -a debian:12", 1, "tag can't be used with --all-tags/-a\n"],
    ["pull Debian", 1, "invalid reference format: repository name (library/Debian) must be lowercase\n"],
  ])("berth %s", async (line, code, stderr) => {
    expect(await berth(...line.split(" "))).toEqual({ code, stdout: "", stderr });
  });
});

test.each([
  ["imags", "Did you mean `berth images`?"],
  ["buid", "Did you mean `berth build`?"],
  ["image lst", "Did you mean `berth image ls`?"],
])("after `berth %s` the nearest command is suggested", async (line, hint) => {
  expect((await berth(...line.split(" "))).stderr).toMatch(new RegExp(`hint: ${hint.replace("?", "\\?")}\n$`));
});

test("--version tells the version of the package, without the engine", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(await berth("--version")).toEqual({ code: 0, stdout: `berth version ${version}, build source\n`, stderr: "" });
  expect(await berth("-v")).toMatchObject({ code: 0, stdout: expect.stringContaining("berth version") });
});

test.each([[], ["--help"], ["help"], ["-h"]])("`berth %s` shows what there is", async (...argv) => {
  const { code, stdout } = await berth(...argv);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: {2}berth \[OPTIONS\] COMMAND\n/);
  expect(stdout).toContain("\n  run         Create and run a new container from an image\n");
  expect(stdout).not.toContain("internal-exited");
});

test("a group shows its commands", async () => {
  const { stdout } = await berth("image");
  expect(stdout).toContain("Manage images\n\nCommands:\n  build       Build an image from a Dockerfile\n");
  expect(stdout).toContain("Run 'berth image COMMAND --help' for more information on a command.\n");
});

test.each([["container ps --help"], ["help ps"], ["ps -h"]])(
  "`berth %s` is the help of ps, with every way to call it",
  async (line) => {
    const { code, stdout } = await berth(...line.split(" "));
    expect(code).toBe(0);
    expect(stdout).toContain(
      "Aliases:\n  berth container ls, berth container list, berth container ps, berth container remove".replace(
        ", berth container remove",
        ", berth ps",
      ),
    );
  },
);

test("where -h is a flag of the command's own, --help is listed", async () => {
  const { stdout } = await berth("run", "--help");
  expect(stdout).toMatch(/^ {6}--help +Print usage$/m);
  expect(stdout).toMatch(/^ {2}-h, --hostname string +Container host name$/m);
});

const everyEntry = [
  ...Object.entries(topLevel),
  ...Object.entries(groups).flatMap(([group, { commands }]) =>
    Object.entries(commands).map(([name, entry]) => [`${group} ${name}`, entry] as const),
  ),
] as readonly (readonly [string, Entry])[];

test.each(everyEntry)("%s has a help, with an example that its own flags can be read from", async (path, entry) => {
  const { command } = await entry.load();
  const { code, stdout } = await berth(...path.split(" "), "--help");
  expect(code).toBe(0);
  expect(stdout).toContain(`Usage:  berth ${path}`);
  expect(stdout).toContain("\n\nExamples:\n  berth ");
  expect(flagTable(command.flags, 80)).not.toMatch(/.{120}/);
  for (const [name, { description, hidden }] of Object.entries(command.flags)) {
    expect({ name, described: hidden === true || description !== "" }).toEqual({ name, described: true });
  }
});

test("buildx is the builder's commands, its history and its image tools", async () => {
  const { stdout } = await berth("buildx");
  expect(stdout).toMatch(/^Management Commands:\n {2}history .*\n {2}imagetools /m);
  expect((await berth("buildx", "imagetools", "create", "--help")).stdout).toContain(
    "Usage:  berth buildx imagetools create",
  );
  expect((await berth("buildx", "history")).stdout).toContain("Usage:  berth buildx history COMMAND");
  expect((await berth("buildx", "b", "--help")).stdout).toContain("berth buildx build, berth buildx b,");
  expect(await berth("buildx", "use", "default")).toMatchObject({ code: 0 });
  expect((await berth("buildx", "inspect", "--bootstrap")).stdout).toMatch(/^Name: +default\nDriver: +berth\n/);
  expect((await berth("buildx", "ls")).stdout).toMatch(/^NAME\/NODE .*\ndefault\* +berth .*\n \\_ default .* linux\//);
});

test.each([
  ["buildx", "build", "--builder", "other", "."],
  ["buildx", "--builder=other", "ls"],
  ["build", "--builder", "other", "."],
  ["bake", "--builder", "other"],
  ["builder", "prune", "--builder", "other"],
  ["imagetools", "inspect", "--builder", "other", "a"],
  ["buildx", "inspect", "other"],
  ["buildx", "use", "other"],
])("there is one builder: %s %s %s", async (...argv) => {
  expect(await berth(...argv)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ERROR: no builder "other" found\nhint: '),
  });
});

test.each(["create", "dial-stdio", "rm", "stop"])("buildx %s is refused with the reason", async (verb) => {
  expect(await berth("buildx", verb)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("ERROR: berth has one builder, itself"),
  });
});
