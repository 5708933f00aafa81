import { familiarRepository } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows, type Listing } from "../format/listing.ts";
import { remoteOf } from "../remote.ts";
import { parsedName } from "../request/name.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { asStreamed } from "./pull-image.ts";

interface TagRow {
  readonly repository: string;
  readonly tag: string;
}

const listing: Listing<TagRow> = {
  type: "*formatter.TagContext",
  columns: {
    Repository: { heading: "REPOSITORY", text: ({ repository }) => repository },
    Tag: { heading: "TAG", text: ({ tag }) => tag },
  },
  table: ["Repository", "Tag"],
};

/** `berth ls-tags` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] REPOSITORY",
  arity: { min: 1, max: 1 },
  flags: { format: text(formatHelp) },
  examples: ["ls-tags registry.example/team/app", "ls-tags --format json debian"],
  run: async ({ values: { format = "{{.Tag}}" }, args: [name = ""], io }) => {
    // As skopeo names it, and `copy`.
    const { domain, path, tag, digest } = parsedName(name.replace(/^docker:\/\//, ""));
    if (tag !== undefined || digest !== undefined) {
      throw new CliError(`${JSON.stringify(name)} is not a repository: it has a tag or a digest`, {
        hint: `\`berth ls-tags ${familiarRepository({ domain, path })}\` lists the tags.`,
      });
    }
    using interrupt = interruptible(io);
    await using remote = remoteOf(io);
    const { registries } = await remote.open();
    const rows: TagRow[] = [];
    const repository = familiarRepository({ domain, path });
    try {
      const tags = registries.repository({ domain, path }).tags({ signal: interrupt.signal });
      for await (const each of tags) rows.push({ repository, tag: each });
    } catch (error) {
      throw asStreamed(error);
    }
    io.stdout.write(formatRows(listing, rows, format));
    return 0;
  },
});
