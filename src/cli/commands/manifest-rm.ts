import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { listName, localLists, noSuchList } from "../manifest/local-lists.ts";

/** `berth manifest rm` */
export const command: Command = defineCommand({
  synopsis: "MANIFEST_LIST [MANIFEST_LIST...]",
  arity: { min: 1 },
  flags: {},
  examples: ["manifest rm registry.example/app:1"],
  run: async ({ args, io }) => {
    const lists = localLists(io.env);
    await eachTarget(args, async (name) => {
      const list = listName(name);
      if (lists.all(list) === undefined) throw noSuchList(list);
      lists.remove(list);
    });
    return 0;
  },
});
