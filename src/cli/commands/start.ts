import type { Engine } from "../../engine/engine.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { bool, text } from "../flags/kinds.ts";
import { killOf, session } from "../terminal/session.ts";

interface StartValues {
  readonly attach: boolean;
  readonly interactive: boolean;
  readonly "detach-keys": string | undefined;
}

/** `berth start` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: {
    attach: bool("Attach STDOUT/STDERR and forward signals", { short: "a" }),
    "detach-keys": text("Override the key sequence for detaching a container"),
    interactive: bool("Attach container's STDIN", { short: "i" }),
  },
  examples: ["start web", "start -ai shell"],
  run: startContainers,
});

async function startContainers(call: Call<StartValues>): Promise<number> {
  const { values, args, io } = call;
  const engine = await call.engine();
  if (values.attach || values.interactive) {
    const [name = "", ...more] = args;
    if (more.length > 0) throw new CliError("you cannot start and attach multiple containers at once");
    return await startAttached(call, engine, name);
  }
  const failed: string[] = [];
  try {
    await eachTarget(args, async (name) => {
      await engine.containers.start(name).catch((error: unknown) => {
        failed.push(name);
        throw error;
      });
      io.stdout.write(`${name}\n`);
    });
  } catch (error) {
    const each = error instanceof AggregateError ? error.errors : [error];
    throw new AggregateError([...each, new CliError(`Error: failed to start containers: ${failed.join(", ")}`)]);
  }
  return 0;
}

async function startAttached({ values, io }: Call<StartValues>, engine: Engine, name: string): Promise<number> {
  const { id, request } = await engine.containers.get(name);
  using _attendance = await engine.containers.attend(id);
  const how = await session(io, {
    tty: request.terminal,
    stdin: values.interactive && request.openStdin,
    stdout: true,
    stderr: true,
    detachKeys: values["detach-keys"],
    kill: request.terminal ? undefined : killOf(engine.containers, id),
    connect: (attach) => engine.containers.start(id, { attach }),
  });
  return how === "detached" ? 0 : await engine.containers.wait(id);
}
