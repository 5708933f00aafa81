import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { drawLayerTree, layerTreeJSON } from "../list/layer-tree.ts";
import { hasPictures } from "../terminal/has-pictures.ts";

/** `berth image tree` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: { format: text('Format output: "json" prints one object') },
  examples: ["image tree", "image tree --format json"],
  run: async ({ values: { format }, io, engine }) => {
    if (format !== undefined && format !== "json") throw new CliError(`unsupported format: ${format}`);
    const tree = await (await engine()).images.layerTree();
    if (format === "json") io.stdout.write(`${JSON.stringify(layerTreeJSON(tree))}\n`);
    else io.stdout.write(drawLayerTree(tree, { boxes: hasPictures(io) }));
    return 0;
  },
});
