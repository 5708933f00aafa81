import { join } from "node:path";
import type { Berth } from "../support/berth.ts";
import type { Scenario } from "./scenarios.ts";

/** The verbs that write down how layers are compressed. */
export async function digestScenarios(
  berth: Berth,
): Promise<Readonly<Record<"load-layout" | "image-digest", Scenario>>> {
  const layout = join(berth.directory, "digested-layout.tar");
  const plain = join(berth.directory, "digested-plain.tar");
  await berth.files("digested", {
    Dockerfile: "FROM busybox\nCOPY file /digested\n",
    file: "compressed ".repeat(10_000),
  });
  await berth.out(["build", "-q", "-t", "digested", "digested"]);
  const as = ["--compression", "zstd"];
  const came = await berth.out(["image", "digest", ...as, "digested"]);
  const made = await berth.out(["image", "digest", "digested"]);
  await berth.out(["save", "--format", "oci", ...as, "-o", layout, "digested"]);
  await berth.out(["save", "-o", plain, "digested"]);
  // Nothing but the image has its layer.
  await berth.out(["builder", "prune", "-af"]);

  const forget = async (): Promise<void> => void (await berth.run(["rmi", "-f", "digested"]));
  const verify = async (digest: string): Promise<void> => {
    const said = await berth.out(["image", "digest", "digested"]);
    if (said !== digest) throw new Error(`the image has the digest ${said} instead of ${digest}`);
  };
  return {
    "load-layout": { args: ["load", "-q", "-i", layout], prepare: forget, verify: () => verify(came) },
    "image-digest": {
      args: ["image", "digest", "digested"],
      // Nothing is known of how its layer is compressed.
      prepare: async () => {
        await forget();
        await berth.out(["load", "-q", "-i", plain]);
      },
      verify: () => verify(made),
    },
  };
}
