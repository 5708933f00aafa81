import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { codeOf } from "../../base/errors.ts";
import { isDigest } from "../../oci/digest.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** `berth load` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    ...notYet({ withValue: ["platform"] }),
    input: text("Read from tar archive file, instead of STDIN", { short: "i" }),
    quiet: bool("Suppress the load output", { short: "q" }),
  },
  examples: ["load -i images.tar", "load < images.tar.gz"],
  run: async ({ values: { input }, io, engine }) => {
    using interrupt = interruptible(io);
    const archive = await openInput(input, io);
    const names = await (await engine()).images.load(archive, { signal: interrupt.signal });
    for (const name of names)
      io.stdout.write(isDigest(name) ? `Loaded image ID: ${name}\n` : `Loaded image: ${name}\n`);
    return 0;
  },
});

async function openInput(
  path: string | undefined,
  { stdin }: Pick<Terminal, "stdin">,
): Promise<AsyncIterable<Uint8Array>> {
  if (path === undefined) {
    if (stdin.isTTY === true) throw new CliError("requested load from stdin, but stdin is empty");
    return stdin;
  }
  try {
    return createReadStream("", { fd: await open(path, "r"), highWaterMark: 1 << 20 });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new CliError(`open ${path}: no such file or directory`, { cause: error });
  }
}
