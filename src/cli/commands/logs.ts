import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import type { LogLine } from "../engine-types.ts";
import { bool, text } from "../flags/kinds.ts";
import { parseMoment } from "../flags/moment.ts";
import { notYet } from "../flags/not-yet.ts";

const newline = 0x0a;

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
    const since = momentOf("since", values.since);
    const until = momentOf("until", values.until);
    const { containers } = await engine();
    const { id } = await containers.get(name);
    const wanted = (line: LogLine): boolean => {
      const time = Date.parse(line.time);
      return (since === undefined || time >= since) && (until === undefined || time <= until);
    };
    let skip = await linesBefore(containers.logs(id), wanted, values.tail);
    let begins = true;
    for await (const line of containers.logs(id, { follow: values.follow })) {
      if (!wanted(line)) continue;
      const ends = endsLine(line);
      if (skip > 0) {
        if (ends) skip--;
        continue;
      }
      const stamp = values.timestamps && begins ? `${line.time.replace("+00:00", "Z")} ` : "";
      io[line.stream].write(Buffer.concat([Buffer.from(stamp), line.data]));
      begins = ends;
    }
    return 0;
  },
});

function momentOf(name: string, given: string | undefined): number | undefined {
  if (given === undefined || given === "") return undefined;
  const moment = parseMoment(given);
  if (moment !== undefined) return moment;
  throw new CliError(
    `invalid value for "${name}": failed to parse value as time or duration: ${JSON.stringify(given)}`,
  );
}

/** How many lines come before the last `tail` ones. Anything but a number is "all", as in Docker. */
async function linesBefore(
  lines: AsyncIterable<LogLine>,
  wanted: (line: LogLine) => boolean,
  tail: string | undefined,
): Promise<number> {
  if (tail === undefined || !/^\d+$/.test(tail)) return 0;
  let count = 0;
  for await (const line of lines) if (wanted(line) && endsLine(line)) count++;
  return Math.max(0, count - Number(tail));
}

/** A long line comes in several pieces; only the last has the line feed. */
function endsLine({ data }: LogLine): boolean {
  return data.at(-1) === newline;
}
