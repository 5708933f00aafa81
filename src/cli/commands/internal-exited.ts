import { type Command, defineCommand } from "../command.ts";

/** What conmon calls when a container has ended, so that its end is recorded while nobody waits for it. */
export const command: Command = defineCommand({
  synopsis: "ID",
  arity: { min: 1, max: 1 },
  flags: {},
  examples: ["internal-exited 97d91dcc5dea"],
  run: async ({ args: [id = ""], engine }) => {
    await (await engine()).containers.settle(id);
    return 0;
  },
});
