import type { Engine } from "../../engine/engine.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";
import { type Filter, filters } from "../flags/filter.ts";
import { parseBytes } from "../flags/go-values.ts";
import { bool, value } from "../flags/kinds.ts";
import { buildFilter } from "../list/build-filter.ts";
import { prettyRecord } from "../list/builder-rows.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { agreed, reclaimed } from "./prune.ts";

interface PruneValues {
  readonly all: boolean;
  readonly filter: readonly Filter[];
  readonly force: boolean;
  readonly "keep-storage": number | undefined;
  readonly "max-used-space": number | undefined;
  readonly "min-free-space": number | undefined;
  readonly "reserved-space": number | undefined;
  readonly verbose: boolean;
}

const bytes = { valueName: "bytes" };

/** `berth builder prune` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    ...builderFlags,
    all: bool("Remove all unused build cache, not just dangling ones", { short: "a" }),
    filter: filters('Provide filter values (e.g. "until=24h", "type=exec.cachemount")'),
    force: bool("Do not prompt for confirmation", { short: "f" }),
    "keep-storage": value("Older name of --reserved-space", parseBytes, bytes),
    "max-used-space": value("Maximum amount of disk space allowed to keep for cache", parseBytes, bytes),
    "min-free-space": value("Target amount of free disk space after pruning", parseBytes, bytes),
    "reserved-space": value("Amount of disk space always allowed to keep for cache", parseBytes, bytes),
    verbose: bool("Tell what was removed, record by record"),
  },
  onFullDisk: true,
  examples: ["builder prune -f", "builder prune -f --filter until=48h", "builder prune -f --max-used-space 20g"],
  run: async ({ values, io, engine }: Call<PruneValues>) => {
    const fits = values.filter.length === 0 ? {} : { fits: buildFilter(values.filter) };
    const space = spaceOf(values);
    const isWhole = Object.keys({ ...fits, ...space }).length === 0;
    const records = values.all && isWhole;
    const what = `${isWhole ? "all build cache" : "the build cache that these options leave"}${records ? " and the records of all builds" : ""}`;
    if (!values.force && !(await agreed(io, `This will remove ${what}.`))) return 0;
    using interrupt = interruptible(io);
    const opened = await engine();
    if (records) await opened.builds.remove("all");
    const before = values.verbose ? await opened.buildUsage() : [];
    const freed = await opened.pruneBuilds({ ...fits, ...space, signal: interrupt.signal });
    if (values.verbose) io.stdout.write(removedText(before, await opened.buildUsage()));
    io.stdout.write(reclaimed(freed));
    return 0;
  },
});

type Usage = Awaited<ReturnType<Engine["buildUsage"]>>;

/** Those that are gone, each as `du --verbose` shows it. */
function removedText(before: Usage, after: Usage): string {
  const kept = new Set(after.map(({ id }) => id));
  const now = Date.now();
  const removed = before.filter(({ id }) => !kept.has(id));
  return removed.map((build) => `${prettyRecord({ build, now, inTable: false })}\n`).join("");
}

function spaceOf(values: PruneValues): {
  readonly reserved?: number;
  readonly maxUsed?: number;
  readonly minFree?: number;
} {
  const reserved = values["reserved-space"] ?? values["keep-storage"];
  const [maxUsed, minFree] = [values["max-used-space"], values["min-free-space"]];
  return {
    ...(reserved === undefined ? {} : { reserved }),
    ...(maxUsed === undefined ? {} : { maxUsed }),
    ...(minFree === undefined ? {} : { minFree }),
  };
}
