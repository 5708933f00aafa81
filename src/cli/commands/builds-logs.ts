import { type Command, defineCommand } from "../command.ts";
import { value } from "../flags/kinds.ts";
import type { ProgressDisplay } from "../progress/display.ts";
import { plainProgress } from "../progress/plain.ts";
import { rawJSONProgress } from "../progress/raw-json.ts";
import { replay } from "../progress/replay.ts";

/** `berth builds logs` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD]",
  arity: { min: 0, max: 1 },
  flags: {
    progress: value('Set type of progress output ("plain", "rawjson")', parseForm, { shownDefault: '"plain"' }),
  },
  onFullDisk: true,
  examples: ["builds logs", "builds logs ^1", "builds logs --progress rawjson 3f2a91c04d7e"],
  run: async ({ values: { progress = "plain" }, args: [ref = ""], io, engine }) => {
    const { builds } = await engine();
    const build = await builds.get(ref);
    const log = await builds.log(build.id);
    let clock = 0;
    const write = (text: string): void => void io.stdout.write(text);
    using display: ProgressDisplay =
      progress === "plain"
        ? plainProgress({ write, now: () => clock })
        : rawJSONProgress({ write, time: () => build.started + clock });
    for (const { at, event } of replay(build, log)) {
      clock = at;
      display.report(event);
    }
    return 0;
  },
});

function parseForm(given: string): "plain" | "rawjson" {
  if (given === "plain" || given === "rawjson") return given;
  throw new Error(`invalid progress mode ${given}`);
}
