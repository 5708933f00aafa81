import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { STATUS_CODES } from "node:http";
import { BerthError, codeOf } from "../../base/errors.ts";
import { openHttp } from "../../build/http-source.ts";
import { parsePlatform } from "../../oci/platform.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { list, text } from "../flags/kinds.ts";
import { parseName } from "../request/name.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { untilAborted } from "../terminal/until-aborted.ts";

/** `berth import` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  arity: { min: 1 },
  flags: {
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: text("Set commit message for imported image", { short: "m" }),
    platform: text("Set platform if server is multi-platform capable"),
  },
  examples: ["import rootfs.tar.xz debian:mine", `import -c 'CMD ["bash"]' - debian:mine < rootfs.tar`],
  run: async ({ values, args: [source = "", name = ""], io, engine }) => {
    if (name !== "") parseName(name);
    const platform = values.platform ?? io.env["DOCKER_DEFAULT_PLATFORM"] ?? "";
    using interrupt = interruptible(io);
    const archive = await openArchive(source, io, interrupt.signal);
    const image = await (await engine()).images.import(archive, {
      signal: interrupt.signal,
      // As in Docker, the history names a URL, but no file of this machine.
      source: isURL(source) ? source : "-",
      changes: values.change,
      ...(platform === "" ? {} : { platform: parsePlatform(platform) }),
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
  if (source === "-") return untilAborted(io.stdin, signal);
  if (isURL(source)) return fetchArchive(source, signal);
  try {
    const fd = await open(source, "r");
    if ((await fd.stat()).isDirectory()) {
      await fd.close();
      throw new CliError(`read ${source}: is a directory`);
    }
    return createReadStream("", { fd, highWaterMark: 1 << 20 });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new CliError(`open ${source}: no such file or directory`, { cause: error });
  }
}

function isURL(source: string): boolean {
  return /^https?:\/\//.test(source);
}

/** @throws {BerthError} as it is asked for: unavailable, when the server isn't there or has none */
async function* fetchArchive(url: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  using http = await openHttp();
  const response = await http.ask(url, { signal });
  const { status } = response;
  if (status === 200) return yield* response.body;
  response.discard();
  throw new BerthError(
    "unavailable",
    `failed to GET ${url} with status ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd(),
  );
}
