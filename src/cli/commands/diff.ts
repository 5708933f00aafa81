import { type Command, defineCommand } from "../command.ts";

/** `berth diff` */
export const command: Command = defineCommand({
  synopsis: "CONTAINER",
  arity: { min: 1, max: 1 },
  flags: {},
  examples: ["diff web"],
  run: async ({ args: [name = ""], io, engine }) => {
    const changes = await (await engine()).containers.diff(name);
    io.stdout.write(changes.map(({ kind, path }) => `${kind} ${path}\n`).join(""));
    return 0;
  },
});
