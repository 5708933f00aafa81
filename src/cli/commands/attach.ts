import type { Container } from "../../container/container.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { detachKeysOf } from "../terminal/detach-keys.ts";
import { checkTty, detachedError, killOf, session } from "../terminal/session.ts";

/** `berth attach` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER",
  arity: { min: 1, max: 1 },
  flags: {
    "detach-keys": text("Override the key sequence for detaching a container"),
    "no-stdin": bool("Do not attach STDIN"),
    "sig-proxy": bool("Proxy all received signals to the process", { on: true }),
  },
  examples: ["attach web", "attach --detach-keys ctrl-x web"],
  run: async ({ values, args: [name = ""], io, engine }) => {
    detachKeysOf(values["detach-keys"]);
    const { containers } = await engine();
    const container = await containers.get(name);
    checkRunning(container);
    const { id, request } = container;
    checkTty(io, { stdin: !values["no-stdin"], tty: request.terminal });
    const how = await session(io, {
      tty: request.terminal,
      stdin: !values["no-stdin"] && request.openStdin,
      stdout: true,
      stderr: true,
      detachKeys: values["detach-keys"],
      kill: values["sig-proxy"] && !request.terminal ? killOf(containers, id) : undefined,
      redraw: true,
      connect: (streams) => containers.attach(id, streams),
    });
    if (how === "detached") throw detachedError();
    return await containers.wait(id);
  },
});

function checkRunning({ state }: Container): void {
  if (state.status === "paused") throw new CliError("You cannot attach to a paused container, unpause it first");
  if (state.status !== "running") throw new CliError("You cannot attach to a stopped container, start it first");
}
