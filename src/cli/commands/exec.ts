import { BerthError, isKind } from "../../base/errors.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import type { AttachIO, ExecProcess } from "../engine-types.ts";
import { bool, list, text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { checkEnv, environmentOf } from "../request/environment.ts";
import { detachKeysOf } from "../terminal/detach-keys.ts";
import { checkTty, detachedError, session } from "../terminal/session.ts";
import { exitCodeOf } from "./run-error.ts";

interface ExecValues {
  readonly detach: boolean;
  readonly "detach-keys": string | undefined;
  readonly env: readonly string[];
  readonly "env-file": readonly string[];
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly user: string | undefined;
  readonly workdir: string | undefined;
}

/** `berth exec` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  arity: { min: 2 },
  interspersed: false,
  flags: {
    ...notYet({ withValue: [], alone: ["privileged"] }),
    detach: bool("Detached mode: run command in the background", { short: "d" }),
    "detach-keys": text("Override the key sequence for detaching a container"),
    env: list("Set environment variables", { short: "e", read: checkEnv }),
    "env-file": list("Read in a file of environment variables"),
    interactive: bool("Keep STDIN open even if not attached", { short: "i" }),
    tty: bool("Allocate a pseudo-TTY", { short: "t" }),
    user: text('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: "u" }),
    workdir: text("Working directory inside the container", { short: "w" }),
  },
  examples: ["exec -it web sh", "exec -e DEBUG=1 -w /srv web ls"],
  run: execInContainer,
});

async function execInContainer({ values, args, io, engine }: Call<ExecValues>): Promise<number> {
  const [name = "", ...command] = args;
  const { detach, interactive, tty, user, workdir } = values;
  detachKeysOf(values["detach-keys"]);
  const env = environmentOf({ files: values["env-file"], variables: values.env }, io.env);
  const { containers } = await engine();
  const { id } = await containers.get(name);
  if (!detach) checkTty(io, { stdin: interactive, tty });
  const request = {
    args: command,
    env,
    terminal: tty,
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workingDir: workdir }),
  };
  let process: ExecProcess | undefined;
  const connect = async (streams?: AttachIO): Promise<ExecProcess | undefined> => {
    process = await containers.exec(id, request, streams);
    return process;
  };
  const attached = { tty, stdin: interactive, stdout: true, stderr: true };
  try {
    const how = detach
      ? void (await connect())
      : await session(io, { ...attached, detachKeys: values["detach-keys"], kill: undefined, connect });
    if (how === "detached") throw detachedError();
    return (await process?.exitCode) ?? 0;
  } catch (error) {
    const failure = startFailure(error);
    if (failure === undefined) throw error;
    if (detach) throw new BerthError("internal", failure.message, { cause: error });
    // Docker's daemon tells of it in the place of the command's output.
    io.stdout.write(`${failure.message}\r\n`);
    return failure.code;
  }
}

/** What Docker says of a command that can't be started, in the name of the runtime's `exec`, and the exit code. */
function startFailure(error: unknown): { readonly message: string; readonly code: number } | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = exitCodeOf(error);
  // A user or group that isn't there.
  if (code === undefined) return isKind(error, "invalid-argument") ? { message: error.message, code: 126 } : undefined;
  const reason = error.message.replace(/^.*unable to start container process: /, "");
  const message = `OCI runtime exec failed: exec failed: unable to start container process: ${reason}`;
  return { message, code: code === 127 ? 127 : 126 };
}
