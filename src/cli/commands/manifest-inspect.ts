import type { Reference } from "../../oci/reference.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";
import { goJson, indentJson } from "../format/go-json.ts";
import { type Fetched, fetchAny, listText, toJson } from "../manifest/image-manifest.ts";
import { type LocalLists, listName, localLists, noSuchList } from "../manifest/local-lists.ts";
import { remoteOf } from "../remote.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { asStreamed } from "./pull-image.ts";

/** `berth manifest inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  arity: { min: 1, max: 2 },
  flags: {
    insecure: bool("Allow communication with an insecure registry"),
    verbose: bool("Output additional info including layers and platform", { short: "v" }),
  },
  examples: ["manifest inspect debian:12", "manifest inspect -v registry.example/team/app"],
  run: async ({ values: { insecure, verbose }, args, io }) => {
    const image = listName(args.at(-1) ?? "");
    const list = args.length === 2 ? listName(args[0] ?? "") : undefined;
    const lists = localLists(io.env);
    const found = localOf(lists, image, list) ?? (await remote(io, image, insecure));
    io.stdout.write(`${textOf(found, verbose)}\n`);
    return 0;
  },
});

/** What is being made here goes first. */
function localOf(lists: LocalLists, image: Reference, list: Reference | undefined): Fetched | undefined {
  if (list === undefined) {
    const own = lists.all(image);
    return own === undefined ? undefined : { list: own };
  }
  const found = lists.get(list, image);
  if (found === undefined) throw noSuchList(image);
  return { image: found };
}

async function remote(io: Terminal, reference: Reference, insecure: boolean): Promise<Fetched> {
  await using lazy = remoteOf(io, insecure ? [reference.domain] : []);
  const { registries } = await lazy.open();
  try {
    return await fetchAny(registries.repository(reference), reference);
  } catch (error) {
    throw asStreamed(error);
  }
}

function textOf(found: Fetched, verbose: boolean): string {
  if (verbose) return goJson("image" in found ? toJson(found.image) : found.list.map(toJson), "\t");
  return "image" in found ? indentJson(found.image.bytes.toString(), "\t") : listText(found.list);
}
