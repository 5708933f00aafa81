import { type BerthError, isKind } from "../../base/errors.ts";
import { shortID } from "../../base/ids.ts";
import type { KeptStep } from "../../build/kept-steps.ts";
import type { Engine } from "../../engine/engine.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import type { PastBuild, PastStep } from "../engine-types.ts";
import { bool } from "../flags/kinds.ts";
import { align } from "../format/align.ts";
import { buildFlags, readSecrets, type SecretFlag } from "../request/build-flags.ts";
import { findFailedStep, findPastStep, hasFailedStep } from "../request/failed-step.ts";
import { type SshFlag, sshOption } from "../request/ssh-flag.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { windowSizeOf } from "../terminal/session.ts";
import { failureOf } from "./build-failure.ts";

interface ShellValues {
  readonly after: boolean;
  readonly list: boolean;
  readonly secret: readonly SecretFlag[];
  readonly ssh: readonly SshFlag[];
}

/** `berth build shell` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD [STEP]] [-- COMMAND [ARG...]]",
  arity: { min: 0 },
  flags: {
    after: bool("Of a step that didn't fail, open what it came to, not what it began with"),
    list: bool("List the failed steps that are kept"),
    secret: buildFlags.secret,
    ssh: buildFlags.ssh,
  },
  examples: [
    "build shell",
    "build shell --list",
    "build shell -- cat config.log",
    "build shell 4f5a1c 3/5",
    "build shell ^0 'RUN make'",
    "build shell --after 4f5a1c 2/5 -- ls -l /out",
    "build shell --secret id=token,src=token.txt",
  ],
  run: openShell,
});

async function openShell({ values, args, dash, io, engine }: Call<ShellValues>): Promise<number> {
  const opened = await engine();
  const { failedSteps } = opened;
  if (values.list) {
    io.stdout.write(listOf(failedSteps.list()));
    return 0;
  }
  const found = await findStep(opened, args.slice(0, dash), values.after);
  const command = dash === undefined ? [] : args.slice(dash);
  const terminal = io.stdin.isTTY === true && io.stdout.isTTY === true;
  const windowSize = terminal ? windowSizeOf(io) : undefined;
  const secrets = readSecrets(values.secret, io.env);
  if (command.length === 0) io.stderr.write(`${found.step.name}\n${what(found, values.after)}\n`);
  using interrupt = interruptible(io);
  const { signal } = interrupt;
  const onMissing = ({ message, hint = "" }: BerthError): void => void io.stderr.write(`NOTE: ${message}. ${hint}\n`);
  const options = {
    ...sshOption(values.ssh, { context: "", user: io.env }),
    ...{ args: command, terminal, secrets, signal, onMissing },
    ...(windowSize === undefined ? {} : { windowSize }),
  };
  try {
    if (found.build === undefined) return await failedSteps.shell(found.step, options);
    return await opened.builds.shell(found, { ...options, after: values.after });
  } catch (error) {
    throw failureOf(error);
  }
}

/** A failed step that is kept; or one of a build that is recorded. */
type Found =
  | { readonly step: KeptStep; readonly build?: undefined }
  | { readonly step: PastStep; readonly build: PastBuild };

/** What fails is kept as it was left: it comes first. @throws {CliError} */
async function findStep({ builds, failedSteps }: Engine, words: readonly string[], after: boolean): Promise<Found> {
  const [ref, word, ...more] = words;
  if (more.length > 0) throw new CliError("ERROR: a step is named by its build and one word more");
  const kept = failedSteps.list();
  if (ref === undefined) {
    if (after) throw new CliError("ERROR: --after needs a build and a step: of a failed step nothing else is kept");
    return { step: findFailedStep(kept, []) };
  }
  const build = await builds.get(ref).catch((error: unknown) => {
    // What failed is kept longer than records are.
    if (isKind(error, "not-found") && kept.some(({ buildID }) => buildID.startsWith(ref))) return undefined;
    throw failureOf(error);
  });
  const id = build?.id ?? ref;
  if (build === undefined || hasFailedStep(kept, id, word)) {
    if (after) throw new CliError("ERROR: the step failed, and came to nothing: --after has nothing to open");
    return { step: findFailedStep(kept, word === undefined ? [id] : [id, word]) };
  }
  return { step: findPastStep(build, word), build };
}

function what({ build, step }: Found, after: boolean): string {
  if (build !== undefined)
    return `The file system ${after ? "that the step came to" : "before the step ran"}. What is changed here is gone with the shell.`;
  const { exitCode } = step;
  const ended = exitCode === undefined ? "The command failed" : `The command ended with ${exitCode}`;
  return `${ended}. What is changed here stays; \`berth build retry\` runs it again in this file system.`;
}

function listOf(steps: readonly KeptStep[]): string {
  const rows = steps.map(({ buildID, name, line, exitCode, created }) => [
    shortID(buildID),
    created,
    line === undefined ? "" : String(line),
    exitCode === undefined ? "" : String(exitCode),
    name,
  ]);
  return align([["BUILD", "FAILED", "LINE", "EXIT CODE", "STEP"], ...rows]);
}
