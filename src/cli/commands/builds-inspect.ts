import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { buildInspectJSON, buildText } from "../format/build-details.ts";
import { formatOnce } from "../format/listing.ts";

/** `berth builds inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD]",
  arity: { min: 0, max: 1 },
  flags: { format: text('Format the output: "pretty", "json" or a Go template', { shownDefault: '"pretty"' }) },
  onFullDisk: true,
  examples: ["builds inspect", "builds inspect ^1", "builds inspect --format '{{.Name}}: {{.Status}}' 3f2a91c04d7e"],
  run: async ({ values: { format = "pretty" }, args: [ref = ""], io, engine }) => {
    const build = await (await engine()).builds.get(ref);
    if (format === "pretty") io.stdout.write(buildText(build));
    else if (format === "json") io.stdout.write(`${JSON.stringify(buildInspectJSON(build), undefined, 2)}\n`);
    else io.stdout.write(`${formatOnce(format, { type: "history.inspectOutput", data: buildInspectJSON(build) })}\n`);
    return 0;
  },
});
