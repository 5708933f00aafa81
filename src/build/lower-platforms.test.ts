import { expect, test } from "vitest";
import { openLinter } from "../dockerfile/linter.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { digestOf } from "../oci/digest.ts";
import { hostPlatform, type Platform, platformText } from "../oci/platform.ts";
import { dockerfileFrontend } from "./dockerfile/frontend.ts";
import { lowerPlatforms } from "./lower-platforms.ts";

const foreign = { os: "linux", architecture: hostPlatform.architecture === "s390x" ? "riscv64" : "s390x" };
const own = platformText(hostPlatform);

async function lowered(text: string, platforms: readonly Platform[]) {
  const asked: string[] = [];
  const { graph, targets } = await lowerPlatforms(dockerfileFrontend(parseDockerfile(text)), {
    platforms,
    linter: openLinter([]),
    ignores: () => false,
    buildArgs: new Map(),
    network: "default",
    allowsHostNetwork: false,
    resolve: async (name, platform, shown) => {
      asked.push(`${shown}${name}`);
      const { os, architecture } = platform ?? hostPlatform;
      const chainID = digestOf(`${name} ${architecture}`);
      return {
        id: chainID,
        chainID,
        name,
        config: { os, architecture, rootfs: { type: "layers", diff_ids: [chainID] } },
      };
    },
  });
  return { asked, targets, vertices: [...graph.values()], names: [...graph.values()].map(({ name }) => name) };
}

const crossing = `FROM --platform=$BUILDPLATFORM busybox AS tools
RUN make tools
FROM --platform=$BUILDPLATFORM busybox AS cross
ARG TARGETARCH
RUN make for it
FROM base
COPY --from=tools /a /
COPY --from=cross /b /
`;

test("what doesn't hang on the platform is one step for all, and each image is looked up once", async () => {
  const { asked, names, targets } = await lowered(crossing, [hostPlatform, foreign]);
  expect(asked.toSorted()).toEqual([`${own} base`, `${own} busybox`, `${platformText(foreign)} base`].toSorted());
  expect(names.filter((name) => name.includes("RUN")).sort()).toEqual([
    `[${own} cross 2/2] RUN make for it`,
    `[${own} tools 2/2] RUN make tools`,
    `[${own}->${foreign.architecture} cross 2/2] RUN make for it`,
  ]);
  expect(new Set(targets.map(({ lowered: { output } }) => output)).size).toBe(2);
  expect(targets.map(({ lowered: { image } }) => image.platform.architecture)).toEqual([
    hostPlatform.architecture,
    foreign.architecture,
  ]);
});

test("a build for one platform has no platform in its steps' names", async () => {
  for (const platforms of [[], [foreign]]) {
    const { names } = await lowered("FROM base\nRUN a\n", platforms);
    expect(names).toEqual(["[1/2] FROM base", "[2/2] RUN a"]);
  }
});

test.each([[[hostPlatform, foreign]], [[foreign, hostPlatform]]])(
  "a step that is the same for this machine and another one can be emulated",
  async (platforms) => {
    const { vertices } = await lowered('FROM scratch\nCOPY program /\nRUN ["/program"]\n', platforms);
    const steps = vertices.filter(({ op }) => op.kind === "exec");
    expect(steps.map(({ architecture }) => architecture)).toEqual([foreign.architecture]);
  },
);
