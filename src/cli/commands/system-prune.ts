import { type Command, defineCommand } from "../command.ts";
import { filters } from "../flags/filter.ts";
import { bool } from "../flags/kinds.ts";
import { agreed, pruneContainers, pruneImages, pruneVolumes, reclaimed } from "./prune.ts";

/** `berth system prune` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    all: bool("Remove all unused images not just dangling ones", { short: "a" }),
    filter: filters('Provide filter values (e.g. "label=<key>=<value>")'),
    force: bool("Do not prompt for confirmation", { short: "f" }),
    volumes: bool("Prune anonymous volumes"),
  },
  onFullDisk: true,
  examples: ["system prune -f"],
  run: async ({ values: { all, filter, force, volumes }, io, engine }) => {
    const images = all ? "all images without at least one container associated to them" : "all dangling images";
    const anonymous = volumes ? "  - all anonymous volumes not used by at least one container\n" : "";
    const opened = await engine();
    const cached =
      all && (await opened.cache.list()).length > 0 ? "  - everything that the registry cache keeps\n" : "";
    const records = all ? "  - the records of all builds\n" : "";
    const warning = `This will remove:\n  - all stopped containers\n${anonymous}  - ${images}\n  - unused build cache\n${records}${cached}`;
    if (!force && !(await agreed(io, warning))) return 0;
    const { ids, bytes: containerBytes } = await pruneContainers(opened, filter);
    if (ids.length > 0) io.stdout.write(`Deleted Containers:\n${ids.map((id) => `${id}\n`).join("")}\n`);
    const pruned = volumes ? await pruneVolumes(opened) : { names: [], bytes: 0 };
    if (pruned.names.length > 0) io.stdout.write(`Deleted Volumes:\n${pruned.names.join("\n")}\n\n`);
    const { lines, bytes } = await pruneImages(opened, { all, given: filter });
    if (lines.length > 0) io.stdout.write(`Deleted Images:\n${lines.join("\n")}\n\n`);
    if (all) await opened.builds.remove("all");
    const cachedBytes = all ? await opened.cache.prune(0) : 0;
    io.stdout.write(reclaimed(containerBytes + pruned.bytes + bytes + cachedBytes + (await opened.pruneBuilds())));
    return 0;
  },
});
