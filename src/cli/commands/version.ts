import { build, version } from "../../base/version.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { fillTemplate } from "./fill-template.ts";

const title = "berth:\n";

/** `berth version` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: { format: text(inspectFormatHelp, { short: "f" }) },
  examples: ["version", "version --format '{{.Client.Version}}'"],
  run: async ({ values: { format }, io }) => {
    const facts = { Version: version, GitCommit: build, NodeVersion: process.version, Os: "linux", Arch: process.arch };
    // Without a daemon, client and server are the same program.
    if (format !== undefined) io.stdout.write(fillTemplate(format, { Client: facts, Server: facts }));
    else io.stdout.write(title + lines(facts));
    return 0;
  },
});

function lines(facts: Readonly<Record<string, string>>): string {
  return Object.entries(facts)
    .map(([name, value]) => ` ${`${name}:`.padEnd(15)}${value}\n`)
    .join("");
}
