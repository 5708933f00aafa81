import type { Container } from "../../container/container.ts";
import type { Engine } from "../../engine/engine.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { type ContainerValues, containerFlags, missingContainerFlags } from "../request/container-flags.ts";
import { containerRequest } from "../request/container-request.ts";
import { detachKeysOf } from "../terminal/detach-keys.ts";
import { checkTty, killOf, session } from "../terminal/session.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { createNamed } from "./create-container.ts";
import { runError } from "./run-error.ts";

const flags = {
  ...missingContainerFlags,
  ...containerFlags,
  detach: bool("Run container in background and print container ID", { short: "d" }),
  "detach-keys": text("Override the key sequence for detaching a container"),
  "sig-proxy": bool("Proxy received signals to the process", { on: true }),
};

interface RunValues extends ContainerValues {
  readonly detach: boolean;
  readonly "detach-keys": string | undefined;
  readonly "sig-proxy": boolean;
}

/** `berth run` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: { min: 1 },
  interspersed: false,
  flags,
  examples: [
    "run -it --rm debian bash",
    "run -d --name web -e MODE=test busybox httpd -f",
    "run --rm -v ./src:/src busybox ls /src",
    "run --lazy --rm registry.example:5000/team/large:estargz",
  ],
  run: runContainer,
});

async function runContainer({ values, args, io, engine }: Call<RunValues>): Promise<number> {
  const detached = values.detach;
  const request = failing(() => containerRequest({ values, args, detached }, io));
  if (detached && values.attach.length > 0) {
    throw new CliError("conflicting options: cannot specify both --attach and --detach");
  }
  detachKeysOf(values["detach-keys"]);
  if (!detached) checkTty(io, { stdin: request.attachStdin, tty: request.terminal });
  const opened = await engine();
  const container = await createNamed({ engine: opened, io }, request, values).catch((error: unknown) => {
    throw runError(error);
  });
  const attached = request.attachStdin || request.attachStdout || request.attachStderr;
  if (attached) return await runAttached({ engine: opened, io }, container, values);
  // Whether it starts or not, as in Docker: without --rm the container is there.
  io.stdout.write(`${container.id}\n`);
  await started(opened, container, () => opened.containers.start(container.id));
  return 0;
}

/** Errors of what the command line asks for: the client's own ones stay as they are. */
function failing<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw runError(error);
  }
}

interface RunDeps {
  readonly engine: Engine;
  readonly io: Terminal;
}

async function runAttached({ engine, io }: RunDeps, container: Container, values: RunValues): Promise<number> {
  const { id, request } = container;
  // This process settles the container's end itself, which saves starting another one for it.
  using _attendance = await engine.containers.attend(id);
  const how = await session(io, {
    tty: request.terminal,
    stdin: request.attachStdin,
    stdout: request.attachStdout,
    stderr: request.attachStderr,
    detachKeys: values["detach-keys"],
    kill: values["sig-proxy"] ? killOf(engine.containers, id) : undefined,
    connect: (attach) => started(engine, container, () => engine.containers.start(id, { attach })),
  });
  return how === "detached" ? 0 : await engine.containers.wait(id);
}

/** A container that can't start is removed where `--rm` says so. */
async function started<T>({ containers }: Engine, { id, request }: Container, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (request.autoRemove) await containers.remove(id, { force: true, volumes: true });
    throw runError(error);
  }
}
