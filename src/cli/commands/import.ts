import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { codeOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { list, text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { parseName } from "../request/name.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** `berth import` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  arity: { min: 1 },
  flags: {
    ...notYet({ withValue: ["platform"] }),
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: text("Set commit message for imported image", { short: "m" }),
  },
  examples: ["import rootfs.tar.xz debian:mine", `import -c 'CMD ["bash"]' - debian:mine < rootfs.tar`],
  run: async ({ values, args: [source = "", name = ""], io, engine }) => {
    if (name !== "") parseName(name);
    using interrupt = interruptible(io);
    const archive = await openArchive(source, io, interrupt.signal);
    const image = await (await engine()).images.import(archive, {
      signal: interrupt.signal,
      // As in Docker, the history names a URL, but no file of this machine.
      source: isURL(source) ? source : "-",
      changes: values.change,
      ...(name === "" ? {} : { name }),
      ...(values.message === undefined ? {} : { message: values.message }),
    });
    io.stdout.write(`${image.id}\n`);
    return 0;
  },
});

async function openArchive(
  source: string,
  io: Pick<Terminal, "stdin">,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (source === "-") return io.stdin;
  if (isURL(source)) return await fetchArchive(source, signal);
  try {
    return createReadStream("", { fd: await open(source, "r"), highWaterMark: 1 << 20 });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new CliError(`open ${source}: no such file or directory`, { cause: error });
  }
}

function isURL(source: string): boolean {
  return /^https?:\/\//.test(source);
}

async function fetchArchive(url: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new CliError(`failed to download ${url}: ${reason}`, { cause: error });
  });
  if (!response.ok || response.body === null) {
    throw new CliError(`failed to download ${url}: ${response.status} ${response.statusText}`);
  }
  return response.body;
}
