import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { checkTarget, writeArchive } from "../terminal/output-file.ts";

/** `berth save` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    ...notYet({ withValue: ["platform"] }),
    output: text("Write to a file, instead of STDOUT", { short: "o" }),
  },
  examples: ["save -o images.tar debian busybox", "save debian | zstd > debian.tar.zst"],
  run: async ({ values: { output }, args, io, engine }) => {
    await checkTarget(io, { output, failure: "failed to save image" });
    using interrupt = interruptible(io);
    const { signal } = interrupt;
    const { images } = await engine();
    // An unknown name is told before a file is begun.
    for (const name of args) images.get(name);
    await writeArchive(io, images.save(args, { signal }), { output, signal });
    return 0;
  },
});
