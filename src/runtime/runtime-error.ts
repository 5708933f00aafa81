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
 * What Docker says where a runtime said `text`.
 *
 * crun writes "executable file `x` not found in $PATH: No such file or directory", "open executable: Permission denied"
 * or "chdir: …"; programs match Docker's text and exit code.
 */
export function startError(text: string, command: string): StartError {
  const reason = crunMessage(text);
  const exec = `exec: ${JSON.stringify(command)}: `;
  if (/executable file .* not found|No such file or directory/.test(reason) && /executable|exec|find/.test(reason)) {
    const missing = command.includes("/")
      ? `stat ${command}: no such file or directory`
      : "executable file not found in $PATH";
    return new StartError(`${prefix}${exec}${missing}: unknown`, 127);
  }
  if (
    /Permission denied|Operation not permitted|Is a directory|Exec format error/i.test(reason) &&
    /exec|open/i.test(reason)
  ) {
    const why = /format/i.test(reason)
      ? "exec format error"
      : /directory/i.test(reason)
        ? "is a directory"
        : "permission denied";
    return new StartError(`${prefix}${exec}${why}: unknown`, 126);
  }
  return new StartError(`${prefix}${reason}: unknown`, 125);
}

/** crun's last message, without the time in front. */
function crunMessage(text: string): string {
  const lines = text.trim().split("\n");
  return (lines.at(-1) ?? "").replace(/^\S+Z?: /, (stamp) => (/^\d{4}-/.test(stamp) ? "" : stamp)).trim();
}
