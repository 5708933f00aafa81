import { type FileLinter, openLinter } from "../dockerfile/linter.ts";
import type { Digest } from "../oci/digest.ts";
import { hostPlatform, type Platform, platformText } from "../oci/platform.ts";
import type { Frontend } from "./frontend.ts";
import type { Graph, Vertex } from "./graph.ts";
import { type Lowered, type LowerOptions, lower } from "./lower.ts";
import { type BaseImage, imageKey } from "./resolve-stages.ts";

/** A target for one platform. */
export interface PlatformTarget {
  readonly platform: Platform;
  readonly lowered: Lowered;
}

/** What {@link lowerPlatforms} takes: of {@link LowerOptions} what holds for all platforms. */
export interface PlatformOptions
  extends Omit<LowerOptions, "platform" | "isAsked" | "showsPlatform" | "buildPlatform" | "linter" | "resolveImage"> {
  /** Those that are asked for; none is this machine's alone, with whatever base images there are. */
  readonly platforms: readonly Platform[];
  /** Told of the first platform alone: the others have the same lines. */
  readonly linter: FileLinter;
  /** @param shown what stands in front of progress, where there are several platforms */
  readonly resolve: (name: string, platform: Platform | undefined, shown: string) => Promise<BaseImage>;
}

/** Stages as work to do for several platforms: what is the same for some of them is in the graph once. @throws {BuildError} */
export async function lowerPlatforms(
  frontend: Frontend,
  { platforms, linter, resolve, ...options }: PlatformOptions,
): Promise<{ readonly graph: Graph; readonly targets: readonly PlatformTarget[] }> {
  const several = platforms.length > 1;
  const found = new Map<string, Promise<BaseImage>>();
  const resolveImage = (name: string, wanted: Platform | undefined): Promise<BaseImage> => {
    const shown = several && wanted !== undefined ? `${platformText(wanted)} ` : "";
    const key = imageKey(name, wanted);
    const finding = found.get(key) ?? resolve(name, wanted, shown);
    found.set(key, finding);
    return finding;
  };
  const targets = await Promise.all(
    (platforms.length === 0 ? [hostPlatform] : platforms).map(async (platform, place) => {
      const lowered = await lower(frontend, {
        ...options,
        platform,
        buildPlatform: hostPlatform,
        isAsked: platforms.length > 0,
        showsPlatform: several,
        linter: place === 0 ? linter : openLinter(frontend.directives),
        resolveImage,
      });
      return { platform, lowered };
    }),
  );
  return { graph: mergedGraph(targets.map(({ lowered }) => lowered.graph)), targets };
}

/** Graphs as one. What several have is called as the first one calls it; what one needs for it, it gets. */
export function mergedGraph(graphs: readonly Graph[]): Graph {
  const vertices = new Map<Digest, Vertex>();
  for (const vertex of graphs.flatMap((graph) => [...graph.values()])) {
    const known = vertices.get(vertex.digest);
    const { noCache, architecture } = { ...vertex, ...known };
    vertices.set(vertex.digest, {
      ...(known ?? vertex),
      ...(noCache === undefined ? {} : { noCache }),
      ...(architecture === undefined ? {} : { architecture }),
    });
  }
  return vertices;
}
