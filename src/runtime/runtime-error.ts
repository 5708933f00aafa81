import { BerthError } from "../base/errors.ts";

/** A container could not be started. `exitCode` is what `docker run` ends with. */
export class StartError extends BerthError {
  override readonly name = "StartError";
  /** 127 when the command isn't there, 126 when it can't be run, 125 otherwise. */
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super("internal", message);
    this.exitCode = exitCode;
  }
}

const prefix =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

/**
 * What Docker says where crun said `text`, of which the last line counts; `command` is the first word of the process.
 * Programs match Docker's words and exit codes.
 */
export function startError(text: string, command: string): StartError {
  const reason = dockerReason(lastMessage(text), command);
  // Docker's daemon adds these words for the sake of older clients.
  const suffix = reason.endsWith(isDirectory) ? ": permission denied" : "";
  return new StartError(`${prefix}${reason}: unknown${suffix}`, exitCodeOf(reason));
}

const isDirectory = "is a directory";

/** How crun begins a complaint about the command itself. */
const aboutCommand = /^(?:executable file|open executable|find executable|exec )/;

function dockerReason(message: string, command: string): string {
  const reason = message.replace(/: ([A-Z][a-z ]+)$/, (_, words: string) => `: ${words.toLowerCase()}`);
  const [, directory, why] = /^chdir [`'](.*)[`']: (.*)$/.exec(reason) ?? [];
  if (directory !== undefined) return `chdir to cwd (${JSON.stringify(directory)}) set in config.json failed: ${why}`;
  if (!aboutCommand.test(message)) return reason;
  const exec = `exec: ${JSON.stringify(command)}: `;
  // What can't be run isn't found along PATH.
  if (!command.includes("/")) return `${exec}executable file not found in $PATH`;
  const errno = reason.slice(reason.lastIndexOf(": ") + 2);
  // crun's word for what is no regular file.
  if (errno === "operation not permitted") return `${exec}${isDirectory}`;
  const unseen = /not found|no such file|not a directory/.test(reason);
  return unseen ? `${exec}stat ${command}: ${errno}` : `${exec}${errno}`;
}

/** As Docker's client reads them from the message. */
const exitCodes: readonly (readonly [RegExp, number])[] = [
  [/executable file not found|no such file or directory/, 127],
  [/permission denied|is a directory/, 126],
];
const otherExitCode = 125;

function exitCodeOf(reason: string): number {
  return exitCodes.find(([pattern]) => pattern.test(reason))?.[1] ?? otherExitCode;
}

/** The last line, without the time that crun's log has in front. */
function lastMessage(text: string): string {
  const line = text.trim().split("\n").at(-1) ?? "";
  return line.replace(/^\d{4}-\S+: /, "").trim();
}
