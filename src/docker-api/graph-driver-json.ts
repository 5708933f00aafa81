import type { OverlayPaths } from "../snapshot/overlay-mount.ts";

/** `GraphDriver`: where the layers of an image or a container lie. */
export interface GraphDriverJSON {
  readonly Data: Readonly<Record<string, string>>;
  readonly Name: "overlay2";
}

/** Layers as Docker's overlay2 driver tells of them. @param merged where all of it is seen: only a running container has that */
export function toGraphDriverJSON({ lower, upper, work }: OverlayPaths, merged?: string): GraphDriverJSON {
  const data = {
    ...(lower.length === 0 ? {} : { LowerDir: lower.join(":") }),
    ...(merged === undefined ? {} : { MergedDir: merged }),
    ...(upper === undefined ? {} : { UpperDir: upper }),
    ...(work === undefined ? {} : { WorkDir: work }),
  };
  return { Data: data, Name: "overlay2" };
}
