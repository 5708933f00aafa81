import type { BerthError } from "../../base/errors.ts";
import { shortID } from "../../base/ids.ts";
import type { KeptStep } from "../../build/kept-steps.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";
import { align } from "../format/align.ts";
import { buildFlags, readSecrets, type SecretFlag } from "../request/build-flags.ts";
import { findFailedStep } from "../request/failed-step.ts";
import { type SshFlag, sshOption } from "../request/ssh-flag.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { windowSizeOf } from "../terminal/session.ts";
import { failureOf } from "./build-failure.ts";

interface ShellValues {
  readonly list: boolean;
  readonly secret: readonly SecretFlag[];
  readonly ssh: readonly SshFlag[];
}

/** `berth build shell` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD [STEP]] [-- COMMAND [ARG...]]",
  arity: { min: 0 },
  flags: {
    list: bool("List the failed steps that are kept"),
    secret: buildFlags.secret,
    ssh: buildFlags.ssh,
  },
  examples: [
    "build shell",
    "build shell --list",
    "build shell -- cat config.log",
    "build shell 4f5a1c 3/5",
    "build shell --secret id=token,src=token.txt",
  ],
  run: openShell,
});

async function openShell({ values, args, dash, io, engine }: Call<ShellValues>): Promise<number> {
  const { failedSteps } = await engine();
  if (values.list) {
    io.stdout.write(listOf(failedSteps.list()));
    return 0;
  }
  const step = findFailedStep(failedSteps.list(), args.slice(0, dash));
  const command = dash === undefined ? [] : args.slice(dash);
  const terminal = io.stdin.isTTY === true && io.stdout.isTTY === true;
  const windowSize = terminal ? windowSizeOf(io) : undefined;
  const secrets = readSecrets(values.secret, io.env);
  if (command.length === 0) io.stderr.write(`${step.name}\n${what(step)}\n`);
  using interrupt = interruptible(io);
  const { signal } = interrupt;
  const onMissing = ({ message, hint = "" }: BerthError): void => void io.stderr.write(`NOTE: ${message}. ${hint}\n`);
  try {
    return await failedSteps.shell(step, {
      ...sshOption(values.ssh, { context: "", user: io.env }),
      ...{ args: command, terminal, secrets, signal, onMissing },
      ...(windowSize === undefined ? {} : { windowSize }),
    });
  } catch (error) {
    throw failureOf(error);
  }
}

function what({ exitCode }: KeptStep): string {
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
