import { type Command, defineCommand } from "../command.ts";
import { drawExploration } from "../explore/plain.ts";
import { bool, text, value } from "../flags/kinds.ts";
import { hasPictures } from "../terminal/has-pictures.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { checkTarget, plainMode, writeArchive } from "../terminal/output-file.ts";

/** Files of each layer in the terminal and on a page, where no number is given: the page can be folded. */
const usualTop: { readonly plain: number; readonly page: number } = { plain: 10, page: 100 };

/** `berth image explore` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE",
  arity: { min: 1, max: 1 },
  flags: {
    html: text("Write a page to this file instead, complete in itself", { valueName: "file" }),
    plain: bool("Print everything at once, as without a terminal"),
    top: value(`Files to name of each layer, the largest first; 0 for all`, parseTop, {
      valueName: "int",
      shownDefault: `${usualTop.plain}, on a page ${usualTop.page}`,
    }),
  },
  examples: ["image explore app", "image explore --plain --top 3 app", "image explore --html app.html app"],
  run: async ({ values: { html, plain, top }, args: [name = ""], io, engine }) => {
    const failure = "failed to write the page";
    if (html !== undefined) await checkTarget(io, { output: html, failure });
    using interrupt = interruptible(io);
    const { signal } = interrupt;
    const explored = await (await engine()).images.explore(name, { signal });
    if (html !== undefined) {
      const { pageOf } = await import("../explore/page.ts");
      const page = pageOf(explored, { name, top: top ?? usualTop.page });
      await writeArchive(io, bytesOf(page), { output: html, signal, mode: plainMode });
      return 0;
    }
    if (!plain && hasPictures(io) && io.stdin.isTTY === true) {
      const { explorer } = await import("../explore/explorer.ts");
      return await explorer(io, { explored, name, signal });
    }
    io.stdout.write(drawExploration(explored, { name, top: top ?? usualTop.plain }));
    return 0;
  },
});

/** @throws {Error} for the flag parser */
function parseTop(given: string): number {
  if (!/^\d{1,9}$/.test(given)) throw new Error("it takes a number of files, 0 or more");
  return Number(given) === 0 ? Number.POSITIVE_INFINITY : Number(given);
}

async function* bytesOf(texts: Iterable<string>): AsyncGenerator<Uint8Array> {
  for (const each of texts) yield Buffer.from(each);
}
