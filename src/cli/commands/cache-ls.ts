import { humanSize } from "../../base/human-size.ts";
import { type Command, defineCommand } from "../command.ts";
import type { CachedManifest } from "../engine-types.ts";
import { bool, text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { humanDuration } from "../format/human-duration.ts";
import { formatRows, type Listing } from "../format/listing.ts";

/** `berth cache ls` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    format: text(formatHelp),
    "no-trunc": bool("Don't truncate output of tables"),
  },
  onFullDisk: true,
  examples: ["cache ls", "cache ls --format json"],
  run: async ({ values: { format = "table", "no-trunc": isWhole }, io, engine }) => {
    const now = Date.now();
    const whole = isWhole || !format.startsWith("table");
    const manifests = await (await engine()).cache.list();
    io.stdout.write(
      formatRows(
        listing,
        manifests.map((manifest) => ({ manifest, whole, now })),
        format,
      ),
    );
    return 0;
  },
});

interface Row {
  readonly manifest: CachedManifest;
  /** Digests in full. */
  readonly whole: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const listing: Listing<Row> = {
  type: "*formatter.cacheContext",
  table: ["Repository", "Tags", "Digest", "Size", "LastUsed"],
  columns: {
    Repository: { heading: "REPOSITORY", text: ({ manifest }) => manifest.repository },
    Tags: { heading: "TAGS", text: ({ manifest }) => manifest.tags.join(",") || "<none>" },
    Digest: {
      heading: "DIGEST",
      text: ({ manifest: { digest }, whole }) => (whole ? digest : digest.slice(0, shortDigest)),
    },
    MediaType: { heading: "MEDIA TYPE", text: ({ manifest }) => manifest.mediaType },
    Size: { heading: "SIZE", text: ({ manifest }) => humanSize(manifest.size) },
    LastUsed: {
      heading: "LAST USED",
      text: ({ manifest: { used }, now }) => `${humanDuration(now - used)} ago`,
    },
  },
};

/** `sha256:` and twelve digits. */
const shortDigest = 19;
