import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { containerFlags, missingContainerFlags } from "../request/container-flags.ts";
import { containerRequest } from "../request/container-request.ts";
import { createNamed } from "./create-container.ts";
import { runError } from "./run-error.ts";

/** `berth create` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: { min: 1 },
  interspersed: false,
  flags: { ...missingContainerFlags, ...containerFlags },
  examples: ["create --name job busybox true"],
  run: async ({ values, args, io, engine }) => {
    const request = requested({ values, args, detached: false }, io);
    const container = await createNamed({ engine: await engine(), io }, request, values);
    io.stdout.write(`${container.id}\n`);
    return 0;
  },
});

/** What the client itself finds wrong ends as in `run`. */
function requested(...asked: Parameters<typeof containerRequest>): ReturnType<typeof containerRequest> {
  try {
    return containerRequest(...asked);
  } catch (error) {
    throw error instanceof CliError ? runError(error, "create") : error;
  }
}
