import { fullName } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";
import { fetchImage } from "../manifest/image-manifest.ts";
import { listName, localLists } from "../manifest/local-lists.ts";
import { remoteOf } from "../remote.ts";
import { asStreamed } from "./pull-image.ts";

/** `berth manifest create` */
export const command: Command = defineCommand({
  synopsis: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  arity: { min: 2 },
  flags: {
    amend: bool("Amend an existing manifest list", { short: "a" }),
    insecure: bool("Allow communication with an insecure registry"),
  },
  examples: ["manifest create registry.example/app:1 registry.example/app:1-amd64 registry.example/app:1-arm64"],
  run: async ({ values: { amend, insecure }, args: [name = "", ...names], io }) => {
    const list = listName(name, (reason) => `error parsing name for manifest list ${name}: ${reason}`);
    const lists = localLists(io.env);
    if (!amend && lists.all(list) !== undefined) {
      throw new CliError("refusing to amend an existing manifest list with no --amend flag");
    }
    const images = names.map((each) => listName(each));
    await using lazy = remoteOf(io, insecure ? images.map(({ domain }) => domain) : []);
    const { registries } = await lazy.open();
    for (const image of images) {
      try {
        lists.save(list, image, lists.get(list, image) ?? (await fetchImage(registries.repository(image), image)));
      } catch (error) {
        throw asStreamed(error);
      }
    }
    io.stdout.write(`Created manifest list ${fullName(list)}\n`);
    return 0;
  },
});
