import { readFileSync, realpathSync, statSync } from "node:fs";
import { BerthError } from "../../base/errors.ts";
import type { CheckBuildOptions, CheckedBuild } from "../../build/check.ts";
import type { Engine } from "../../engine/engine.ts";
import { writeFileDurably } from "../../host/write-file.ts";
import { CliError } from "../cli-error.ts";
import {
  checkErrorText,
  checkJson,
  checkText,
  outlineJson,
  outlineText,
  targetsJson,
  targetsText,
} from "../format/build-call.ts";
import type { BuildCall } from "../request/build-call.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Where a call looks, and what for. */
export interface BuildCallOptions {
  readonly call: BuildCall;
  readonly build: CheckBuildOptions;
  /** The Dockerfile as reports name it. */
  readonly shownName: string;
  /** True to write the fixes of warnings into the Dockerfile. */
  readonly fix: boolean;
}

/** Answer `build --call`. @returns the exit code */
export async function answerBuildCall(engine: Engine, io: Terminal, options: BuildCallOptions): Promise<number> {
  const { call, build } = options;
  if (call.name === "check") return await answerCheck(engine, io, options);
  if (call.name === "outline") {
    const outline = await engine.dockerfiles.outline(build);
    io.stdout.write(call.json ? outlineJson(outline) : outlineText(outline));
    return 0;
  }
  const targets = await engine.dockerfiles.targets(build);
  io.stdout.write(call.json ? targetsJson(targets) : targetsText(targets));
  return 0;
}

async function answerCheck(engine: Engine, io: Terminal, options: BuildCallOptions): Promise<number> {
  const { call, build, shownName, fix } = options;
  const checked = fix ? await fixed(engine, io, options) : await engine.dockerfiles.check(build);
  io.stdout.write(call.json ? checkJson(checked) : checkText(checked, shownName));
  for (const name of checked.unknown)
    io.stderr.write(
      `NOTE: ${name} is not in the store: its variables, shell and platform are not known to the check\n`,
    );
  const message = checkErrorText(checked, shownName);
  const { hint } = checked.error ?? {};
  if (message !== undefined) throw new CliError(message, hint === undefined ? {} : { hint });
  return checked.diagnostics.length > 0 && !call.ignoreStatus ? 1 : 0;
}

/** Rounds after which fixes are left alone: each round has fewer warnings than the one before. */
const rounds = 10;

/** Fix, check again and so on, write the Dockerfile once. @returns the last check */
async function fixed(engine: Engine, io: Terminal, { build, shownName }: BuildCallOptions): Promise<CheckedBuild> {
  const { fixDockerfile } = await import("../../dockerfile/fix.ts");
  const first = await engine.dockerfiles.check(build);
  const { path, text: before } = first.dockerfile;
  if (path === undefined) throw new CliError("ERROR: --fix needs a Dockerfile in a file");
  let checked = first;
  const written: string[] = [];
  for (let round = 0; round < rounds && checked.diagnostics.length > 0; round++) {
    const { text, fixed: mended } = fixDockerfile(checked.dockerfile.text, checked.diagnostics);
    if (mended.length === 0) break;
    written.push(...mended.map(({ rule, message, span }) => ` - ${rule}: ${message} (line ${span.start})\n`));
    checked = await engine.dockerfiles.check({ ...build, dockerfileText: text });
  }
  if (written.length === 0) return first;
  await replace(path, before, checked.dockerfile.text);
  const count = `${written.length} ${written.length === 1 ? "warning" : "warnings"}`;
  io.stderr.write(`Fixed ${count} in ${shownName}:\n${written.join("")}`);
  return checked;
}

/** Write a file that is still as it was read. Links stay; owner and permissions are kept. @throws {BerthError} conflict */
async function replace(path: string, before: string, after: string): Promise<void> {
  const target = realpathSync(path);
  if (!readFileSync(target).equals(Buffer.from(before))) {
    throw new BerthError("conflict", `${path} changed while it was checked, or is no UTF-8: nothing was written`);
  }
  const { uid, gid, mode } = statSync(target);
  const isOwn = uid === process.getuid?.() && gid === process.getgid?.();
  await writeFileDurably(target, after, { mode: mode & 0o7777, ...(isOwn ? {} : { owner: { uid, gid } }) });
}
