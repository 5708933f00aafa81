import { type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";
import { bool, text } from "../flags/kinds.ts";
import { type Builder, theBuilder } from "../format/builder.ts";
import { formatHelp } from "../format/format-help.ts";
import { goJson } from "../format/go-json.ts";
import { formatRows, type Listing } from "../format/listing.ts";

interface Row {
  readonly builder: Builder;
  /** The line of the builder's one node, rather than its own. */
  readonly isNode: boolean;
  readonly isTable: boolean;
}

const listing: Listing<Row> = {
  type: "*commands.lsContext",
  columns: {
    Name: { heading: "NAME/NODE", text: ({ builder, isNode, isTable }) => nameOf(builder, isNode, isTable) },
    DriverEndpoint: {
      heading: "DRIVER/ENDPOINT",
      text: ({ builder, isNode, isTable }) => (isNode ? `${branch(isTable)}${builder.endpoint}` : builder.driver),
    },
    Status: { heading: "STATUS", text: ({ builder, isNode }) => (isNode ? builder.status : "") },
    Buildkit: { heading: "BUILDKIT", text: ({ builder, isNode }) => (isNode ? builder.version : "") },
    Platforms: { heading: "PLATFORMS", text: ({ builder, isNode }) => (isNode ? builder.platforms.join(", ") : "") },
  },
  table: ["Name", "DriverEndpoint", "Status", "Buildkit", "Platforms"],
};

/** `berth buildx ls` */
export const command: Command = defineCommand({
  synopsis: "",
  arity: { min: 0, max: 0 },
  flags: {
    ...builderFlags,
    format: text(formatHelp, { shownDefault: '"table"' }),
    "no-trunc": bool("Don't truncate output"),
  },
  examples: ["buildx ls", "buildx ls --format json"],
  run: async ({ values: { format = "table" }, io }) => {
    const builder = theBuilder();
    if (format === "json") io.stdout.write(`${goJson(asJSON(builder))}\n`);
    else {
      const isTable = format.startsWith("table");
      const rows = [false, true].map((isNode) => ({ builder, isNode, isTable }));
      io.stdout.write(formatRows(listing, rows, format));
    }
    return 0;
  },
});

/** The star marks the current one. */
function nameOf({ name }: Builder, isNode: boolean, isTable: boolean): string {
  return isNode ? `${branch(isTable)}${name}` : `${name}${isTable ? "*" : ""}`;
}

function branch(isTable: boolean): string {
  return isTable ? " \\_ " : "";
}

function asJSON({ name, driver, endpoint, status, version, platforms }: Builder): object {
  const node = { Endpoint: endpoint, Name: name, Platforms: platforms, Status: status, Version: version };
  return { Current: true, Driver: driver, Dynamic: false, Name: name, Nodes: [node] };
}
