import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { text, value } from "../flags/kinds.ts";
import { compressionFlag } from "../request/compression.ts";
import { parsePlatforms, platformList } from "../request/platforms.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { checkTarget, writeArchive } from "../terminal/output-file.ts";

/** `berth save` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    compression: compressionFlag("How the layers of an OCI layout are compressed, where not as they came"),
    format: value('Format of the archive ("docker", "oci")', readFormat),
    output: text("Write to a file, instead of STDOUT", { short: "o" }),
    platform: platformList(
      'Save only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8")',
    ),
  },
  examples: [
    "save -o images.tar debian busybox",
    "save debian | zstd > debian.tar.zst",
    "save --format oci -o layout.tar debian:12",
    "save --format oci --compression zstd -o small.tar debian:12",
  ],
  run: async ({ values: { output, compression, format = "docker", platform }, args, io, engine }) => {
    const platforms = parsePlatforms(platform);
    await checkTarget(io, { output, failure: "failed to save image" });
    using interrupt = interruptible(io);
    const { signal } = interrupt;
    const { images } = await engine();
    // An unknown name is told before a file is begun.
    const archive = images
      .save(args, {
        signal,
        format,
        platforms,
        reuse: true,
        ...(compression === undefined ? {} : { compression }),
      })
      [Symbol.asyncIterator]();
    const first = await archive.next();
    async function* whole(): AsyncGenerator<Uint8Array> {
      if (first.done !== true) yield first.value;
      yield* { [Symbol.asyncIterator]: () => archive };
    }
    await writeArchive(io, whole(), { output, signal });
    return 0;
  },
});

function readFormat(given: string): "docker" | "oci" {
  if (given === "docker" || given === "oci") return given;
  throw new CliError(`must be "docker" or "oci"`);
}
