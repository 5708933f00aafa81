import { expect, test } from "vitest";
import { bool, integer, text } from "./flags/kinds.ts";
import { helpText } from "./help.ts";

test("a help text has Docker's layout and ends with examples", () => {
  const help = helpText({
    path: "berth ps",
    synopsis: "[OPTIONS]",
    summary: "List containers",
    aliases: ["berth container ls", "berth ps"],
    flags: {
      quiet: bool("Only display container IDs", { short: "q" }),
      last: integer("Show n last created containers (includes all states)", { short: "n", shownDefault: "-1" }),
      format: text("Format output using a custom template:\n'table':            Print output in table format"),
      secret: bool("", { hidden: true }),
    },
    examples: ["ps -a"],
  });
  expect(help).toBe(`Usage:  berth ps [OPTIONS]

List containers

Aliases:
  berth container ls, berth ps

Options:
      --format string   Format output using a custom template:
                        'table':            Print output in table format
  -n, --last int        Show n last created containers (includes all
                        states) (default -1)
  -q, --quiet           Only display container IDs

Examples:
  berth ps -a
`);
});
