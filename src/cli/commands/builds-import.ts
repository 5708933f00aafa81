import { existsSync } from "node:fs";
import { shortID } from "../../base/ids.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { list } from "../flags/kinds.ts";

/** `berth builds import` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] -",
  arity: { min: 0, max: 1 },
  flags: { file: list("Import from a file path", { short: "f", valueName: "stringArray" }) },
  examples: ["builds import -f app.dockerbuild", "builds import < app.dockerbuild"],
  run: async ({ values: { file }, args: [dash = "-"], io, engine }) => {
    if (dash !== "-") throw new CliError(`ERROR: ${dash}: a file is named with --file`);
    const { builds } = await engine();
    for (const path of file.length === 0 ? ["-"] : file)
      for (const { id, isNew } of await builds.import(path === "-" ? io.stdin : existing(path))) {
        io.stdout.write(`${id}\n`);
        if (!isNew) io.stderr.write(`${shortID(id)} is recorded already\n`);
      }
    return 0;
  },
});

function existing(path: string): string {
  if (existsSync(path)) return path;
  throw new CliError(`ERROR: failed to open file ${path}: open ${path}: no such file or directory`);
}
