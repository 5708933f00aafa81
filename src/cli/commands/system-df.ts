import { type Command, defineCommand } from "../command.ts";
import { notYet } from "../flags/not-yet.ts";
import { align } from "../format/align.ts";
import { humanSize } from "../format/human-size.ts";

/** `berth system df` */
export const command: Command = defineCommand({
  synopsis: "",
  arity: { min: 0, max: 0 },
  flags: notYet({ withValue: ["format"], alone: ["verbose/v"] }),
  examples: ["system df"],
  run: async ({ io, engine }) => {
    const { images, containers, volumes } = await engine();
    const all = images.list();
    const running = await containers.list();
    const used = new Set(running.map(({ imageID }) => imageID));
    const size = all.reduce((sum, image) => sum + image.size, 0);
    const active = running.filter(({ state }) => state.status === "running").length;
    const mounted = new Set(running.flatMap(({ config }) => config.mounts.map(({ name }) => name)));
    const known = volumes.list();
    io.stdout.write(
      align([
        ["TYPE", "TOTAL", "ACTIVE", "SIZE"],
        ["Images", String(all.length), String(all.filter(({ id }) => used.has(id)).length), humanSize(size)],
        ["Containers", String(running.length), String(active), "N/A"],
        ["Local Volumes", String(known.length), String(known.filter(({ name }) => mounted.has(name)).length), "N/A"],
      ]),
    );
    return 0;
  },
});
