import { closeSync, writeSync } from "node:fs";
import { parsePlatform } from "../../oci/platform.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";

/** Descriptor that the answer is written to. */
const answerFd = 3;

/** What `run --lazy` starts, so that an image's layers are served while they are pulled. */
export const command: Command = defineCommand({
  synopsis: "NAME",
  arity: { min: 1, max: 1 },
  flags: { platform: text("Set platform if the image has several") },
  examples: ["internal-lazy docker.io/library/debian:12"],
  run: async ({ args: [name = ""], values, engine }) => {
    const opened = await engine();
    await opened.lazy.serve(name, {
      ...(values.platform === undefined ? {} : { platform: parsePlatform(values.platform) }),
      answer: (answer) => {
        writeSync(answerFd, `${JSON.stringify(answer)}\n`);
        closeSync(answerFd);
        // Nobody is kept from unmounting where it was called.
        process.chdir("/");
      },
    });
    return 0;
  },
});
