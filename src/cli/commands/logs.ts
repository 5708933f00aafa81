import { once } from "node:events";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { parseMoment } from "../flags/moment.ts";
import { notYet } from "../flags/not-yet.ts";

/** `berth logs` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER",
  arity: { min: 1, max: 1 },
  flags: {
    ...notYet({ withValue: [], alone: ["details"] }),
    follow: bool("Follow log output", { short: "f" }),
    since: text('Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
    tail: text("Number of lines to show from the end of the logs", { short: "n", shownDefault: '"all"' }),
    timestamps: bool("Show timestamps", { short: "t" }),
    until: text('Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
  },
  examples: ["logs web", "logs -f --tail 10 web"],
  run: async ({ values, args: [name = ""], io, engine }) => {
    const options = {
      follow: values.follow,
      timestamps: values.timestamps,
      since: momentOf("since", values.since),
      until: momentOf("until", values.until),
      tail: tailOf(values.tail),
    };
    const { containers } = await engine();
    const { id } = await containers.get(name);
    for await (const { stream, data } of containers.logs(id, options)) {
      if (!io[stream].write(data)) await once(io[stream].stream, "drain");
    }
    return 0;
  },
});

/** Anything but a number is "all", as in Docker. */
function tailOf(given: string | undefined): number | undefined {
  return given !== undefined && /^\+?\d+$/.test(given) ? Number(given) : undefined;
}

function momentOf(name: string, given: string | undefined): number | undefined {
  if (given === undefined || given === "") return undefined;
  const moment = parseMoment(given);
  if (moment !== undefined) return moment;
  throw new CliError(
    `invalid value for "${name}": failed to parse value as time or duration: ${JSON.stringify(given)}`,
  );
}
