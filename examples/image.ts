// berth's own image, as values in place of a Dockerfile. In the project's directory, once it is built and the store has a Debian:
//   berth build -f examples/image.ts --build-context libraries=/usr/lib/x86_64-linux-gnu -t berth .
//   berth run --rm berth version
import { type BuildInputs, context, from, type Stage, scratch } from "berth-engine";

const home = "/opt/berth";

/** Node's name for a platform that this project has a Node for. */
const processors: Readonly<Record<string, string>> = { "linux/amd64": "x64", "linux/arm64": "arm64" };

/** What the command is made of, and nothing else: a stage of its own, so that the image has one layer for it. */
function project(platform: string): Stage {
  const node = `node_modules/node-linux-${processors[platform]}/bin/node`;
  return scratch({ name: "project" })
    .copy(["package.json", "LICENSE"], `${home}/`)
    .copy("bin", `${home}/bin`)
    .copy("dist", `${home}/dist`, { exclude: ["compile-cache"] })
    .copy("node_modules/yaml", `${home}/node_modules/yaml`)
    .copy(node, `${home}/${node}`);
}

/** Copies, examines and signs in as it is; containers and `RUN` steps need the Debian packages of `scripts/setup` as well. */
export function image({ platform, arg }: BuildInputs): Stage {
  return (
    from(arg("BASE", "debian:bookworm-slim"))
      .copy("/", "/", { from: project(platform) })
      // What Node needs and a small Debian hasn't.
      .copy("libatomic.so.1", "/usr/lib/", { from: context("libraries") })
      .env(({ PATH }) => ({ PATH: `${home}/bin:${PATH}` }))
      .run(["berth", "version"], { network: "none" })
      .label({ "org.opencontainers.image.title": "berth", "org.opencontainers.image.licenses": "Apache-2.0" })
      .volume("/var/lib/berth")
      .entrypoint(["berth"])
      .cmd(["--help"])
  );
}
