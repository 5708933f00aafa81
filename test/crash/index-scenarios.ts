import { join } from "node:path";
import type { Berth } from "../support/berth.ts";
import { platforms, writeMultiPlatform } from "../support/multi-platform.ts";
import type { Scenario } from "./scenarios.ts";

/** The verbs that write much, for an image of several platforms. */
export function indexScenarios(berth: Berth): Readonly<Record<"load-index" | "rmi-index", Scenario>> {
  const layout = join(berth.directory, "layout");
  const { digest, images } = writeMultiPlatform(layout, { name: "docker.io/library/multi:1" });
  const load = ["load", "-q", "-i", layout];

  const isThere = async (image: string): Promise<boolean> => (await berth.run(["image", "inspect", image])).code === 0;
  const forget = async (): Promise<void> => {
    if (await isThere("multi:1")) await berth.out(["rmi", "-f", "multi:1"]);
    await berth.out(["image", "prune", "-f"]);
  };
  const isWhole = async (): Promise<void> => {
    const inspected = await berth.out(["image", "inspect", "-f", "{{.RepoTags}}", digest]);
    if (inspected !== "[multi:1]") throw new Error(`the index has the names ${inspected}`);
    for (const [platform, { id }] of images) {
      const found = await berth.out(["image", "inspect", "-f", "{{.Id}}", "--platform", platform, "multi:1"]);
      if (found !== id) throw new Error(`${platform} is ${found}`);
    }
    const said = await berth.out(["run", "--rm", "--network", "none", "multi:1"]);
    if (said !== platforms[0]) throw new Error(`multi:1 says ${JSON.stringify(said)}`);
  };
  return {
    "load-index": { args: load, prepare: forget, verify: isWhole },
    "rmi-index": {
      args: ["rmi", "multi:1"],
      prepare: async () => void (await berth.out(load)),
      verify: async () => {
        for (const image of ["multi:1", digest, ...[...images.values()].map(({ id }) => id)]) {
          if (await isThere(image)) throw new Error(`${image} is still there`);
        }
      },
    },
  };
}
