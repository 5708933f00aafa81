import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { checkTarget, writeArchive } from "../terminal/output-file.ts";

/** `berth export` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER",
  arity: { min: 1, max: 1 },
  flags: { output: text("Write to a file, instead of STDOUT", { short: "o" }) },
  examples: ["export web > web.tar", "export -o web.tar web"],
  run: async ({ values: { output }, args: [name = ""], io, engine }) => {
    await checkTarget(io, { output, failure: "failed to export container" });
    using interrupt = interruptible(io);
    const { signal } = interrupt;
    const { containers } = await engine();
    // An unknown name is told before a file is begun.
    const { id } = await containers.get(name);
    await writeArchive(io, containers.export(id, { signal, reuse: true }), { output, signal });
    return 0;
  },
});
