import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { text } from "../flags/kinds.ts";
import { compressionFlag } from "../request/compression.ts";
import { parsePlatforms } from "../request/platforms.ts";
import { interruptible } from "../terminal/interrupt.ts";

/** `berth image digest` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    compression: compressionFlag("How layers are compressed, where not as they came or with gzip"),
    platform: text("The image for one platform, in place of the index of all"),
  },
  examples: ["image digest app:1", "image digest --compression zstd app:1"],
  run: async ({ values: { compression, platform }, args, io, engine }) => {
    const [wanted] = parsePlatforms(platform === undefined ? [] : [platform]);
    using interrupt = interruptible(io);
    const { images } = await engine();
    const options = {
      signal: interrupt.signal,
      ...(compression === undefined ? {} : { compression }),
      ...(wanted === undefined ? {} : { platform: wanted }),
    };
    await eachTarget(args, async (name) => {
      io.stdout.write(`${await images.digest(name, options)}\n`);
    });
    return 0;
  },
});
