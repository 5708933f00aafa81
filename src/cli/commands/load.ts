import { fstatSync, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { codeOf } from "../../base/errors.ts";
import type { ArchiveSource } from "../../image/archive-files.ts";
import type { LoadedImage } from "../../image/load.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { loadProgress } from "../progress/load.ts";
import { parsePlatforms, platformList } from "../request/platforms.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { untilAborted } from "../terminal/until-aborted.ts";
import { asStreamed } from "./pull-image.ts";

/** `berth load` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    input: text("Read from tar archive file (or an OCI layout's directory), instead of STDIN", { short: "i" }),
    platform: platformList(
      'Load only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8").',
    ),
    quiet: bool("Suppress the load output", { short: "q" }),
  },
  examples: ["load -i images.tar", "load < images.tar.gz", "load -i layout/"],
  run: async ({ values: { input, platform, quiet }, io, engine }) => {
    const platforms = parsePlatforms(platform);
    using interrupt = interruptible(io);
    const source = await sourceOf(input, io, interrupt.signal);
    const { images } = await engine();
    using progress = loadProgress(io.stdout, { quiet });
    const options = { signal: interrupt.signal, platforms, report: progress.report };
    try {
      for await (const image of images.load(source, options)) {
        progress.end();
        io.stdout.write(linesOf(image));
      }
    } catch (error) {
      throw asStreamed(error);
    }
    return 0;
  },
});

function linesOf({ id, index, references, moved }: LoadedImage): string {
  if (references.length === 0) return `Loaded image ID: ${index ?? id}\n`;
  const before = new Map(moved.map(({ reference, from }) => [reference, from]));
  return references
    .map((reference) => {
      const from = before.get(reference);
      const note =
        from === undefined
          ? ""
          : `The image ${reference} already exists, renaming the old one with ID ${from} to empty string\n`;
      return `${note}Loaded image: ${reference}\n`;
    })
    .join("");
}

async function sourceOf(
  path: string | undefined,
  { stdin }: Pick<Terminal, "stdin">,
  signal: AbortSignal,
): Promise<ArchiveSource> {
  if (path === undefined || path === "") {
    if (stdin.isTTY === true) throw new CliError("requested load from stdin, but stdin is empty");
    return isWholeFile(stdin) ? "/dev/stdin" : untilAborted(stdin, signal);
  }
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new CliError(`open ${path}: no such file or directory`, { cause: error });
  }
}

/** True for `< archive.tar`: a file that can be read where it lies, from its start on. */
function isWholeFile(stdin: Terminal["stdin"]): boolean {
  if (stdin !== process.stdin || !fstatSync(0).isFile()) return false;
  return /^pos:\t0$/m.test(readFileSync("/proc/self/fdinfo/0", "utf8"));
}
