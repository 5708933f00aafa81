import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Outcome, Start } from "../../support/program.ts";
import { savedImage } from "../../support/saved-image.ts";
import type { Build } from "./case.ts";

/** A build of one engine as it is compared with the other's. */
export type BuildOutcome = Readonly<Record<string, unknown>>;

type Run = (args: readonly string[], start?: Start) => Promise<Outcome>;

/** Files that were changed since then have no time that could be compared. */
const since = Math.floor(Date.now() / 1000);

/**
 * Run one build, and give all that two engines are to have in common.
 *
 * @param run the command of an engine
 * @param context where it runs
 * @param steps whether the names of the steps and which ran belong to it
 */
export async function buildOutcome(
  run: Run,
  context: string,
  build: Build & { readonly steps: boolean },
): Promise<BuildOutcome> {
  const { args = [], env = {}, image = "built" } = build;
  const { code, stderr } = await run(
    ["build", "--progress", "plain", ...(build.out ? [] : ["-t", image]), ...args, context],
    { cwd: context, env },
  );
  const steps = build.steps ? { steps: stepsOf(stderr) } : {};
  if (code !== 0) {
    if (build.fails === undefined) throw new Error(`the build failed with ${code}: ${stderr.slice(-300)}`);
    return {
      code,
      fails: build.fails === true ? failureOf(stderr) : build.fails.test(stderr) ? "as expected" : stderr,
      ...steps,
    };
  }
  return {
    code,
    ...steps,
    ...(build.out ? { out: filesOf(join(context, "out")) } : await imageOf(run, image, context)),
  };
}

/** Names of steps with what became of them, sorted: bases are looked up in ways of their own. */
function stepsOf(stderr: string): readonly string[] {
  const names = new Map<string, string>();
  const ends: string[] = [];
  for (const [, number = "", text = ""] of stderr.matchAll(/^#(\d+) (.+)$/gm)) {
    const name = names.get(number);
    if (name === undefined) names.set(number, text);
    else if (/^\[(?!internal)/.test(name) && !/\] FROM /.test(name) && /^(CACHED|DONE|ERROR|CANCELED)/.test(text))
      // A stage that alone has steps is named, or not.
      ends.push(`${name.replace("[stage-0 ", "[")}: ${text.startsWith("DONE") ? "ran" : text.split(/[: ]/)[0]}`);
  }
  return ends.sort();
}

/** The message of a failed build without what stands before it in each version. */
function failureOf(stderr: string): string {
  const last =
    stderr
      .split("\n")
      .filter((line) => line.startsWith("ERROR: "))
      .at(-1) ?? stderr;
  return last
    .replace(/^ERROR: (failed to build: )?(failed to solve: )?/, "")
    .replace(/checksum of ref( \S+)?: /, "checksum of ref: ")
    .replace(/^(process ".*" did not complete).*(exit code)/, "$1 $2");
}

async function imageOf(run: Run, image: string, context: string): Promise<object> {
  const archive = join(context, `../${randomUUID()}.tar`);
  const { code, stderr } = await run(["save", "-o", archive, image]);
  if (code !== 0) throw new Error(`save ended with ${code}: ${stderr}`);
  const { config, layers } = await savedImage(archive, since);
  rmSync(archive);
  const { created, history = [], rootfs, config: settings, ...rest } = config;
  return {
    ...rest,
    created: whenOf(created),
    config: withoutEmpty(settings ?? {}),
    rootfs: { ...rootfs, diff_ids: rootfs.diff_ids.length },
    // The first is the import's.
    history: history.slice(1).map(({ created, ...entry }) => ({ ...withoutEmpty(entry), created: whenOf(created) })),
    layers,
  };
}

/** A time that is told apart from that of this run only where it isn't. */
function whenOf(time: string | undefined): string | undefined {
  return time !== undefined && Date.parse(time) / 1000 >= since ? "now" : time?.replace(".000Z", "Z");
}

/** Go's JSON leaves empty values out, or not: they are the same to who reads it. */
function withoutEmpty(values: object): object {
  const isEmpty = (value: unknown): boolean =>
    value === "" ||
    value === null ||
    value === false ||
    value === undefined ||
    (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(values).filter(([, value]) => !isEmpty(value)));
}

function filesOf(directory: string): readonly string[] {
  const format = "%P %M %U:%G %s %l\n";
  const listed = execFileSync(
    "find",
    [
      directory,
      "-mindepth",
      "1",
      "-not",
      "-type",
      "d",
      "-printf",
      format,
      "-o",
      "-mindepth",
      "1",
      "-printf",
      "%P %M %U:%G\n",
    ],
    {
      encoding: "utf8",
    },
  );
  return listed.trimEnd().split("\n").sort();
}
