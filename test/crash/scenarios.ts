import { join } from "node:path";
import type { Berth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import type { Registry } from "../support/registry.ts";
import { digestScenarios } from "./digest-scenarios.ts";
import { indexScenarios } from "./index-scenarios.ts";
import { registryScenarios } from "./registry-scenarios.ts";

/** A command that changes the store, the way to the state that it starts from, and what it leaves. */
export interface Scenario {
  readonly args: readonly string[];
  /** Brings the store to where the command can be run, whatever an interrupted one left. */
  readonly prepare: () => Promise<void>;
  /** Throws when what the command does isn't done: for one that said that it was. */
  readonly verify: () => Promise<void>;
}

/** The verbs that write much. */
export const scenarioNames = [
  "import",
  "load",
  "load-index",
  "load-layout",
  "commit",
  "build",
  "image-digest",
  "rmi",
  "rmi-index",
  "prune",
  "pull",
  "push",
] as const;

/** Make what the scenarios need, and give them. @param registry one with nothing in it */
export async function openScenarios(
  berth: Berth,
  registry: Registry,
): Promise<Readonly<Record<(typeof scenarioNames)[number], Scenario>>> {
  await berth.files("context", {
    Dockerfile: "FROM busybox\nCOPY file /copied\nRUN echo run > /ran\nCMD cat /copied\n",
    file: "a file\n",
  });
  const change = "echo x > /new; rm /bin/vi";
  await berth.out(["run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", change]);
  await berth.out(["build", "-q", "-t", "kept", "context"]);
  const archive = join(berth.directory, "kept.tar");
  await berth.out(["save", "-o", archive, "kept"]);

  const remove = async (image: string): Promise<void> => {
    if ((await berth.run(["image", "inspect", image])).code === 0) await berth.out(["rmi", "-f", image]);
  };
  const forget = async (image: string): Promise<void> => {
    await remove(image);
    await berth.out(["builder", "prune", "-af"]);
    await berth.out(["image", "prune", "-f"]);
  };
  const has = async (image: string, file: string, text: string): Promise<void> => {
    const said = await berth.out(["run", "--rm", "--network", "none", image, "cat", file]);
    if (said !== text) throw new Error(`${image} has ${JSON.stringify(said)} in ${file}`);
  };
  const hasNot = async (image: string): Promise<void> => {
    if ((await berth.run(["image", "inspect", image])).code === 0) throw new Error(`${image} is still there`);
  };
  return {
    ...indexScenarios(berth),
    ...(await digestScenarios(berth)),
    ...(await registryScenarios(berth, registry)),
    import: {
      args: ["import", baseArchives().busybox, "made"],
      prepare: () => remove("made"),
      verify: () => has("made", "/proc/sys/kernel/ostype", "Linux"),
    },
    load: {
      args: ["load", "-q", "-i", archive],
      prepare: () => forget("kept"),
      verify: () => has("kept", "/ran", "run"),
    },
    commit: {
      args: ["commit", "changed", "made"],
      prepare: () => remove("made"),
      verify: () => has("made", "/new", "x"),
    },
    build: {
      args: ["build", "-q", "-t", "made", "context"],
      prepare: () => forget("made"),
      verify: () => has("made", "/copied", "a file"),
    },
    rmi: {
      args: ["rmi", "made"],
      prepare: async () => void (await berth.out(["import", baseArchives().busybox, "made"])),
      verify: () => hasNot("made"),
    },
    prune: {
      args: ["system", "prune", "-f"],
      prepare: async () => {
        await berth.out(["import", baseArchives().busybox]);
        await berth.out(["create", "--name", "pruned", "busybox"]).catch(() => undefined);
        if ((await berth.run(["container", "inspect", "changed"])).code !== 0) {
          await berth.out(["run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", change]);
        }
      },
      verify: async () => {
        const left = await berth.out(["images", "-q", "--filter", "dangling=true"]);
        if (left !== "") throw new Error(`dangling images are still there: ${left}`);
      },
    },
  };
}
