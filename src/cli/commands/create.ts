import { type Command, defineCommand } from "../command.ts";
import { containerFlags, missingContainerFlags } from "../request/container-flags.ts";
import { containerRequest } from "../request/container-request.ts";
import { createNamed } from "./create-container.ts";

/** `berth create` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: { min: 1 },
  interspersed: false,
  flags: { ...missingContainerFlags, ...containerFlags },
  examples: ["create --name job busybox true"],
  run: async ({ values, args, io, engine }) => {
    const request = containerRequest({ values, args, detached: false }, io);
    const container = await createNamed({ engine: await engine(), io }, request, values.cidfile);
    io.stdout.write(`${container.id}\n`);
    return 0;
  },
});
