import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, list, text } from "../flags/kinds.ts";
import { parseName } from "../request/name.ts";
import { interruptible } from "../terminal/interrupt.ts";

/** `berth commit` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  arity: { min: 1, max: 2 },
  interspersed: false,
  flags: {
    author: text('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', { short: "a" }),
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    guard: bool("Fail when the image has secrets in it, or bytes that a layer has again"),
    message: text("Commit message", { short: "m" }),
    pause: bool("Pause container during commit", { short: "p", on: true }),
  },
  examples: [
    `commit -m "install curl" web my-web`,
    `commit -c 'CMD ["curl"]' web my-web:2`,
    "commit --guard web my-web",
  ],
  run: async ({ values, args: [container = "", name = ""], io, engine }) => {
    if (name !== "" && parseName(name).digest !== undefined) {
      throw new CliError("refusing to create a tag with a digest reference");
    }
    const { containers, images } = await engine();
    const { parseChanges } = await import("../../engine/changes.ts");
    const { author, message, pause } = values;
    const image = await containers.commit(container, {
      pause,
      ...(name === "" || values.guard ? {} : { name }),
      ...(author === undefined ? {} : { author }),
      ...(message === undefined ? {} : { message }),
      ...(values.change.length === 0 ? {} : { change: parseChanges(values.change) }),
    });
    if (values.guard) {
      const { guardNew } = await import("./guard.ts");
      using interrupt = interruptible(io);
      await guardNew(images, { id: image.id, names: name === "" ? [] : [[name, image.id]] }, interrupt);
    }
    io.stdout.write(`${image.id}\n`);
    return 0;
  },
});
